//! The table of every setting: its path, its environment variable, and what it may hold. Errors about a value
//! come from here, so that they speak of the configuration and not of the program's types.

use std::net::SocketAddr;

use serde_json::{Map, Value};

use super::layers::ConfigError;
use super::mask;

/// One setting and the environment variable that overrides it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The variable's name.
    pub variable: &'static str,
    /// The setting as a path of keys, e.g. `model.endpoint`.
    pub path: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether `null` is a value of its own.
    pub nullable: bool,
}

/// What a setting may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// An IP address and a port.
    Address,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second, both included.
    Whole(u64, u64),
    /// A number from the first to the second, both included.
    Number(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text that is not empty.
    Text,
    /// Text that is shown with what may be a secret masked.
    Url,
    /// Text that is never shown.
    Secret,
}

const fn setting(variable: &'static str, path: &'static str, kind: Kind) -> Setting {
    Setting { variable, path, kind, nullable: false }
}

const fn optional(variable: &'static str, path: &'static str, kind: Kind) -> Setting {
    Setting { variable, path, kind, nullable: true }
}

/// A day in seconds: a longer limit limits nothing.
const DAY: u64 = 24 * 60 * 60;
/// Ten years in minutes.
const DECADE: u64 = 10 * 365 * 24 * 60;

/// All of them. Any other name that begins with `LEADSMAN_` is an error, so that a typo is not ignored.
pub const SETTINGS: &[Setting] = &[
    setting("LEADSMAN_API_ADDRESS", "server.api_address", Kind::Address),
    setting("LEADSMAN_HEALTH_ADDRESS", "server.health_address", Kind::Address),
    setting("LEADSMAN_METRICS_ADDRESS", "server.metrics_address", Kind::Address),
    setting("LEADSMAN_DEV_MODE", "server.dev_mode", Kind::Flag),
    setting("LEADSMAN_MAX_IN_FLIGHT", "server.max_in_flight", Kind::Whole(1, 100_000)),
    setting(
        "LEADSMAN_SHUTDOWN_GRACE_SECONDS",
        "server.shutdown_grace_seconds",
        Kind::Whole(0, DAY),
    ),
    optional("LEADSMAN_AUTH_MODE", "auth.mode", Kind::Word(&["none"])),
    setting("LEADSMAN_MAX_CONCURRENT", "sessions.max_concurrent", Kind::Whole(1, 100_000)),
    setting("LEADSMAN_RETENTION_MINUTES", "sessions.retention_minutes", Kind::Whole(0, DECADE)),
    setting("LEADSMAN_MAX_SECONDS", "investigation.max_seconds", Kind::Whole(1, DAY)),
    setting("LEADSMAN_MAX_TURNS", "investigation.max_turns", Kind::Whole(1, 10_000)),
    setting("LEADSMAN_MAX_TOOL_CALLS", "investigation.max_tool_calls", Kind::Whole(1, 10_000)),
    setting("LEADSMAN_MAX_TOKENS", "investigation.max_tokens", Kind::Whole(1, 1_000_000_000)),
    optional("LEADSMAN_MODEL_ENDPOINT", "model.endpoint", Kind::Url),
    optional("LEADSMAN_MODEL_NAME", "model.name", Kind::Text),
    optional("LEADSMAN_MODEL_API_KEY", "model.api_key", Kind::Secret),
    optional("LEADSMAN_MODEL_API_KEY_FILE", "model.api_key_file", Kind::Text),
    optional("LEADSMAN_MODEL_TEMPERATURE", "model.temperature", Kind::Number(0.0, 2.0)),
    setting(
        "LEADSMAN_MODEL_REQUEST_TIMEOUT_SECONDS",
        "model.request_timeout_seconds",
        Kind::Whole(1, DAY),
    ),
    setting("LEADSMAN_MODEL_MAX_RETRIES", "model.max_retries", Kind::Whole(0, 100)),
    setting("LEADSMAN_MODEL_STREAM", "model.stream", Kind::Flag),
    optional("LEADSMAN_CLUSTER_SNAPSHOT", "cluster.snapshot", Kind::Text),
    optional("LEADSMAN_CLUSTER_CONTEXT", "cluster.context", Kind::Text),
    optional("LEADSMAN_CLUSTER_KUBECONFIG", "cluster.kubeconfig", Kind::Text),
    setting(
        "LEADSMAN_CLUSTER_REQUEST_TIMEOUT_SECONDS",
        "cluster.request_timeout_seconds",
        Kind::Whole(1, 3_600),
    ),
    optional("LEADSMAN_PROMETHEUS_URL", "prometheus.url", Kind::Url),
    optional("LEADSMAN_PROMETHEUS_BEARER_TOKEN_FILE", "prometheus.bearer_token_file", Kind::Text),
    optional("LEADSMAN_PROMETHEUS_CA_FILE", "prometheus.ca_file", Kind::Text),
    // The adapter's own ceiling.
    setting(
        "LEADSMAN_PROMETHEUS_REQUEST_TIMEOUT_SECONDS",
        "prometheus.request_timeout_seconds",
        Kind::Whole(1, 120),
    ),
    setting("LEADSMAN_STORAGE_DIRECTORY", "storage.directory", Kind::Text),
    optional("LEADSMAN_AUDIT_FILE", "audit.file", Kind::Text),
    optional("LEADSMAN_REDACTION_KEY", "redaction.key", Kind::Secret),
    optional("LEADSMAN_REDACTION_KEY_FILE", "redaction.key_file", Kind::Text),
    setting("LEADSMAN_LOG_LEVEL", "log.level", Kind::Text),
    setting("LEADSMAN_LOG_FORMAT", "log.format", Kind::Word(&["text", "json"])),
];

