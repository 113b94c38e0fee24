//! `password=…`, `"token": "…"`, `--api-key …`: values whose name says that they are secret.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::{Redactor, is_mask, names};

/// Words that a secret's name contains; [`names::is_secret`] decides on the whole name.
macro_rules! key {
    () => {
        r"(?P<k>[A-Za-z0-9_.-]{0,40}(?:passw(?:or)?d|passphrase|pwd|pass|secret|token|(?:api|access|private|account|shared|encryption|signing|auth|master)[_-]?(?:access)?[_-]?key|credential|jwt)[A-Za-z0-9_-]{0,30})"
    };
}

static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!("(?i)", key!(), r#"(?P<q>\\?["']?)[ \t]*(?P<s>(?:=>|:=|[:=])[ \t]*)"#)).ok()
});

static FLAG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(concat!(r"(?i)(?:^|\s)--?", key!(), r"(?P<s>[ \t]+)")).ok());

/// Masks the values of secret names. Were a pattern not to compile, the whole text would be masked.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let (Some(pair), Some(flag)) = (PAIR.as_ref(), FLAG.as_ref()) else {
        return Cow::Owned(redactor.mask(text));
    };
    match scan(redactor, pair, text, false) {
        Cow::Borrowed(text) => scan(redactor, flag, text, true),
        Cow::Owned(changed) => Cow::Owned(scan(redactor, flag, &changed, true).into_owned()),
    }
}

/// The pattern finds names; the value after a name is read by hand, so that a name that turns out harmless
/// hides nothing in its value, and so that time stays linear.
fn scan<'t>(redactor: &Redactor, pattern: &Regex, text: &'t str, is_flag: bool) -> Cow<'t, str> {
    let mut output = String::new();
    let (mut copied, mut position) = (0, 0);
    while let Some(captures) = pattern.captures_at(text, position) {
        let (Some(key), Some(separator)) = (captures.name("k"), captures.name("s")) else { break };
        position = separator.end();
        if !names::is_secret(key.as_str()) {
            continue;
        }
        let value = read_value(text, position);
        let secret = &text[value.start..value.end];
        let prose = !is_flag
            && !value.quoted
            && captures.name("q").is_none_or(|quote| quote.is_empty())
            && separator.as_str().starts_with(':')
            && separator.len() > 1;
        let glued = !value.quoted && separator.as_str() == ":";
        let harmless = is_mask(secret)
            || (glued && is_reference(&text[..key.start()], key.as_str(), secret))
            || names::is_harmless_value(secret)
            || (prose && is_prose(key.as_str(), secret))
            || (is_flag && secret.starts_with('-'));
        if harmless {
            continue;
        }
        output.push_str(&text[copied..value.start]);
        output.push_str(&redactor.mask(secret));
        copied = value.end;
        position = value.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    output.push_str(&text[copied..]);
    Cow::Owned(output)
}

/// `registry/vault-secrets:1.17` is an image, `auth-token:8080` a host and its port. Nothing is a reference
/// that is called a password.
fn is_reference(before: &str, key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if key.contains("pass") || key.contains("pwd") {
        return false;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = key.contains(['-', '.']) && (2..=5).contains(&value.len()) && digits(value);
    let is_version = value.contains('.')
        && value.trim_start_matches('v').split('.').all(|part| {
            part.starts_with(|letter: char| letter.is_ascii_digit()) && part.len() <= 12
        });
    before.ends_with('/') || is_version || is_port
}

struct ValueSpan {
    start: usize,
    end: usize,
    quoted: bool,
}

/// The value at `from`: what stands between quotes (plain or escaped), else up to a blank or a separator.
/// A line's end always ends it. Reads no further than the value.
fn read_value(text: &str, from: usize) -> ValueSpan {
    let rest = &text[from..];
    let span = |skip: usize, length: usize| ValueSpan {
        start: from + skip,
        end: from + skip + length,
        quoted: skip > 0,
    };
    match rest.as_bytes() {
        [b'\\', quote @ (b'"' | b'\''), ..] => span(2, escaped_length(&rest[2..], *quote)),
        [quote @ (b'"' | b'\''), ..] => span(1, quoted_length(&rest[1..], *quote)),
        _ => {
            let ends = |letter: char| {
                letter.is_whitespace() || matches!(letter, '"' | '\'' | ',' | ';' | '&')
            };
            let bare = &rest[..rest.find(ends).unwrap_or(rest.len())];
            if names::is_harmless_value(bare) {
                return span(0, bare.len());
            }
            span(0, bare.trim_end_matches([')', '}', ']', '.', ':', '\\']).len())
        }
    }
}

fn escaped_length(inner: &str, quote: u8) -> usize {
    let bytes = inner.as_bytes();
    (0..bytes.len())
        .find(|at| {
            matches!(bytes[*at], b'\r' | b'\n')
                || (bytes[*at] == b'\\' && bytes.get(at + 1) == Some(&quote))
        })
        .unwrap_or(bytes.len())
}

fn quoted_length(inner: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'\r' | b'\n' => return at,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return at,
            _ => {}
        }
    }
    inner.len()
}

/// `invalid token: unexpected end` and `password: authentication failed` name no secret.
fn is_prose(key: &str, value: &str) -> bool {
    const WORDS: &[&str] = &[
        "a",
        "access",
        "an",
        "authentication",
        "cannot",
        "denied",
        "does",
        "error",
        "expected",
        "expired",
        "failed",
        "has",
        "incorrect",
        "invalid",
        "is",
        "must",
        "mismatch",
        "missing",
        "no",
        "not",
        "of",
        "required",
        "rejected",
        "the",
        "too",
        "unauthorized",
        "unexpected",
        "was",
        "with",
        "wrong",
    ];
    if WORDS.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return true;
    }
    let key = key.to_ascii_lowercase();
    let about_objects = ["token", "tokens", "secret", "secrets", "credential", "credentials"];
    about_objects.contains(&key.as_str())
        && value.len() < 40
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'.'))
}
