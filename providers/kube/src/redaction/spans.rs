//! Puts masks in place of parts of a text, and leaves masks that are there in one piece.

use std::borrow::Cow;
use std::ops::Range;

use regex::{Captures, Regex};

use super::{MASK_PREFIX, Redactor, is_mask};

/// Longest mask in bytes.
const MAX_MASK: usize = 40;

/// A text whose masked copy is being written, from left to right.
pub(super) struct Masking<'r, 't> {
    redactor: &'r Redactor,
    text: &'t str,
    output: String,
    copied: usize,
}

impl<'r, 't> Masking<'r, 't> {
    pub(super) fn new(redactor: &'r Redactor, text: &'t str) -> Self {
        Self { redactor, text, output: String::new(), copied: 0 }
    }

    /// Up to where the text is dealt with.
    pub(super) fn position(&self) -> usize {
        self.copied
    }

    /// Masks a part. Nothing happens where it is empty, is masked already or begins before the last one's end.
    pub(super) fn mask(&mut self, part: Range<usize>) -> bool {
        let end = mask_around(self.text, part.end).unwrap_or(part.end);
        let Some(secret) = self.text.get(part.start..end) else { return false };
        self.mask_as(part.start..end, secret)
    }

    /// Masks a part with the mask of what it stands for, such as its decoded form.
    pub(super) fn mask_as(&mut self, part: Range<usize>, secret: &str) -> bool {
        let Some(written) = self.text.get(part.clone()) else { return false };
        if part.start < self.copied
            || written.trim().is_empty()
            || is_mask(written)
            || mask_around(self.text, part.start).is_some()
            || mask_around(self.text, part.end).is_some()
        {
            return false;
        }
        self.output.push_str(&self.text[self.copied..part.start]);
        self.output.push_str(&self.redactor.mask(secret));
        self.copied = part.end;
        true
    }

    pub(super) fn finish(mut self) -> Cow<'t, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.output.push_str(&self.text[self.copied..]);
        Cow::Owned(self.output)
    }
}

/// Masks what `secret` names of every hit.
pub(super) fn mask_all<'t>(
    redactor: &Redactor,
    text: &'t str,
    pattern: &Regex,
    secret: impl Fn(&Captures<'_>) -> Option<Range<usize>>,
) -> Cow<'t, str> {
    let mut masking = Masking::new(redactor, text);
    for captures in pattern.captures_iter(text) {
        if let Some(part) = secret(&captures) {
            masking.mask(part);
        }
    }
    masking.finish()
}

/// Where the mask ends in whose middle the position lies: a mask is one thing and never taken apart.
fn mask_around(text: &str, position: usize) -> Option<usize> {
    let earliest = text.floor_char_boundary(position.saturating_sub(MAX_MASK));
    // The position may lie within the prefix.
    let reached = text.ceil_char_boundary((position + MASK_PREFIX.len() - 1).min(text.len()));
    let start = earliest + text.get(earliest..reached)?.rfind(MASK_PREFIX)?;
    if start >= position {
        return None;
    }
    let window = &text[start..text.floor_char_boundary(text.len().min(start + MAX_MASK))];
    let end = start + window.find('>')? + 1;
    (end > position && is_mask(&text[start..end])).then_some(end)
}
