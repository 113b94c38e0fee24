//! Tells from a variable's or key's name whether its value is a secret.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::stems::{ENDS, GLUED, PARTS, WORDS};

/// Last words that say the value is *about* a secret: where it lies, how long it lives, whether it is used.
const ABOUT: &[&str] = &[
    "name",
    "names",
    "file",
    "files",
    "path",
    "dir",
    "directory",
    "ref",
    "url",
    "uri",
    "endpoint",
    "host",
    "ttl",
    "expiry",
    "expiration",
    "expires",
    "seconds",
    "minutes",
    "timeout",
    "interval",
    "length",
    "size",
    "count",
    "limit",
    "max",
    "min",
    "enabled",
    "required",
    "type",
    "kind",
    "version",
    "policy",
    "issuer",
    "audience",
    "namespace",
    "algorithm",
    "mode",
    "provider",
    "selector",
    "mount",
    "hash",
    "rotation",
    "encoder",
    "encoding",
    "encryption",
    "hasher",
    "validator",
    "validation",
    "generator",
    "manager",
    "service",
    "handler",
    "strength",
    "format",
    "prompt",
    "hint",
    "label",
    "placeholder",
    "help",
    "pattern",
    "rules",
    "regex",
    "column",
    "source",
    "age",
    "history",
    "days",
    "date",
    "time",
    "attempts",
    "retries",
    "status",
    "state",
    "authentication",
    "authenticator",
    "engine",
    "class",
    "template",
    "prefix",
    "suffix",
    "scope",
    "scopes",
    "revocation",
    "renewal",
    "location",
    "lifetime",
    "duration",
    "domain",
    "samesite",
    "secure",
    "httponly",
];

/// Splits at `_`, `-`, `.`, `/` and where CamelCase humps begin; lower-cases.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous_lower = false;
    for letter in name.chars() {
        let separator = !letter.is_alphanumeric();
        if separator || (letter.is_uppercase() && previous_lower) {
            words.push(String::new());
        }
        if !separator && let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
        previous_lower = letter.is_lowercase() || letter.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value under this name is a secret: `DB_PASSWORD`, `apiKey`, `GITHUB_TOKEN`; but not
/// `secretName`, `TOKEN_FILE`, `PWD` or `tokenExpirationSeconds`.
pub(super) fn is_secret(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last() else { return false };
    if ABOUT.contains(&last.as_str()) {
        return false;
    }
    let joined = words.concat();
    match joined.as_str() {
        // The shell's own directories.
        "pwd" | "oldpwd" => return false,
        // HTTP headers.
        "authorization" | "cookie" | "setcookie" => return true,
        _ => {}
    }
    // Directives that pass requests on.
    if ["proxypass", "cgipass", "wsgipass", "grpcpass", "memcachedpass"]
        .iter()
        .any(|end| joined.ends_with(end))
    {
        return false;
    }
    if name.contains(['-', '.']) {
        return ends_as_secret(&words);
    }
    if holds_part(&joined) {
        return true;
    }
    words.iter().any(|word| WORDS.contains(&word.as_str()))
        || joined.ends_with("token")
        || is_end(last)
}

fn holds_part(joined: &str) -> bool {
    static SEARCH: LazyLock<Option<AhoCorasick>> =
        LazyLock::new(|| AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(PARTS).ok());
    SEARCH.as_ref().is_none_or(|search| search.is_match(joined))
}

/// `token-mint` and `secret-store.vault` are names of things: with hyphens or dots the end decides.
fn ends_as_secret(words: &[String]) -> bool {
    let tail = |count: usize| {
        let tail = words[words.len().saturating_sub(count)..].concat();
        tail.strip_suffix('s').unwrap_or(&tail).to_owned()
    };
    let (two, three) = (tail(2), tail(3));
    let last = words.last().map(String::as_str).unwrap_or_default();
    PARTS.iter().any(|part| two.ends_with(part) || three.ends_with(part))
        || WORDS.contains(&last)
        || two.ends_with("token")
        || is_end(last)
}

/// Whether the name's last word speaks of a secret there: `distributed_cookie`, `bindpw`, `userpass`.
fn is_end(last: &str) -> bool {
    ENDS.contains(&last)
        || ["pass", "pw"]
            .iter()
            .any(|end| last.strip_suffix(end).is_some_and(|start| GLUED.contains(&start)))
}

/// Whether the name is a single word.
pub(super) fn is_one_word(name: &str) -> bool {
    words(name).len() <= 1
}

/// Whether one of several values under this name is a secret: `accessTokens`, `passwords`.
pub(super) fn holds_secrets(name: &str) -> bool {
    is_secret(name.strip_suffix(['s', 'S']).unwrap_or(name))
}

/// Whether the name speaks of a password, of which even a number is a secret.
pub(super) fn is_password(name: &str) -> bool {
    const PASSWORDS: &[&str] = &[
        "passw",
        "passphrase",
        "passcode",
        "kennwort",
        "motdepasse",
        "mdp",
        "contrase",
        "contrasena",
        "senha",
        "palavrapasse",
        "parola",
        "wachtwoord",
        "haslo",
        "hasło",
        "senord",
        "adgangskode",
        "passord",
        "salasana",
        "heslo",
        "jelsz",
        "ifre",
        "parool",
        "lozinka",
        "пароль",
        "密码",
        "密碼",
        "パスワード",
        "비밀번호",
    ];
    let joined = words(name).concat();
    is_secret(name) && PASSWORDS.iter().any(|part| joined.contains(part))
}

/// Whether a value under this name is a secret if it looks like one.
pub(super) fn may_be_secret(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map(String::as_str).unwrap_or_default();
    [
        "key",
        "keys",
        "salt",
        "seed",
        "pepper",
        "auth",
        "signature",
        "sig",
        "schluessel",
        "schlüssel",
        "cle",
        "clé",
        "clef",
        "chave",
        "chiave",
        "sleutel",
    ]
    .contains(&last)
}

/// Whether a key of this name finds things rather than opens them: `cache-key`, `primaryKey`, `checksum`.
pub(super) fn finds_things(name: &str) -> bool {
    const THINGS: &[&str] = &[
        "cache",
        "primary",
        "foreign",
        "partition",
        "sort",
        "row",
        "object",
        "idempotency",
        "dedup",
        "lock",
        "group",
        "map",
        "label",
        "annotation",
        "config",
        "event",
        "message",
        "record",
        "index",
        "trace",
        "span",
        "request",
        "hash",
        "checksum",
        "public",
        "pub",
        "topology",
        "queue",
        "item",
        "node",
        "etcd",
        "pod",
        "resource",
        "owner",
        "session",
        "correlation",
        "job",
        "task",
        "range",
        "shard",
        "host",
        "unique",
        "natural",
        "storage",
    ];
    words(name).iter().any(|word| THINGS.contains(&word.as_str()))
}

/// Whether the name promises a connection string, of which only the password is secret.
pub(super) fn is_connection(name: &str) -> bool {
    let joined = words(name).concat();
    ["dsn", "connectionstring", "connstring", "connstr", "databaseurl", "url", "uri"]
        .iter()
        .any(|end| joined.ends_with(end))
}

/// Whether a value says nothing secret whatever its name: empty, a switch, or a `$(REFERENCE)`.
pub(super) fn is_harmless_value(value: &str) -> bool {
    const SWITCHES: &[&str] =
        &["true", "false", "yes", "no", "on", "off", "null", "nil", "none", "<none>", "<nil>", "~"];
    let value = value.trim();
    value.is_empty()
        || SWITCHES.iter().any(|switch| value.eq_ignore_ascii_case(switch))
        || is_reference(value)
        || is_placeholder(value)
}

/// `********`, `xxxx` and `<your-password>` stand where a value was taken out or is yet to come.
fn is_placeholder(value: &str) -> bool {
    let same = |letter: u8| value.len() >= 3 && value.bytes().all(|byte| byte == letter);
    let inner = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let is_name = |inner: &str| {
        inner
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' ' | b'.'))
    };
    [b'*', b'x', b'X', b'.'].iter().any(|letter| same(*letter))
        || inner.is_some_and(is_name)
        || ["[redacted]", "redacted", "[masked]", "[hidden]", "(hidden)", "(redacted)"]
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word))
}

