//! `password=…`, `"token": "…"`, `--api-key …`: values whose name says that they are secret.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::{Redactor, is_mask, names, values};

/// A text that holds none of these holds no name of a secret.
pub(super) const HINTS: &[&str] = &["pass", "pwd", "secret", "token", "key", "credential", "jwt"];

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

/// `{"name": "DB_PASSWORD", "value": "…"}` and the same as YAML.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?i)\bname\\?["']?[ \t]*[:=][ \t]*\\?["']?"#,
        key!(),
        r#"\\?["']?\s*,?\s*\\?["']?value(?P<q>\\?["']?)[ \t]*(?P<s>[:=][ \t]*)"#
    ))
    .ok()
});

/// Masks the values of secret names. Were a pattern not to compile, the whole text would be masked.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let (Some(pair), Some(named), Some(flag)) = (PAIR.as_ref(), NAMED.as_ref(), FLAG.as_ref())
    else {
        return Cow::Owned(redactor.mask(text));
    };
    let mut text = Cow::Borrowed(text);
    for (pattern, is_flag) in [(pair, false), (named, false), (flag, true)] {
        if let Cow::Owned(changed) = scan(redactor, pattern, &text, is_flag) {
            text = Cow::Owned(changed);
        }
    }
    text
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
        let line = if is_flag { None } else { values::Line::before(text, separator.start()) };
        let Some(value) = values::read(text, position, line, separator.as_str()) else { continue };
        let secret = &text[value.start..value.end];
        let prose = !is_flag
            && !value.block
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
