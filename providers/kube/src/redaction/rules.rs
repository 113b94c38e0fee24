//! The table of rules for text: what a secret looks like, or what stands before it.

use k8s_openapi::ByteString;
use regex::Captures;
use serde_json::Value;

use super::{names, prose};

/// Masks the group `v` of every hit of its pattern that `accepts` agrees to.
pub(super) struct Rule {
    /// In lower case; a text that holds none of them has no hit, so that most text meets few patterns.
    pub(super) hints: &'static [&'static str],
    pub(super) pattern: &'static str,
    /// Whether a hit may span lines; what cannot is looked for in the lines of its hints alone.
    pub(super) spans_lines: bool,
    /// Whether a hit, and the text of its group `v`, is a secret.
    pub(super) accepts: fn(&Captures<'_>, &str) -> bool,
}

/// Applied in this order; the later ones leave an earlier one's mask alone.
pub(super) const RULES: &[Rule] = &[
    // A private key, also one that the end of the text cuts off.
    Rule {
        hints: &["private key"],
        pattern: r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<v>(?s:.*?))(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)",
        spans_lines: true,
        accepts: always,
    },
    // A private key whose beginning lies before the text.
    Rule {
        hints: &["private key"],
        pattern: r"(?P<v>[A-Za-z0-9+/=]{40,}(?:(?:\s|\\n)+[A-Za-z0-9+/=]+)*)(?:\s|\\n)+-----END [A-Z0-9 ]{0,40}PRIVATE KEY",
        spans_lines: true,
        accepts: always,
    },
    // A key file in base64, as kubeconfigs hold it.
    Rule {
        hints: &["ls0tls1crudjti"],
        pattern: r"\b(?P<v>LS0tLS1CRUdJTi[A-Za-z0-9+/]{20,}={0,2})",
        spans_lines: false,
        accepts: is_encoded_key,
    },
    // Compressed copies of whole objects, such as a Helm release.
    Rule {
        hints: &["h4si", "sdrzsu"],
        pattern: r"\b(?P<v>(?:H4sI|SDRzSU)[A-Za-z0-9+/_-]{20,}={0,2})",
        spans_lines: false,
        accepts: always,
    },
    // JSON Web Tokens, signed and encrypted.
    Rule {
        hints: &["eyj"],
        pattern: r"\b(?P<v>eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,3})",
        spans_lines: false,
        accepts: always,
    },
    // Tokens whose first letters say what they are.
    Rule {
        hints: &[
            "akia",
            "asia",
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "glptt-",
            "gldt-",
            "glrt-",
            "glcbt-",
            "glsoat-",
            "glft-",
            "glagent-",
            "xox",
            "xapp-",
            "aiza",
            "ya29.",
            "gocspx-",
            "npm_",
            "pypi-",
            "hf_",
            "dckr_pat_",
            "dapi",
            "hvs.",
            "hvb.",
            "hvr.",
            "k_live_",
            "k_test_",
            "whsec_",
            "sg.",
            "_v1_",
            "shpat_",
            "shpca_",
            "shppa_",
            "shpss_",
            "nrak-",
            "glsa_",
            "lin_api_",
            "age-secret-key-1",
            ":aa",
        ],
        pattern: r"\b(?P<v>(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|ptt|dt|rt|cbt|soat|ft|agent)-[A-Za-z0-9_-]{20,}|xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{20,}|AIza[0-9A-Za-z_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{30,}|dckr_pat_[A-Za-z0-9_-]{20,}|dapi[a-f0-9]{32}|hv[sbr]\.[A-Za-z0-9_-]{20,}|[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{16,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|do[opr]_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-f0-9]{32}|NRAK-[A-Z0-9]{20,}|glsa_[A-Za-z0-9_]{30,}|lin_api_[A-Za-z0-9]{30,}|AGE-SECRET-KEY-1[A-Z0-9]{50,}|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,})",
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["q~"],
        pattern: r"(?P<v>[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{30,}|\b[A-Za-z0-9_~.]{3,6}Q~[A-Za-z0-9_~.-]{30,})",
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["sk-"],
        pattern: r"\b(?P<v>sk-[A-Za-z0-9_-]{20,})",
        spans_lines: false,
        accepts: is_api_key,
    },
    // Hashes of passwords, as htpasswd and shadow files hold them.
    Rule {
        hints: &[
            "$apr1$", "$argon2", "$pbkdf2", "$scrypt", "$1$", "$2$", "$2a$", "$2b$", "$2x$",
            "$2y$", "$5$", "$6$", "$y$",
        ],
        pattern: r"(?P<v>\$(?:apr1|argon2(?:id|i|d)|pbkdf2[a-z0-9-]*|scrypt|2[abxy]?|[156y])\$[A-Za-z0-9./$=,+_-]{8,})",
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["{sha", "{ssha"],
        pattern: r"\{S?SHA[0-9]{0,3}\}(?P<v>[A-Za-z0-9+/]{20,}={0,2})",
        spans_lines: false,
        accepts: always,
    },
    // scheme://user:password@host; the second form takes passwords with a slash in them.
    Rule {
        hints: &["://"],
        pattern: r#"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s"'/?#@:]*:(?P<v>[^\s"'/?#]+)@"#,
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["://"],
        pattern: r#"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s"'/?#@:]*:(?P<v>[^\s"']+)@"#,
        spans_lines: false,
        accepts: is_not_a_port,
    },
    // scheme://token@host
    Rule {
        hints: &["://"],
        pattern: r#"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?P<v>[^\s"'/?#@:<>]{16,})@"#,
        spans_lines: false,
        accepts: always,
    },
    // user:password@tcp(host:3306)/database, user:password@host:5432, oracle:thin:user/password@host
    Rule {
        hints: &["@tcp(", "@udp(", "@unix(", "@("],
        pattern: r#"[^\s:/@"'=]+:(?P<v>[^\s"'@]+)@(?:tcp|udp|unix)?\("#,
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["@"],
        pattern: r#"\b[A-Za-z0-9_.-]+:(?P<v>[^\s"'@:/<>(){}\[\],=\\]{3,})@[A-Za-z0-9_.-]+:[0-9]{2,5}\b"#,
        spans_lines: false,
        accepts: is_not_a_reference,
    },
    Rule {
        hints: &["oracle:"],
        pattern: r#"(?i)\boracle:[a-z]+:[^\s/@:"']+/(?P<v>[^\s@/"']+)@"#,
        spans_lines: false,
        accepts: always,
    },
    // Links that are passwords themselves.
    Rule {
        hints: &["hooks.slack.com/"],
        pattern: r"hooks\.slack\.com/[a-z]+/(?P<v>[A-Za-z0-9/_-]{8,})",
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["/api/webhooks/"],
        pattern: r"discord(?:app)?\.com/api/webhooks/[0-9]+/(?P<v>[A-Za-z0-9_-]{8,})",
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["sig=", "signature=", "security-token="],
        pattern: r#"(?i)[?&](?:sig|signature|x-(?:amz|goog)-(?:signature|security-token))=(?P<v>[^\s&"'<>\\]{8,})"#,
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["authorization"],
        pattern: r#"(?i)\bauthorization\\?["']?\s*[:=]\s*\[?\\?["']?(?P<scheme>(?:bearer|basic|digest|token|apikey|negotiate)\s+)?(?P<v>[^\s"',;\\\]]+)"#,
        spans_lines: true,
        accepts: is_credential,
    },
    Rule {
        hints: &["bearer"],
        pattern: r"(?i)\bbearer\s+(?P<v>[A-Za-z0-9._~+/=-]{8,})",
        spans_lines: true,
        accepts: is_token,
    },
    Rule {
        hints: &["basic"],
        pattern: r"(?i)\bbasic\s+(?P<v>[A-Za-z0-9+/]{6,}={0,2})",
        spans_lines: true,
        accepts: is_user_and_password,
    },
    Rule {
        hints: &["auth\"", "auth'", "auth\\", "_auth"],
        pattern: r#"(?:\bauth\\?["']|\b_auth)\s*[:=]\s*\\?["']?(?P<v>[A-Za-z0-9+/]{6,}={0,2})"#,
        spans_lines: true,
        accepts: is_user_and_password,
    },
    Rule {
        hints: &["cookie"],
        pattern: r#"(?i)\b(?:set-)?cookie["']?\s*[:=]\s*["']?(?P<v>[^\s"'][^\r\n"']*)"#,
        spans_lines: true,
        accepts: always,
    },
    // What is written to a program's standard input.
    Rule {
        hints: &["chpasswd"],
        pattern: r#"\b(?:echo|printf)\s+(?:-[neE]+\s+)*\\?["']?[^\s:"'|]+:(?P<v>[^"'|\r\n]+?)(?:\\n)?\\?["']?\s*\|\s*(?:sudo\s+)?(?:\S*/)?chpasswd"#,
        spans_lines: false,
        accepts: is_value,
    },
    Rule {
        hints: &["chpasswd"],
        pattern: r#"\bchpasswd\b[^\r\n|;]*<<<\s*\\?["']?[^\s:"']+:(?P<v>[^\s"'\\]+)"#,
        spans_lines: false,
        accepts: is_value,
    },
    Rule {
        hints: &["chpasswd"],
        pattern: r"\bchpasswd\b[^\r\n|;]*(?:<<-?\s*\S+|:|\|)[ \t]*\r?\n(?:\s*(?:(?:list|expire|users):[^\r\n]*|[^\s:]+:<redacted:[^>\s]+>)\r?\n)*\s*(?:- )?[a-z_][^\s:]*:(?P<v>[^\s:]+)[ \t]*\r?(?:\n|$)",
        spans_lines: true,
        accepts: is_value,
    },
    Rule {
        hints: &[
            "--password-stdin",
            "--stdin",
            "sudo",
            "kinit",
            "cryptsetup",
            "--passphrase-fd",
            "--with-token",
        ],
        pattern: r#"\b(?:echo|printf)\s+(?:-[neE]+\s+)*(?P<q>\\?["'])?(?P<v>[^"'|\r\n]+?)(?:\\n)?\\?["']?\s*\|\s*(?:sudo\s+-S\b|(?:\S*/)?(?:kinit|cryptsetup)\b|[^|;\r\n]*(?:--password-stdin|--stdin|--passphrase-fd|--with-token)\b)"#,
        spans_lines: false,
        accepts: is_value,
    },
    // Files of configuration that put no sign between name and value.
    Rule {
        hints: &["requirepass", "masterauth"],
        pattern: r#"\b(?:requirepass|masterauth)\s+\\?"?(?P<v>[^\s"\\]+)"#,
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["password", "secret"],
        pattern: r#"(?im)^[ \t]*(?:[a-z-]+[ \t]+)?(?:login|machine|user|username|account|neighbor|peer|enable|server|client|key)\b[^\r\n]{0,80}?[ \t](?:insecure-)?(?:password|secret)[ \t]+(?:[0-9][ \t]+)?"?(?P<v>[^\s";]+)"?;?(?:[ \t]+(?:groups|role|privilege|account)\b[^\r\n]*)?[ \t]*\r?$"#,
        spans_lines: false,
        accepts: is_value,
    },
    Rule {
        hints: &["password"],
        pattern: r"\b(?:login|machine)\s+\S+(?:\s+(?:login|account)\s+\S+)*\s+password\s+(?P<v>\S+)",
        spans_lines: true,
        accepts: always,
    },
    // Dialogues: a terminal's, SMTP's, Redis'.
    Rule {
        hints: &["assword"],
        pattern: r#"(?i)\bexpect\b[^\r\n]*assword[^\r\n]*\r?\n\s*send\s+(?:--\s+)?"(?P<v>[^"\\\r\n]+)"#,
        spans_lines: true,
        accepts: is_value,
    },
    Rule {
        hints: &["auth plain", "auth login"],
        pattern: r"(?i)\bauth (?:plain|login) (?P<v>[A-Za-z0-9+/]{8,}={0,2})",
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["\"auth\""],
        pattern: r#"(?i)"auth"(?:\s+"[^"]+")?\s+"(?P<v>[^"\r\n]+)"[ \t]*\r?$"#,
        spans_lines: false,
        accepts: is_value,
    },
    Rule {
        hints: &["convertto-securestring"],
        pattern: r#"(?i)\bConvertTo-SecureString\s+(?:-String\s+)?["'](?P<v>[^"'\r\n$]+)"#,
        spans_lines: false,
        accepts: is_value,
    },
    // Mail relays and proxies that are logged in to.
    Rule {
        hints: &["smtp", "]:", "relay"],
        pattern: r"(?i)^\[?(?:smtp|relay|mail)[a-z0-9.-]*\]?(?::[0-9]{2,5})?[ \t]+[^\s:]+:(?P<v>[^\s:]+)[ \t]*\r?$",
        spans_lines: false,
        accepts: is_value,
    },
    Rule {
        hints: &["login="],
        pattern: r"\blogin=[^\s:=]+:(?P<v>[^\s:]+)",
        spans_lines: false,
        accepts: is_value,
    },
    // A shared key of OpenVPN.
    Rule {
        hints: &["static key"],
        pattern: r"-----BEGIN OpenVPN Static key V1-----(?P<v>(?s:.*?))(?:-----END OpenVPN Static key V1-----|\z)",
        spans_lines: true,
        accepts: always,
    },
    // HAProxy's statistics, and other directives that take a user with its password.
    Rule {
        hints: &["auth"],
        pattern: r"(?im)\b(?:stats[ \t]+auth|(?:proxy|basic|http|user)[-_]?auth)[ \t]+[^\s:]+:(?P<v>[^\s:]+)[ \t]*\r?$",
        spans_lines: false,
        accepts: is_value,
    },
    // Lists of users with passwords: pgbouncer, PPP.
    Rule {
        hints: &["\" \"", "\"\t\"", "\\\" \\\""],
        pattern: r#"(?m)^[ \t]*(?:\\?"[^"\s\\]+\\?"[ \t]+\\?"(?P<v>[^"\r\n\\]+)\\?")(?:[ \t]+"[^"\r\n]*"|[ \t]+\*)?[ \t]*\r?$"#,
        spans_lines: false,
        accepts: is_listed_password,
    },
    // Redis: `user default on >password`, `auth-pass mymaster password`.
    Rule {
        hints: &["on >", "on #", "setuser"],
        pattern: r"(?im)(?:^|\s)(?:acl[ \t]+setuser|user)[ \t]+\S+[^\r\n]*?[ \t][>#](?P<v>[^\s<>]+)",
        spans_lines: false,
        accepts: is_value,
    },
    Rule {
        hints: &["auth-pass", "auth_pass"],
        pattern: r#"(?im)\bauth[-_]pass[ \t]+(?:[A-Za-z][^\s"]*[ \t]+)?"?(?P<v>[^\s"]+)"?[ \t]*\r?$"#,
        spans_lines: false,
        accepts: is_value,
    },
    // SNMP: communities, and users with passphrases.
    Rule {
        hints: &["community", "com2sec"],
        pattern: r#"(?im)^[ \t]*(?:snmp-server[ \t]+community|(?:ro|rw|trap)community6?|com2sec6?[ \t]+(?:-Cn[ \t]+\S+[ \t]+)?\S+[ \t]+\S+)[ \t]+"?(?P<v>[^\s"]+)"#,
        spans_lines: false,
        accepts: is_value,
    },
    Rule {
        hints: &["createuser", "usmuser"],
        pattern: r#"(?i)\bcreateUser\b[^\r\n]*?[ \t](?:MD5|SHA(?:-?[0-9]{3})?|AES(?:-?[0-9]{3})?|DES)[ \t]+"?(?P<v>[^\s"<][^\s"]{5,})"#,
        spans_lines: false,
        accepts: is_value,
    },
    // IPsec and WPA.
    Rule {
        hints: &["psk"],
        pattern: r#"(?m)[ \t:](?:PSK|XAUTH|EAP)[ \t]+"(?P<v>[^"\r\n]+)""#,
        spans_lines: false,
        accepts: is_value,
    },
    // What begins as a token does, of whatever service: `name_live_…`, `svc-key-…`.
    Rule {
        hints: &[
            "key_", "key-", "secret_", "secret-", "token_", "token-", "pat_", "pat-", "api_",
            "api-", "live_", "live-", "test_", "test-", "prod_", "prod-", "auth_", "auth-",
        ],
        pattern: r"\b(?P<v>(?:[a-z][a-z0-9]{1,11}[_-]){0,2}(?:key|secret|token|pat|api|live|test|prod|auth)[_-](?:v[0-9][_-])?(?P<tail>[A-Za-z0-9]{20,}))\b",
        spans_lines: false,
        accepts: has_random_tail,
    },
    // A one-time code of OAuth, a key of a cloud function.
    Rule {
        hints: &["code="],
        pattern: r#"[?&]code=(?P<v>[^\s&"'<>\\#)]{8,})"#,
        spans_lines: false,
        accepts: is_mixed,
    },
    Rule {
        hints: &["identified"],
        pattern: r#"(?i)\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?\\?['"](?P<v>[^'"\\\r\n]+)"#,
        spans_lines: true,
        accepts: always,
    },
    Rule {
        hints: &["password"],
        pattern: r"(?i)\b(?:user|role)\b[^;\r\n]{0,80}?\bpassword\s+'(?P<v>[^'\r\n]+)'",
        spans_lines: false,
        accepts: always,
    },
    Rule {
        hints: &["pwd"],
        pattern: r#"(?i)(?:^|[;\s"'])pwd\s*=\s*(?P<v>[^\s;"'/][^\s;"']*)"#,
        spans_lines: false,
        accepts: always,
    },
];

