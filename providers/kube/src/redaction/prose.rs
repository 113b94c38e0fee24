//! What people and programs write about secrets: `password authentication failed` names none, `wrong password 'x'`
//! does.

use std::ops::Range;

use super::names;
use super::pairs::Name;

/// Longest password that is quoted in a sentence, in bytes.
const MAX_QUOTED: usize = 200;

/// `registry/vault-secrets:1.17` is an image, `auth-token:8080` a host and its port. Nothing is a reference
/// that is called a password.
pub(super) fn is_reference(before: &str, key: &str, value: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    if names::is_password(key) || lower.contains("pass") || lower.contains("pwd") {
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
pub(super) fn is_prose(key: &str, value: &str) -> bool {
    // `references non-existent secret key: DB_PASSWORD`
    if is_word_of_prose(value)
        || (key.contains(' ') && !value.bytes().any(|byte| byte.is_ascii_digit()))
    {
        return true;
    }
    let key = key.to_ascii_lowercase();
    let about_objects = ["token", "tokens", "secret", "secrets", "credential", "credentials"];
    about_objects.contains(&key.as_str())
        && value.len() < 40
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'.'))
}

/// Words that go on with a sentence about a secret.
pub(super) fn is_word_of_prose(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "a",
        "access",
        "an",
        "and",
        "are",
        "at",
        "authentication",
        "by",
        "can",
        "cannot",
        "change",
        "changed",
        "check",
        "denied",
        "does",
        "error",
        "expected",
        "expired",
        "expires",
        "failed",
        "failure",
        "field",
        "file",
        "for",
        "from",
        "has",
        "hash",
        "in",
        "incorrect",
        "invalid",
        "is",
        "key",
        "length",
        "loaded",
        "mismatch",
        "missing",
        "must",
        "no",
        "not",
        "of",
        "or",
        "policy",
        "refreshed",
        "rejected",
        "required",
        "reset",
        "rotated",
        "rotation",
        "set",
        "should",
        "the",
        "to",
        "too",
        "unauthorized",
        "unexpected",
        "updated",
        "value",
        "verification",
        "was",
        "will",
        "with",
        "wrong",
        "unknown",
        "unset",
        "empty",
        "optional",
        "string",
        "provided",
    ];
    let value = value.trim_end_matches([',', '.', ';', ':', '!']);
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// `existingSecret: shop-db`, `imagePullSecret: regcred` and `tls-secret: shop-tls` name an object, and a `community`
/// of numbers is one of BGP.
pub(super) fn names_an_object(key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if key.ends_with("community") {
        return value.contains(':')
            && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    }
    let key = key.strip_suffix('s').unwrap_or(&key);
    let Some(start) = key.strip_suffix("secret").or_else(|| key.strip_suffix("credential")) else {
        return false;
    };
    let is_object = ["existing", "pull", "tls", "cert", "certificate", "ca", "image", "registry"]
        .iter()
        .any(|word| start.trim_end_matches(['-', '_', '.']).ends_with(word));
    is_object
        && value.len() <= 253
        && value.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
        })
}

/// Where a passphrase ends whose first word does at `from`: at the line's end or a comment.
pub(super) fn end_of_phrase(text: &str, from: usize) -> usize {
    let line = text[from..].find(['\r', '\n']).map_or(&text[from..], |end| &text[from..from + end]);
    let phrase = line.find(" #").map_or(line, |comment| &line[..comment]);
    from + phrase.trim_end().trim_end_matches(['"', '\'']).len()
}

/// Words between a name and its secret.
const LINKS: &[&str] = &[
    "was set to",
    "is set to",
    "been set to",
    "was changed to",
    "was reset to",
    "is now",
    "set to",
    "changed to",
    "reset to",
    "is",
    "was",
    "value",
    "of",
    "to",
    "provided",
    "given",
    "used",
];
/// Words before a name that announce its secret.
const GIVEN: &[&str] =
    &["with", "using", "old", "new", "wrong", "invalid", "bad", "incorrect", "the"];
