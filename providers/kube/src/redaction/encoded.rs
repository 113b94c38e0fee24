//! URL-encoded text: read as what it stands for, masked in place.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::spans::Masking;
use super::{MASK_PREFIX, Redactor, is_mask, patterns};

/// Longest run that is decoded, in bytes.
const MAX_RUN: usize = 8 * 1024;
/// How often a text may have been encoded.
const MAX_DEPTH: usize = 3;

/// Signs whose encoded form tells that a run of letters is more than a name with a blank in it: `:`, `/`, `=`, `@`,
/// quotes and `%` itself.
pub(super) const HINTS: &[&str] = &["%3a", "%2f", "%3d", "%40", "%22", "%25"];

/// Masks the secrets of runs that are URL-encoded.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str, depth: usize) -> Cow<'t, str> {
    if depth >= MAX_DEPTH {
        return Cow::Borrowed(text);
    }
    let mut masking = Masking::new(redactor, text);
    let mut from = 0;
    while let Some(found) = text[from..].find('%') {
        let (start, end) = run_around(text, from, from + found);
        from = end;
        let run = &text[start..end];
        let lower = run.to_ascii_lowercase();
        if run.len() > MAX_RUN || !HINTS.iter().any(|hint| lower.contains(hint)) {
            continue;
        }
        let Ok(decoded) = percent_decode_str(run).decode_utf8() else { continue };
        let redacted = patterns::redact_decoded(redactor, &decoded, depth + 1);
        for part in masked_parts(redactor, &decoded, &redacted) {
            let (Some(part_start), Some(part_end)) =
                (encoded_at(run, part.start), encoded_at(run, part.end))
            else {
                continue;
            };
            masking.mask_as(start + part_start..start + part_end, &decoded[part]);
        }
    }
    masking.finish()
}

/// The letters around a position that URLs are made of.
fn run_around(text: &str, from: usize, at: usize) -> (usize, usize) {
    let is_inner =
        |letter: char| letter.is_ascii_alphanumeric() || "%-_.~+*!$()':/?#@=&;,".contains(letter);
    let start = from + text[from..at].trim_end_matches(is_inner).len();
    let end =
        at + 1 + text[at + 1..].find(|letter| !is_inner(letter)).unwrap_or(text.len() - at - 1);
    (start, end)
}

/// Which parts of `plain` became masks. A mask tells the length of what it stands for, so the two can be laid side by
/// side; where they do not fit (a mask within a mask), the whole is named.
fn masked_parts(redactor: &Redactor, plain: &str, redacted: &str) -> Vec<std::ops::Range<usize>> {
    let mut parts = Vec::new();
    let (mut at, mut rest) = (0, redacted);
    while let Some(found) = rest.find(MASK_PREFIX) {
        let Some(end) = rest[found..].find('>').map(|end| found + end + 1) else { break };
        let mask = &rest[found..end];
        at += found;
        rest = &rest[end..];
        if !is_mask(mask) || plain.get(at..).is_some_and(|plain| plain.starts_with(mask)) {
            at += mask.len();
            continue;
        }
        let length = mask[..mask.len() - 2]
            .rsplit(':')
            .next()
            .and_then(|length| length.parse::<usize>().ok());
        let Some(secret) = length.and_then(|length| plain.get(at..at + length)) else {
            return std::iter::once(0..plain.len()).collect();
        };
        if redactor.mask(secret) != mask {
            return std::iter::once(0..plain.len()).collect();
        }
        parts.push(at..at + secret.len());
        at += secret.len();
    }
    parts
}

/// Where in the encoded run the byte of the decoded text stands.
fn encoded_at(run: &str, decoded: usize) -> Option<usize> {
    let bytes = run.as_bytes();
    let mut at = 0;
    for _ in 0..decoded {
        let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
        at += if bytes.get(at)? == &b'%' && hex(bytes.get(at + 1)) && hex(bytes.get(at + 2)) {
            3
        } else {
            1
        };
    }
    run.is_char_boundary(at).then_some(at)
}