/// Neither a word of prose nor what stands for a value.
fn is_value(_: &Captures<'_>, value: &str) -> bool {
    value.len() >= 3 && !names::is_harmless_value(value) && !prose::is_word_of_prose(value)
}

/// Of a line of two texts in quotes the second is a password, unless it is a word, a size or a host.
fn is_listed_password(captures: &Captures<'_>, value: &str) -> bool {
    is_value(captures, value)
        && value.len() >= 7
        && !value.contains([' ', '/'])
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && value
            .bytes()
            .any(|byte| !byte.is_ascii_alphabetic() && !matches!(byte, b'-' | b'_' | b'.'))
}

/// A run of letters and digits that no word or counter is.
fn has_random_tail(captures: &Captures<'_>, _: &str) -> bool {
    captures.name("tail").is_some_and(|tail| {
        let tail = tail.as_str();
        let digits = tail.bytes().filter(u8::is_ascii_digit).count();
        digits >= 3 && digits < tail.len() - 3
    })
}

/// Letters and digits, as no error code is.
fn is_mixed(_: &Captures<'_>, value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn always(_: &Captures<'_>, _: &str) -> bool {
    true
}

/// `sk-` also begins Kubernetes names; keys have capitals or a long run without a hyphen.
fn is_api_key(_: &Captures<'_>, value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_uppercase())
        || value.split(['-', '_']).any(|run| run.len() >= 16)
}

