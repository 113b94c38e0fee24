//! What a line of a log says about the cause, by the words that runtimes, libraries and servers use.

use super::causes::CauseCode;

/// Words of a cause. The first entry that matches and that the surroundings bear out decides.
const SIGNS: [(CauseCode, &[&str]); 19] = [
    (CauseCode::RbacForbidden, &["is forbidden: user"]),
    (
        CauseCode::TokenMissing,
        &[
            "serviceaccount/token: no such file",
            "service token file does not exist",
            "unable to load in-cluster config",
            "serviceaccount/token'",
            "serviceaccount/token\"",
            "the server has asked for the client to provide credentials",
        ],
    ),
    (
        CauseCode::ClockSkew,
        &[
            "certificate is not yet valid",
            "token is not yet valid",
            "immaturesignature",
            "issued in the future",
            "cert_not_yet_valid",
            "token used before issued",
            "clock skew",
            "requesttimetooskewed",
            "clock is ahead",
            "clock is behind",
        ],
    ),
    (
        CauseCode::CertificateExpired,
        &[
            "certificate has expired",
            "certificate expired",
            "cert_has_expired",
            "certificateexpired",
        ],
    ),
    (
        CauseCode::CertificateUntrusted,
        &[
            "unknown authority",
            "untrustedroot",
            "partialchain",
            "remote certificate is invalid",
            "self signed certificate",
            "self-signed certificate",
            "unable to verify the first certificate",
            "unable to get local issuer certificate",
            "certificate verify failed",
            "pkix path building failed",
            "certificate is valid for",
            "hostname mismatch",
            "doesn't match any of the subject alternative names",
        ],
    ),
    (
        CauseCode::CredentialsRejected,
        &[
            "password authentication failed",
            "access denied for user",
            "wrongpass",
            "noauth authentication required",
            "invalid username-password",
            "invalid username or password",
            "login failed for user",
            "authentication failed",
            "authenticationfailed",
            "access_refused",
            "invalid credentials",
            "bad credentials",
            "invalid api key",
            "incorrect api key",
            "invalidaccesskeyid",
            "signaturedoesnotmatch",
            "401 unauthorized",
            "status 401",
            "status code 401",
            "http 401",
        ],
    ),
    (
        CauseCode::PortInUse,
        &[
            "address already in use",
            "eaddrinuse",
            "port is already in use",
            "was already in use",
            "addrinuse",
            "address in use",
        ],
    ),
    (
        CauseCode::ChildOomKilled,
        &[
            "perhaps out of memory",
            "out of memory: killed process",
            "terminated by signal 9",
            "exited on signal 9",
            "prematurely: signal 9",
            "signal: killed",
            "oom-kill",
            "a process in the process pool was terminated abruptly",
        ],
    ),
    (
        CauseCode::HeapExhausted,
        &[
            "java heap space",
            "heap out of memory",
            "reached heap limit",
            "gc overhead limit exceeded",
            "outofmemoryerror",
            "outofmemoryexception",
            "memoryerror",
            "allowed memory size of",
        ],
    ),
    (
        CauseCode::MissingLibrary,
        &[
            "error while loading shared libraries",
            "cannot open shared object file",
            "modulenotfounderror",
            "no module named",
            "cannot find module",
            "err_module_not_found",
            "cannot find package",
            "classnotfoundexception",
            "noclassdeffounderror",
            "could not find or load main class",
            "cannot load such file",
            "error loading shared library",
        ],
    ),
    (CauseCode::ReadOnlyFilesystem, &["read-only file system", "readonly file system", "erofs"]),
    (
        CauseCode::DiskFull,
        &["no space left on device", "enospc", "disk quota exceeded", "not enough disk space"],
    ),
    (
        CauseCode::StoragePermission,
        &[
            "permission denied",
            "eacces",
            "operation not permitted",
            "accessdeniedexception",
            "wrong ownership",
            "is not writable",
            "not writable",
        ],
    ),
    (
        CauseCode::FileMissing,
        &[
            "no such file or directory",
            "enoent",
            "filenotfounderror",
            "filenotfoundexception",
            "nosuchfileexception",
        ],
    ),
    (
        CauseCode::MalformedFile,
        &[
            "in json at position",
            "is not valid json",
            "double-quoted property name",
            "unmatched quote",
            "unterminated string",
            "unclosed",
            "invalid basic string",
            "duplicate key",
            "premature end of file",
            "invalid number of arguments",
            "unknown directive",
            "directive is not allowed here",
            "directive is duplicate",
            "is not terminated by",
            "unexpected \"}\"",
            "unexpected end of file",
            "mapping values are not allowed",
            "found character that cannot start",
            "did not find expected",
            "yaml.scanner",
            "yaml.parser",
            "scannererror",
            "parsererror",
            "unexpected end of json",
            "jsondecodeerror",
            "tomldecodeerror",
            "toml parse error",
            "syntax error",
            "saxparseexception",
            "bad config line",
        ],
    ),
    (
        CauseCode::EnvMissing,
        &[
            "environment variable",
            "not set",
            "required",
            "missing",
            "undefined",
            "keyerror",
            "must be set",
            "must be defined",
            "must be provided",
            "not defined",
            "unset",
            "no value for",
            "not found in environment",
            "is empty",
        ],
    ),
    (CauseCode::InvalidValue, REFUSALS),
    (
        CauseCode::MalformedFile,
        &[
            " yaml:",
            "cannot unmarshal",
            "error unmarshal",
            "invalid character '",
            "unexpected token",
            "unexpected character",
            " toml:",
            "parse error",
            "error parsing",
            "failed to parse",
            "could not parse",
            "cannot parse",
            "unable to parse",
            "parsing file",
            "malformed",
            "parsing [",
        ],
    ),
    (
        CauseCode::FileMissing,
        &["does not exist", "file not found", "could not find file", "cannot open", "can't open"],
    ),
];

