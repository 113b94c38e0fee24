//! The typed tree of settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

use super::mask;
use crate::engine::budget::Limits;

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listeners and shutdown.
    pub server: ServerConfig,
    /// Who may call the API.
    pub auth: AuthConfig,
    /// Capacity and retention.
    pub sessions: SessionsConfig,
    /// The budget of one investigation.
    pub investigation: InvestigationConfig,
    /// The model endpoint.
    pub model: ModelConfig,
    /// The cluster to look at.
    pub cluster: ClusterConfig,
    /// Metrics to ask.
    pub prometheus: PrometheusConfig,
    /// Where journals live.
    pub storage: StorageConfig,
    /// Where completion events go.
    pub audit: AuditConfig,
    /// How secrets are masked.
    pub redaction: RedactionConfig,
    /// What is logged and how.
    pub log: LogConfig,
}

/// Listeners and shutdown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// The API's address; port 0 picks a free one.
    pub api_address: SocketAddr,
    /// Health and readiness.
    pub health_address: SocketAddr,
    /// Prometheus metrics.
    pub metrics_address: SocketAddr,
    /// Serves `GET /config`.
    pub dev_mode: bool,
    /// Requests in flight before 429.
    pub max_in_flight: usize,
    /// Seconds between SIGTERM and the checkpoint of what still runs.
    pub shutdown_grace_seconds: u64,
}

/// Who may call the API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// How callers are told apart; none at all lets the API listen on loopback only.
    pub mode: Option<AuthMode>,
}

/// How callers of the API are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// Not at all: anybody may call who can reach it.
    #[serde(rename = "none")]
    Open,
}

/// Capacity and retention.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsConfig {
    /// Investigations at once.
    pub max_concurrent: usize,
    /// Minutes that a finished session still answers.
    pub retention_minutes: u64,
}

/// The budget of one investigation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvestigationConfig {
    /// Wall time in seconds.
    pub max_seconds: u64,
    /// Model turns.
    pub max_turns: u32,
    /// Tool calls by the model.
    pub max_tool_calls: u32,
    /// Tokens read and written.
    pub max_tokens: u64,
}

impl InvestigationConfig {
    /// As the engine counts.
    pub fn limits(&self) -> Limits {
        Limits {
            seconds: self.max_seconds,
            turns: self.max_turns,
            tool_calls: self.max_tool_calls,
            tokens: self.max_tokens,
        }
    }
}

/// The model endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// URL without `/v1`; none leaves every answer to the rules.
    #[serde(serialize_with = "masked_url")]
    pub endpoint: Option<String>,
    /// Model name as the endpoint knows it.
    pub name: Option<String>,
    /// API key; shown masked.
    #[serde(serialize_with = "masked")]
    pub api_key: Option<SecretString>,
    /// File that holds the API key.
    pub api_key_file: Option<PathBuf>,
    /// Sent only when set.
    pub temperature: Option<f32>,
    /// Seconds for one call with its retries.
    pub request_timeout_seconds: u64,
    /// Further attempts after a failure that may pass.
    pub max_retries: usize,
    /// Whether answers are streamed.
    pub stream: bool,
}

/// The cluster to look at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// A snapshot directory.
    pub snapshot: Option<PathBuf>,
    /// A kubeconfig context.
    pub context: Option<String>,
    /// A kubeconfig file other than the usual one.
    pub kubeconfig: Option<PathBuf>,
    /// Seconds for one API call.
    pub request_timeout_seconds: u64,
}

/// Metrics to ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Base URL; none leaves the metric tools out.
    #[serde(serialize_with = "masked_url")]
    pub url: Option<String>,
    /// File that holds a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Seconds for one query.
    pub request_timeout_seconds: u64,
}

/// Where journals live.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageConfig {
    /// A directory, or `:memory:`.
    pub directory: PathBuf,
}

impl StorageConfig {
    /// Whether sessions are kept in memory only.
    pub fn in_memory(&self) -> bool {
        self.directory.as_os_str() == ":memory:"
    }
}

/// Where completion events go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// A JSON Lines file; none means `audit.jsonl` in the storage directory.
    pub file: Option<PathBuf>,
}

/// How secrets are masked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactionConfig {
    /// Key of the masks, at least 16 bytes; shown masked. None means a random one for each process.
    #[serde(serialize_with = "masked")]
    pub key: Option<SecretString>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
}

impl RedactionConfig {
    /// The least length of a key in bytes: a shorter one can be guessed from the masks.
    pub const MIN_KEY: usize = 16;
}

/// What is logged and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// A level or tracing directives.
    pub level: String,
    /// See [`LogFormat`].
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For humans.
    Text,
    /// For machines.
    Json,
}

fn masked<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| "********").serialize(serializer)
}

fn masked_url<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_deref().map(mask::url).serialize(serializer)
}

impl Config {
    /// The settings as JSON with secrets masked, those within URLs too.
    pub fn masked(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The file that completion events go to.
    pub fn audit_file(&self) -> PathBuf {
        match &self.audit.file {
            Some(file) => file.clone(),
            None => self.storage.directory.join("audit.jsonl"),
        }
    }

    /// How long a finished session still answers.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.sessions.retention_minutes.saturating_mul(60))
    }
}
