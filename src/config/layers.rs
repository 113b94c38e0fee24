//! The layers of configuration and the checks that the merged result must pass.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use serde_json::Value;
use serde_saphyr::UserMessageFormatter;

use super::log_filter::log_filter;
use super::settings::{self, SETTINGS};
use super::tree::{Config, RedactionConfig};

/// The built-in settings, also the documentation of all of them.
const DEFAULTS: &str = include_str!("../../config/default.yaml");

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A setting is unknown or of the wrong type.
    #[error("configuration setting {setting}: {problem}")]
    Setting {
        /// Path of keys.
        setting: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// An environment variable that begins with `LEADSMAN_` and is none of ours.
    #[error("environment variable {name} is unknown{hint}")]
    Variable {
        /// The name.
        name: String,
        /// A similar name, if there is one.
        hint: String,
    },
}

/// Loads the configuration from a file, if given, and from environment variables.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut merged = yaml(DEFAULTS, Path::new("default.yaml"))?;
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        merge(&mut merged, yaml(&text, path)?);
    }
    for (name, value) in environment {
        override_from(&mut merged, &name, &value)?;
    }
    settings::check(&merged)?;
    let config: Config =
        serde_path_to_error::deserialize(merged).map_err(|error| ConfigError::Setting {
            setting: error.path().to_string(),
            problem: error.inner().to_string(),
        })?;
    check(&config)?;
    Ok(config)
}

/// The built-in settings alone.
pub fn load_default() -> Result<Config, ConfigError> {
    load(None, [])
}

fn yaml(text: &str, path: &Path) -> Result<Value, ConfigError> {
    let file = |problem: String| ConfigError::File { path: path.to_owned(), problem };
    // Without the lines around the mistake: one of them may hold the key.
    let options = serde_saphyr::options! { with_snippet: false };
    let value: Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| file(error.render_with_formatter(&UserMessageFormatter)))?;
    match value {
        Value::Null => Ok(Value::Object(serde_json::Map::new())),
        Value::Object(_) => Ok(value),
        _ => Err(file(
            "the file must hold a mapping of settings, such as `log: {level: debug}`".to_owned(),
        )),
    }
}

/// Lays `over` on top of `under`: mappings merge key by key, anything else replaces.
fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        // An empty section in a file (`model:`) changes nothing.
        (Value::Object(_), Value::Null) => {}
        (under, over) => *under = over,
    }
}

fn override_from(settings: &mut Value, name: &str, value: &str) -> Result<(), ConfigError> {
    if !name.starts_with("LEADSMAN_") || name == settings::CONFIG_FILE || is_service_link(name) {
        return Ok(());
    }
    let Some(setting) = SETTINGS.iter().find(|setting| setting.variable == name) else {
        let hint = settings::hint(name, SETTINGS.iter().map(|setting| setting.variable));
        return Err(ConfigError::Variable { name: name.to_owned(), hint });
    };
    let pointer = format!("/{}", setting.path.replace('.', "/"));
    if let Some(slot) = settings.pointer_mut(&pointer) {
        *slot = setting.read(value);
    }
    Ok(())
}

/// Kubernetes sets such variables in every pod beside a Service that is named `leadsman`.
fn is_service_link(name: &str) -> bool {
    name == "LEADSMAN_PORT"
        || ["LEADSMAN_PORT_", "LEADSMAN_SERVICE_"].iter().any(|prefix| name.starts_with(prefix))
}

