//! Cuts a body into whole lines.
//!
//! The event-stream parser below the client library starts over on a line that is not complete, so a long
//! line in many pieces would cost quadratic time; and it panics on a byte order mark. It gets neither.

use bytes::{Bytes, BytesMut};

use crate::errors::Failure;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The cutter of one body.
#[derive(Debug)]
pub(crate) struct Lines {
    open: BytesMut,
    left: usize,
    limit: usize,
    at_start: bool,
}

impl Lines {
    /// A cutter that takes up to `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { open: BytesMut::new(), left: limit, limit, at_start: true }
    }

    /// Takes the next piece and returns the lines that it completed; may be empty.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Bytes, Failure> {
        self.left = self.left.checked_sub(piece.len()).ok_or_else(|| {
            Failure::Protocol(format!("the answer is larger than {} bytes", self.limit))
        })?;
        let end = piece.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        let (complete, rest) = piece.split_at(end.map_or(0, |end| end + 1));
        if complete.is_empty() {
            self.open.extend_from_slice(rest);
            return Ok(Bytes::new());
        }
        let mut lines = std::mem::take(&mut self.open);
        lines.extend_from_slice(complete);
        self.open.extend_from_slice(rest);
        Ok(self.without_mark(lines.freeze()))
    }

    /// The line that was never completed, and the empty line without which the last event would be lost.
    pub(crate) fn finish(mut self) -> Bytes {
        let mut rest = std::mem::take(&mut self.open);
        rest.extend_from_slice(b"\n\n");
        self.without_mark(rest.freeze())
    }

    /// Whether lines that left hold the event after which nothing follows.
    pub(crate) fn are_last(lines: &[u8]) -> bool {
        let mut lines = lines.split(|byte| matches!(byte, b'\n' | b'\r'));
        lines.any(|line| matches!(line.trim_ascii_end(), b"data: [DONE]" | b"data:[DONE]"))
    }

    fn without_mark(&mut self, lines: Bytes) -> Bytes {
        let marked = std::mem::take(&mut self.at_start) && lines.starts_with(BYTE_ORDER_MARK);
        if marked { lines.slice(BYTE_ORDER_MARK.len()..) } else { lines }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_only_whole_lines_leave(
            pieces in proptest::collection::vec("[ab\r\n]{0,6}", 0..8)
        ) {
            let mut lines = Lines::new(100);
            let mut seen = Vec::new();
            for piece in &pieces {
                let cut = lines.push(piece.as_bytes()).unwrap();
                prop_assert!(cut.last().is_none_or(|byte| b"\r\n".contains(byte)));
                seen.extend_from_slice(&cut);
            }
            seen.extend_from_slice(&lines.finish());
            prop_assert_eq!(seen, format!("{}\n\n", pieces.concat()).into_bytes());
        }
    }

    #[test]
    fn the_limit_counts_all_pieces() {
        let mut lines = Lines::new(4);
        assert!(lines.push(b"abc").is_ok());
        assert!(lines.push(b"de").is_err());
    }
}
