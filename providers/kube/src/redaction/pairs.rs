//! `password=…`, `"token": "…"`, `--api-key …`, `<password>…`: values whose name says that they are secret.
//!
//! Names are looked for; what stands around a name tells in which form its value follows, and the value is read by
//! hand, so that a name that turns out harmless hides nothing in its value, and so that time stays linear.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::spans::Masking;
use super::stems::STEMS;
use super::{Redactor, entropy, forms, is_mask, names, prose, rules, values};

/// How far a name reaches beyond the word that tells it, in bytes.
const MAX_BEFORE: usize = 40;
const MAX_AFTER: usize = 30;
/// The shortest hexadecimal number that is taken for a key in a text.
const MIN_HEX: usize = 32;

static NAMES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(STEMS)
        .ok()
});

/// A name in a text.
pub(super) struct Name<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'t> Name<'t> {
    /// Grows a hit to the whole name, no further back than `from`.
    fn around(text: &'t str, from: usize, hit: Range<usize>) -> Self {
        let earliest = text.ceil_char_boundary(from.max(hit.start.saturating_sub(MAX_BEFORE)));
        let before = text.get(earliest..hit.start).unwrap_or_default();
        let is_inner = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-');
        let start = earliest + before.trim_end_matches(is_inner).len();
        let latest = text.floor_char_boundary((hit.end + MAX_AFTER).min(text.len()));
        let after = &text[hit.end..latest];
        let is_later = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-');
        let later = after.find(|letter| !is_later(letter)).map_or(after, |end| &after[..end]);
        // A dot that ends a sentence is no part of the name.
        let end = hit.end + later.trim_end_matches('.').len();
        let dashes = text[start..hit.start].len()
            - text[start..hit.start].trim_start_matches(['-', '.']).len();
        Self { text: &text[start + dashes..end], start: start + dashes, end }
    }

    pub(super) fn before<'a>(&self, text: &'a str) -> &'a str {
        &text[..self.start]
    }

    pub(super) fn after<'a>(&self, text: &'a str) -> &'a str {
        &text[self.end..]
    }
}

/// Masks the values of secret names. Were the names not to be found at all, the whole text would be masked.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let Some(names) = NAMES.as_ref() else { return Cow::Owned(redactor.mask(text)) };
    let mut masking = Masking::new(redactor, text);
    let mut position = 0;
    for hit in names.find_iter(text) {
        if hit.start() < position.max(masking.position()) {
            continue;
        }
        let name = Name::around(text, position.max(masking.position()), hit.range());
        if names::is_secret(name.text) {
            if let Some(earlier) = forms::value_before(text, &name) {
                masking.mask(earlier);
            }
            for part in values_of(text, &name) {
                masking.mask(part);
            }
            position = name.end;
        } else if names::may_be_secret(name.text) {
            if let Some(part) = key_of(text, &name) {
                masking.mask(part);
            }
            position = name.end;
        }
    }
    masking.finish()
}

/// Where the values of a secret name stand.
fn values_of(text: &str, name: &Name<'_>) -> Vec<Range<usize>> {
    if let Some(found) = pair(text, name) {
        return found;
    }
    let readers = [
        forms::holder,
        forms::body,
        forms::element,
        forms::call,
        forms::flag,
        forms::directive,
        prose::quoted,
    ];
    readers.iter().find_map(|read| read(text, name)).into_iter().collect()
}

/// `name = value` and what means the same. `None` where no sign follows the name.
fn pair(text: &str, name: &Name<'_>) -> Option<Vec<Range<usize>>> {
    let sign = forms::sign(text, name)?;
    let separator = &text[sign.at.clone()];
    let line = values::Line::before(text, sign.at.start);
    if separator.starts_with(':')
        && let Some(line) = line
    {
        let nested = forms::nested(text, sign.at.end, line.indent());
        if !nested.is_empty() {
            return Some(nested);
        }
    }
    let Some(value) = values::read(text, sign.at.end, line, separator) else {
        return Some(Vec::new());
    };
    let secret = &text[value.range()];
    let prose = !value.block
        && !value.quoted
        && !sign.quoted
        && separator.starts_with(':')
        && separator.len() > 1;
    let glued = !value.quoted && separator == ":";
    let harmless = is_mask(secret)
        || (glued && prose::is_reference(name.before(text), name.text, secret))
        || names::is_harmless_value(secret)
        || (prose && prose::is_prose(name.text, secret))
        || (!value.block && prose::names_an_object(name.text, secret));
    if harmless {
        return Some(Vec::new());
    }
    let end = if prose && line.is_some() && names::is_password(name.text) {
        // A passphrase has several words.
        prose::end_of_phrase(text, value.end)
    } else {
        value.end
    };
    Some(std::iter::once(value.start..end).collect())
}

/// A value under the name of a key, where it looks like one: a UUID, a hexadecimal number, a user with password.
fn key_of(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    if names::finds_things(name.text) {
        return None;
    }
    let sign = forms::sign(text, name)?;
    let separator = &text[sign.at.clone()];
    let value = values::read(text, sign.at.end, None, separator)?;
    let secret = &text[value.range()];
    let is_long = secret.len() >= MIN_HEX;
    let looks_secret = (is_long && entropy::is_hex_key(secret))
        || names::is_uuid(secret)
        || (is_long && entropy::looks_generated(secret))
        || rules::is_basic_auth(secret);
    // In a line of a log a key finds things more often than it opens them.
    let stands_alone = sign.quoted
        || values::Line::before(text, sign.at.start).is_some()
        || name.before(text).ends_with(['?', '&'])
        || name.text.contains(['_', '-']);
    (looks_secret && stands_alone && !is_mask(secret)).then(|| value.range())
}