/// The variable that names the configuration file; the command line has the same as `--config`.
pub(super) const CONFIG_FILE: &str = "LEADSMAN_CONFIG";

impl Setting {
    /// Reads a variable's text as the value that a file would hold; an empty one stands for `null`.
    pub(super) fn read(&self, text: &str) -> Value {
        match self.kind {
            _ if text.is_empty() => Value::Null,
            Kind::Text | Kind::Url | Kind::Secret | Kind::Word(_) | Kind::Address => {
                Value::String(text.to_owned())
            }
            Kind::Flag | Kind::Whole(..) | Kind::Number(..) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
            }
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        match (self.kind, value) {
            (_, Value::Null) => self.nullable,
            (Kind::Address, Value::String(text)) => text.parse::<SocketAddr>().is_ok(),
            (Kind::Flag, Value::Bool(_)) => true,
            (Kind::Whole(least, most), Value::Number(number)) => {
                number.as_u64().is_some_and(|number| (least..=most).contains(&number))
            }
            (Kind::Number(least, most), Value::Number(number)) => {
                number.as_f64().is_some_and(|number| (least..=most).contains(&number))
            }
            (Kind::Word(words), Value::String(text)) => words.contains(&text.as_str()),
            (Kind::Text | Kind::Url | Kind::Secret, Value::String(text)) => !text.is_empty(),
            _ => false,
        }
    }

    /// What is wrong with a value that is not accepted, and what would be right.
    fn complaint(&self, value: &Value) -> String {
        if value == "" {
            let null = if self.nullable { "; null leaves it unset" } else { "" };
            return format!("must not be empty{null}");
        }
        let mut right = match self.kind {
            Kind::Address => {
                "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
            }
            Kind::Flag => "true or false".to_owned(),
            Kind::Whole(least, most) => format!("a whole number between {least} and {most}"),
            Kind::Number(least, most) => format!("a number between {least} and {most}"),
            Kind::Word(words) if self.nullable => format!("null or {}", words.join(" or ")),
            Kind::Word(words) => words.join(" or "),
            Kind::Text | Kind::Url | Kind::Secret => "text".to_owned(),
        };
        if self.nullable && !matches!(self.kind, Kind::Word(_)) {
            right.push_str(" or null");
        }
        let fix = match (self.kind, value) {
            (Kind::Text | Kind::Url | Kind::Secret, Value::Number(_) | Value::Bool(_)) => {
                "; put it in quotes"
            }
            _ => "",
        };
        format!("must be {right}, not {}{fix}", self.shown(value))
    }

    fn shown(&self, value: &Value) -> String {
        match (self.kind, value) {
            (_, Value::Null) => "null".to_owned(),
            (_, Value::Array(_)) => "a list".to_owned(),
            (_, Value::Object(_)) => "a section".to_owned(),
            (Kind::Secret, _) => "what is given".to_owned(),
            (Kind::Url, Value::String(text)) => format!("{:?}", mask::url(text)),
            (_, Value::String(text)) => format!("{text:?}"),
            (_, Value::Number(_) | Value::Bool(_)) => value.to_string(),
        }
    }
}

/// Checks that settings are sections of known settings, each with a value that it may hold.
///
/// # Errors
/// The first that is unknown, or whose value is not accepted.
pub(super) fn check(settings: &Value) -> Result<(), ConfigError> {
    let Value::Object(sections) = settings else { return Ok(()) };
    for (name, section) in sections {
        if !SETTINGS.iter().any(|setting| section_of(setting.path) == name) {
            return Err(unknown(name, SETTINGS.iter().map(|setting| section_of(setting.path))));
        }
        let Value::Object(values) = section else {
            let known = keys_of(name).next().unwrap_or_default();
            let problem =
                format!("must be a section of settings, such as `{name}: {{{known}: …}}`");
            return Err(ConfigError::Setting { setting: name.clone(), problem });
        };
        check_section(name, values)?;
    }
    Ok(())
}

fn check_section(section: &str, values: &Map<String, Value>) -> Result<(), ConfigError> {
    for (key, value) in values {
        let path = format!("{section}.{key}");
        let Some(setting) = SETTINGS.iter().find(|setting| setting.path == path) else {
            return Err(unknown(&path, SETTINGS.iter().map(|setting| setting.path)));
        };
        if !setting.accepts(value) {
            let problem = setting.complaint(value);
            return Err(ConfigError::Setting { setting: path, problem });
        }
    }
    Ok(())
}

fn section_of(path: &'static str) -> &'static str {
    path.split('.').next().unwrap_or(path)
}

fn keys_of(section: &str) -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().filter_map(move |setting| {
        setting.path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'))
    })
}

fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> ConfigError {
    ConfigError::Setting {
        setting: name.to_owned(),
        problem: format!("is unknown{}", hint(name, known)),
    }
}

/// The known name that was probably meant: it is like the given one, or holds it as a part.
pub(super) fn hint(name: &str, known: impl Iterator<Item = &'static str>) -> String {
    /// How alike two names must be, from 0 to 1.
    const ALIKE: f64 = 0.85;
    /// Letters that a part needs to tell anything.
    const PART: usize = 4;
    let wanted = distinctive(name);
    let likeness = |known: &'static str| {
        let offered = distinctive(known);
        let part = wanted.len() >= PART && offered.contains(wanted);
        let likeness = strsim::jaro_winkler(wanted, offered);
        (if part { likeness.max(ALIKE) } else { likeness }, known)
    };
    match known.map(likeness).max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((likeness, known)) if likeness >= ALIKE => format!("; did you mean {known}?"),
        _ => String::new(),
    }
}

/// What names do not share: the last key of a path, a variable without its prefix.
fn distinctive(name: &str) -> &str {
    let name = name.strip_prefix("LEADSMAN_").unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name)
}