/// What only shows when settings are looked at together, and what takes a parser of its own.
fn check(config: &Config) -> Result<(), ConfigError> {
    let wrong = |setting: &str, problem: &str| {
        Err(ConfigError::Setting { setting: setting.to_owned(), problem: problem.to_owned() })
    };
    let model = &config.model;
    if model.endpoint.is_some() && model.name.is_none() {
        return wrong("model.name", "is missing; name the model that the endpoint serves");
    }
    if model.endpoint.is_none() && model.name.is_some() {
        return wrong("model.endpoint", "is missing; give the endpoint's URL without /v1");
    }
    if model.api_key.is_some() && model.api_key_file.is_some() {
        return wrong("model.api_key_file", "stands beside model.api_key; set only one of them");
    }
    let prometheus = &config.prometheus;
    if prometheus.url.is_none() && prometheus.bearer_token_file.is_some() {
        return wrong("prometheus.url", "is missing; give the base URL that the token is for");
    }
    if config.cluster.snapshot.is_some() && config.cluster.context.is_some() {
        return wrong("cluster.context", "stands beside cluster.snapshot; set only one of them");
    }
    if config.storage.in_memory() && config.audit.file.is_none() {
        return wrong("audit.file", "is missing; a store in memory has no directory for it");
    }
    let redaction = &config.redaction;
    if redaction.key.is_some() && redaction.key_file.is_some() {
        return wrong("redaction.key_file", "stands beside redaction.key; set only one of them");
    }
    if redaction
        .key
        .as_ref()
        .is_some_and(|key| key.expose_secret().trim().len() < RedactionConfig::MIN_KEY)
    {
        return wrong(
            "redaction.key",
            "is too short; give at least 16 bytes, such as `openssl rand -hex 32` prints",
        );
    }
    match log_filter(&config.log.level) {
        Ok(_) => Ok(()),
        Err(problem) => wrong("log.level", &problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load(None, pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_defaults_stand_and_every_variable_reaches_a_setting() {
        let config = load_default().unwrap();
        assert_eq!(config.server.api_address.port(), 8080);
        let settings = config.masked();
        for setting in SETTINGS {
            let pointer = format!("/{}", setting.path.replace('.', "/"));
            assert!(settings.pointer(&pointer).is_some(), "{}", setting.variable);
        }
        let sections = settings.as_object().unwrap();
        let count: usize =
            sections.values().map(|section| section.as_object().unwrap().len()).sum();
        assert_eq!(SETTINGS.len(), count, "every setting has its variable");
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "server:\n  api_address: 127.0.0.1:1\nmodel:\nlog: {level: warn}\n",
        )
        .unwrap();
        let variables = [("LEADSMAN_API_ADDRESS".to_owned(), "127.0.0.1:2".to_owned())];
        let config = load(Some(file.path()), variables).unwrap();
        assert_eq!(config.server.api_address.port(), 2);
        assert_eq!(config.log.level, "warn");
        assert_eq!(config.model.max_retries, 3);
    }

    #[test]
    fn a_key_that_looks_like_a_number_stays_text_and_is_masked() {
        let config = with(&[
            ("LEADSMAN_MODEL_ENDPOINT", "http://localhost:1"),
            ("LEADSMAN_MODEL_NAME", "7"),
            ("LEADSMAN_MODEL_API_KEY", "12345"),
        ])
        .unwrap();
        assert_eq!(config.model.name.as_deref(), Some("7"));
        assert!(config.model.api_key.is_some());
        let shown = config.masked().to_string() + &format!("{config:?}");
        assert!(!shown.contains("12345"));
    }

    #[test]
    fn every_mistake_names_the_setting_and_the_fix() {
        for (pairs, says) in [
            (&[("LEADSMAN_API_ADDRESS", "80")][..], "such as 127.0.0.1:8080"),
            (&[("LEADSMAN_MODEL_ENDPOINT", "http://x")], "model.name: is missing"),
            (&[("LEADSMAN_MODEL_NAME", "x")], "model.endpoint: is missing"),
            (
                &[("LEADSMAN_MAX_TURNS", "0")],
                "investigation.max_turns: must be a whole number between 1 and 10000, not 0",
            ),
            (&[("LEADSMAN_MAX_TURNS", "many")], "investigation.max_turns"),
            (&[("LEADSMAN_TURNS", "4")], "LEADSMAN_TURNS is unknown"),
            (&[("LEADSMAN_LOG_FORMAT", "xml")], "log.format"),
            (
                &[("LEADSMAN_REDACTION_KEY", "short")],
                "redaction.key: is too short; give at least 16 bytes",
            ),
            (
                &[
                    ("LEADSMAN_REDACTION_KEY", "0123456789abcdef"),
                    ("LEADSMAN_REDACTION_KEY_FILE", "/k"),
                ],
                "redaction.key_file: stands beside redaction.key",
            ),
        ] {
            let problem = with(pairs).unwrap_err().to_string();
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn variables_that_kubernetes_sets_for_a_service_are_not_ours() {
        assert!(
            with(&[("LEADSMAN_SERVICE_HOST", "10.0.0.1"), ("LEADSMAN_PORT", "tcp://x")]).is_ok()
        );
    }

    #[test]
    fn an_unknown_setting_in_a_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "model: {endpont: x}\n").unwrap();
        let problem = load(Some(file.path()), []).unwrap_err().to_string();
        assert!(problem.contains("endpont") && problem.contains("endpoint"), "{problem}");
    }
}