/// `http://host:8080/search?q=a@b` holds a port, not a password.
fn is_not_a_port(_: &Captures<'_>, value: &str) -> bool {
    let rest = value.trim_start_matches(|letter: char| letter.is_ascii_digit());
    rest.len() == value.len() || !rest.starts_with(['/', '?', '#'])
}

/// `image:1.2@sha256:4f53…` is an image, and what is only a port is no password.
fn is_not_a_reference(captures: &Captures<'_>, value: &str) -> bool {
    let is_digest = captures.get(0).is_some_and(|hit| hit.as_str().contains("@sha"));
    !is_digest && (value.len() > 5 || !value.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `authorization: denied` is prose, and a scheme without credentials is no secret.
fn is_credential(captures: &Captures<'_>, value: &str) -> bool {
    const SCHEMES: &[&str] = &["bearer", "basic", "digest", "token", "apikey", "negotiate"];
    if captures.name("scheme").is_some() {
        return true;
    }
    !SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme))
        && !value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.')
}

/// `bearer authentication` is prose.
fn is_token(_: &Captures<'_>, value: &str) -> bool {
    value.len() >= 20 || value.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_user_and_password(_: &Captures<'_>, value: &str) -> bool {
    is_basic_auth(value)
}

/// Whether the text is `user:password` in base64.
pub(super) fn is_basic_auth(value: &str) -> bool {
    decoded(value).is_some_and(|bytes| {
        std::str::from_utf8(&bytes).is_ok_and(|text| {
            text.split_once(':').is_some_and(|(user, password)| {
                !user.is_empty() && !password.is_empty() && !text.contains(char::is_control)
            })
        })
    })
}

/// Certificates are public; anything else that begins as a PEM file does is not.
fn is_encoded_key(_: &Captures<'_>, value: &str) -> bool {
    match decoded(value) {
        Some(bytes) => bytes.windows(11).any(|window| window == b"PRIVATE KEY"),
        None => !value.starts_with("LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR"),
    }
}

fn decoded(base64: &str) -> Option<Vec<u8>> {
    let decoded = serde_json::from_value::<ByteString>(Value::String(base64.to_owned())).ok()?;
    Some(decoded.0)
}