/// What follows where the quoted word is the name of something, not a secret.
const NAMED: &[&str] = &[
    " not found",
    " does not",
    " is missing",
    " is not",
    " in ",
    " of ",
    " must",
    " missing",
    " key",
    " field",
];

/// `wrong password 'hunter2'`, `password is "hunter2"`, `API key 6f1c2a52-…`: a sentence that tells the secret.
pub(super) fn quoted(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let after = name.after(text);
    let mut rest = after.trim_start_matches([' ', '\t']);
    if rest.len() == after.len() {
        return None;
    }
    let mut linked = false;
    for link in LINKS {
        if let Some(next) = rest.strip_prefix(link)
            && next.starts_with([' ', '\t', ':', '='])
        {
            rest = next.trim_start_matches([' ', '\t', ':', '=']);
            linked = true;
            break;
        }
    }
    let start = text.len() - rest.len();
    let (skip, length) = quotation(rest).unwrap_or_else(|| {
        (
            0,
            rest.find(|letter: char| {
                letter.is_whitespace() || matches!(letter, ',' | ';' | '"' | '\'' | '(')
            })
            .unwrap_or(rest.len()),
        )
    });
    let value = rest.get(skip..skip + length)?;
    let value =
        if skip == 0 { value.trim_end_matches(['.', ',', ':', ';', ')', '!', '?']) } else { value };
    let behind =
        rest[skip + value.len()..].trim_start_matches(['\\', '"', '\'', '`', '’', '”', '»']);
    let is_name = NAMED.iter().any(|end| behind.starts_with(end));
    let random = names::is_uuid(value)
        || (value.len() >= 8
            && value.bytes().any(|byte| byte.is_ascii_digit())
            && value.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !value.contains(['/', '.', ' ', '('])
            && (!value.contains('-') || value.bytes().any(|byte| byte.is_ascii_uppercase())));
    let given = name
        .before(text)
        .trim_end()
        .rsplit([' ', '"', '(', '\n'])
        .next()
        .is_some_and(|word| GIVEN.iter().any(|given| word.eq_ignore_ascii_case(given)));
    let is_algorithm = ["sha", "md5", "scram", "bcrypt", "argon", "pbkdf"]
        .iter()
        .any(|start| value.to_ascii_lowercase().starts_with(start));
    let linked = linked || (given && !is_algorithm && value.len() >= 6);
    let tells = if names::is_password(name.text) {
        if skip > 0 { !is_name || random } else { linked && (random || has_sign(value)) }
    } else {
        random && (skip > 0 || linked || value.len() >= 32) && (!is_name || value.len() >= 16)
    };
    let harmless = value.len() < 3
        || value.len() > MAX_QUOTED
        || names::is_harmless_value(value)
        || is_word_of_prose(value)
        || (skip > 0 && value.contains(' ') && value.split(' ').any(is_word_of_prose));
    (tells && !harmless).then(|| start + skip..start + skip + value.len())
}

fn has_sign(value: &str) -> bool {
    value.len() >= 5
        && value.bytes().any(|byte| {
            byte.is_ascii_digit() || matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'&' | b'*')
        })
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// What stands between quotes at the start: how far it is to it, and its length.
fn quotation(rest: &str) -> Option<(usize, usize)> {
    const QUOTES: &[(&str, &str)] = &[
        ("\\\"", "\\\""),
        ("\\'", "\\'"),
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("“", "”"),
        ("‘", "’"),
        ("«", "»"),
        ("„", "“"),
    ];
    let (open, close) = QUOTES.iter().find(|(open, _)| rest.starts_with(open))?;
    let inner = &rest[open.len()..];
    let line = inner.find(['\r', '\n']).map_or(inner, |end| &inner[..end]);
    Some((open.len(), line.find(close)?))
}