/// Words by which a process refuses a value.
const REFUSALS: &[&str] = &[
    "invalid",
    "illegal",
    "expected",
    "must be",
    "not a valid",
    "cannot parse",
    "could not parse",
    "unable to parse",
    "failed to parse",
    "parsing",
    "unknown",
    "unsupported",
    "unrecognized",
    "unrecognised",
    "out of range",
    "not allowed",
    "not supported",
    "bad value",
    "missing unit",
    "converting",
    "cannot convert",
    "strconv.",
    "out of bounds",
    "not one of",
    "must match",
    "not recognized",
    "unexpected value",
    "valid units",
    "not a number",
    "could not convert",
    "failed to convert",
    "no enum constant",
    "not defined: -",
];

/// Words that show that a line speaks of a configuration file.
const OF_FILES: [&str; 15] = [
    "config",
    ".yaml",
    ".yml",
    ".json",
    ".toml",
    ".conf",
    ".ini",
    ".xml",
    ".properties",
    ".cfg",
    ".cnf",
    "yaml:",
    "directive",
    "/etc/",
    "settings",
];

/// Whether a line speaks of a configuration file.
pub(super) fn speaks_of_files(line: &str) -> bool {
    let lower = line.to_lowercase();
    OF_FILES.iter().any(|word| lower.contains(word))
}

/// The causes that a line's words point to, most telling first. `of_files` says that the lines around it speak of a
/// configuration file.
pub(super) fn read(line: &str, of_files: bool) -> impl Iterator<Item = CauseCode> {
    // Some words count only at the beginning of a word.
    let lower = format!(" {}", line.to_lowercase());
    let of_files = of_files || speaks_of_files(line);
    // Go's words for an expired certificate name both ends of its time; what follows says which one it is.
    let early = lower.contains("expired or is not yet valid") && lower.contains(" is before ");
    SIGNS.iter().filter_map(move |(cause, words)| {
        let says = words.iter().any(|word| lower.contains(word));
        match cause {
            CauseCode::ClockSkew => says || early,
            CauseCode::CertificateExpired => says && !early,
            CauseCode::MalformedFile => says && of_files,
            _ => says,
        }
        .then_some(*cause)
    })
}

/// Whether a line tells of a request that somebody else made, so that a fault of this kind is the caller's.
pub(super) fn is_inbound(line: &str, cause: CauseCode) -> bool {
    let of_caller = matches!(
        cause,
        CauseCode::CredentialsRejected
            | CauseCode::InvalidValue
            | CauseCode::EnvMissing
            | CauseCode::MalformedFile
            | CauseCode::FileMissing
            | CauseCode::RbacForbidden
            | CauseCode::TokenMissing
    );
    of_caller && tells_of_request(line)
}

fn tells_of_request(line: &str) -> bool {
    let lower = line.to_lowercase();
    [
        "get /",
        "post /",
        "put /",
        "patch /",
        "delete /",
        "remote_addr",
        "remote_ip",
        "client_ip",
        "client:",
        "user_agent",
        "user-agent",
        "x-forwarded-for",
        "request_id",
        "\"path\":",
        " path=",
        " uri=",
        "\"url\":\"/",
    ]
    .iter()
    .any(|words| lower.contains(words))
}

/// The absolute paths in a line.
pub(super) fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')' | '[' | ']' | ',' | '=')
    })
    .map(|word| word.trim_end_matches([':', '.', ';']).trim_start_matches("file:"))
    .filter(|word| word.len() > 2 && word.starts_with('/') && !word.starts_with("//"))
}

/// The names in a line that are written as environment variables are.
pub(super) fn variables(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| {
        word.len() > 2
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// The quoted parts of a line.
pub(super) fn quoted(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for mark in ['"', '\'', '`'] {
        let parts: Vec<&str> = line.split(mark).collect();
        // Quotes within a JSON line are escaped.
        found.extend(parts.into_iter().skip(1).map(|part| part.trim_end_matches('\\')));
    }
    found.retain(|part| part.len() > 1 && part.len() < 200);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sign_of_a_line_is_its_most_telling() {
        for (line, cause) in [
            ("listen tcp :8080: bind: address already in use", CauseCode::PortInUse),
            (
                "FATAL: password authentication failed for user \"app\"",
                CauseCode::CredentialsRejected,
            ),
            (
                "x509: certificate has expired or is not yet valid: current time 2026 is after 2025",
                CauseCode::CertificateExpired,
            ),
            (
                "x509: certificate has expired or is not yet valid: current time 2020 is before 2025",
                CauseCode::ClockSkew,
            ),
            ("x509: certificate signed by unknown authority", CauseCode::CertificateUntrusted),
            ("java.lang.OutOfMemoryError: Java heap space", CauseCode::HeapExhausted),
            ("write /data/wal: no space left on device", CauseCode::DiskFull),
            (
                "failed to load config: open /etc/app/app.yaml: no such file or directory",
                CauseCode::FileMissing,
            ),
            ("error: yaml: line 3: mapping values are not allowed", CauseCode::MalformedFile),
        ] {
            assert_eq!(read(line, false).next(), Some(cause), "{line}");
        }
        assert_eq!(read("listening on :8080", false).next(), None);
    }

    #[test]
    fn paths_variables_and_quotes_are_found() {
        assert_eq!(
            paths("open /etc/app/a.yaml: no such file").collect::<Vec<_>>(),
            ["/etc/app/a.yaml"]
        );
        assert_eq!(variables("KeyError: 'DATABASE_URL'").collect::<Vec<_>>(), ["DATABASE_URL"]);
        assert!(quoted("got \\\"15ms\\\"").contains(&"15ms"));
    }
}
