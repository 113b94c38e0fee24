//! Bounded logs that keep the newest bytes. The API's own `limitBytes` keeps the oldest.

use std::collections::VecDeque;

/// Holds at most so many bytes: the last ones.
pub(super) struct NewestBytes {
    limit: usize,
    bytes: VecDeque<u8>,
    dropped: bool,
}

impl NewestBytes {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: VecDeque::new(), dropped: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        let kept = &chunk[chunk.len().saturating_sub(self.limit)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(self.limit);
        self.dropped |= excess > 0 || kept.len() < chunk.len();
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend(kept);
    }

    /// Starts at the beginning of a line where something was dropped before and a line begins at all.
    pub(super) fn into_text(mut self) -> String {
        if self.dropped
            && let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n')
            && end + 1 < self.bytes.len()
        {
            self.bytes.drain(..=end);
        }
        String::from_utf8_lossy(self.bytes.make_contiguous()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::NewestBytes;

    #[test]
    fn keeps_whole_newest_lines() {
        let mut newest = NewestBytes::new(9);
        for chunk in [b"one\ntw".as_slice(), b"o\nthree\n"] {
            newest.push(chunk);
        }
        assert_eq!(newest.into_text(), "three\n");
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        let mut newest = NewestBytes::new(100);
        newest.push(b"a\xffb");
        assert_eq!(newest.into_text(), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn is_a_bounded_suffix(chunks in prop::collection::vec("[a-c\n]{0,9}", 0..9), limit in 0_usize..20) {
            let mut newest = NewestBytes::new(limit);
            for chunk in &chunks {
                newest.push(chunk.as_bytes());
            }
            let (all, text) = (chunks.concat(), newest.into_text());
            prop_assert!(text.len() <= limit && all.ends_with(&text));
            prop_assert!(all.len() > limit || text == all);
        }
    }
}
