//! Tells from a variable's or key's name whether its value is a secret.

/// Names, in lower case without separators, that speak of a secret wherever they occur in a longer name.
const SECRET_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accountkey",
    "encryptionkey",
    "signingkey",
    "authkey",
    "masterkey",
    "sharedkey",
    "credential",
    "connectionstring",
    "connstring",
    "connstr",
    "passcode",
    "requirepass",
    "masterauth",
    "redisauth",
    "rediscliauth",
    "basicauth",
    "clientsecret",
    "appsecret",
    "appkey",
    "licensekey",
    "licencekey",
    "sessionkey",
    "fernetkey",
    "hmackey",
    "seedphrase",
    "mnemonic",
];

/// Words that speak of a secret only as a whole word of the name.
const SECRET_WORDS: &[&str] = &["token", "secret", "secrets", "pwd", "pass", "dsn", "jwt", "pat"];

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
    if name.contains(['-', '.']) {
        return ends_as_secret(&words);
    }
    if SECRET_PARTS.iter().any(|part| joined.contains(part)) {
        return true;
    }
    words.iter().any(|word| SECRET_WORDS.contains(&word.as_str())) || joined.ends_with("token")
}

/// `token-mint` and `secret-store.vault` are names of things: with hyphens or dots the end decides.
fn ends_as_secret(words: &[String]) -> bool {
    let tail = words[words.len().saturating_sub(2)..].concat();
    let tail = tail.strip_suffix('s').unwrap_or(&tail);
    let last = words.last().map(String::as_str).unwrap_or_default();
    SECRET_PARTS.iter().any(|part| tail.ends_with(part))
        || SECRET_WORDS.contains(&last)
        || tail.ends_with("token")
}

/// Whether one of several values under this name is a secret: `accessTokens`, `passwords`.
pub(super) fn holds_secrets(name: &str) -> bool {
    is_secret(name.strip_suffix(['s', 'S']).unwrap_or(name))
}

/// Whether even a number under this name is a secret.
pub(super) fn is_password(name: &str) -> bool {
    let joined = words(name).concat();
    is_secret(name) && ["passw", "passphrase", "passcode"].iter().any(|part| joined.contains(part))
}

/// Whether a value under this name is a secret if it looks like one.
pub(super) fn may_be_secret(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map(String::as_str).unwrap_or_default();
    ["key", "keys", "salt", "seed", "pepper", "auth", "signature", "sig"].contains(&last)
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
}

/// `$(NAME)`, `${NAME}` and `{{ .Values.name }}` stand for a value and are none.
fn is_reference(value: &str) -> bool {
    let inner = [("$(", ")"), ("${", "}"), ("{{", "}}")]
        .iter()
        .find_map(|(open, close)| value.strip_prefix(open)?.strip_suffix(close));
    inner.is_some_and(|name| {
        name.len() <= 128
            && name.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b' ' | b'$')
            })
    })
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