/// `$(NAME)`, `${NAME}` and `{{ .Values.name }}` stand for a value and are none.
fn is_reference(value: &str) -> bool {
    let is_variable = |name: &str| {
        name.len() >= 2
            && name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if value.strip_prefix('$').is_some_and(is_variable) || is_code(value) {
        return true;
    }
    let inner = [("$(", ")"), ("${{", "}}"), ("${", "}"), ("{{", "}}"), ("<%=", "%>")]
        .iter()
        .find_map(|(open, close)| value.strip_prefix(open)?.strip_suffix(close));
    inner.is_some_and(|name| {
        name.len() <= 128
            && name.bytes().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'_' | b'.' | b'-' | b' ' | b'$' | b'|')
            })
    })
}

/// An expression of a program that fetches the value from elsewhere.
fn is_code(value: &str) -> bool {
    const FETCHES: &[&str] = &[
        "os.environ",
        "os.getenv",
        "process.env",
        "System.getenv",
        "System.getProperty",
        "getenv(",
        "env(",
        "ENV[",
        "ENV.fetch",
        "Deno.env",
        "std::env",
        "var.",
        "local.",
        "data.",
        "module.",
        "random_password.",
        "secrets.",
        "Environment.",
    ];
    let is_expression =
        |letter: char| letter.is_ascii_alphanumeric() || "_.[]()\"'-".contains(letter);
    FETCHES.iter().any(|fetch| value.starts_with(fetch)) && value.chars().all(is_expression)
}

/// A UUID, in its usual form.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn names_of_secrets() {
        for name in [
            "PASSWORD",
            "DB_PASSWORD",
            "apiKey",
            "API_KEY",
            "x-api-key",
            "client-secret",
            "aws-secret-access-key",
            "db.passwords",
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "PRIVATE_KEY",
            "POSTGRES_DSN",
            "ConnectionString",
            "CREDENTIALS",
            "clientSecret",
            "authtoken",
            "DB_PASS",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn names_about_secrets() {
        for name in [
            "secretName",
            "TOKEN_FILE",
            "PWD",
            "tokenExpirationSeconds",
            "SECRET_PATH",
            "compass",
            "keyboard",
            "token-mint",
            "secret-store",
            "password-manager.tools",
            "secretKeyRef",
            "BYPASS",
            "monkey",
            "TOKEN_URL",
            "tokens_limit",
            "",
            "___",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
