//! Every environment variable that configures Leadsman, and the setting that it overrides.

/// One variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The setting as a path of keys, e.g. `model.endpoint`.
    pub setting: &'static str,
}

const fn variable(name: &'static str, setting: &'static str) -> Variable {
    Variable { name, setting }
}

/// All of them. Any other name that begins with `LEADSMAN_` is an error, so that a typo is not ignored.
pub const NAMES: &[Variable] = &[
    variable("LEADSMAN_API_ADDRESS", "server.api_address"),
    variable("LEADSMAN_HEALTH_ADDRESS", "server.health_address"),
    variable("LEADSMAN_METRICS_ADDRESS", "server.metrics_address"),
    variable("LEADSMAN_DEV_MODE", "server.dev_mode"),
    variable("LEADSMAN_MAX_IN_FLIGHT", "server.max_in_flight"),
    variable("LEADSMAN_SHUTDOWN_GRACE_SECONDS", "server.shutdown_grace_seconds"),
    variable("LEADSMAN_MAX_CONCURRENT", "sessions.max_concurrent"),
    variable("LEADSMAN_RETENTION_MINUTES", "sessions.retention_minutes"),
    variable("LEADSMAN_MAX_SECONDS", "investigation.max_seconds"),
    variable("LEADSMAN_MAX_TURNS", "investigation.max_turns"),
    variable("LEADSMAN_MAX_TOOL_CALLS", "investigation.max_tool_calls"),
    variable("LEADSMAN_MAX_TOKENS", "investigation.max_tokens"),
    variable("LEADSMAN_MODEL_ENDPOINT", "model.endpoint"),
    variable("LEADSMAN_MODEL_NAME", "model.name"),
    variable("LEADSMAN_MODEL_API_KEY", "model.api_key"),
    variable("LEADSMAN_MODEL_API_KEY_FILE", "model.api_key_file"),
    variable("LEADSMAN_MODEL_TEMPERATURE", "model.temperature"),
    variable("LEADSMAN_MODEL_REQUEST_TIMEOUT_SECONDS", "model.request_timeout_seconds"),
    variable("LEADSMAN_MODEL_MAX_RETRIES", "model.max_retries"),
    variable("LEADSMAN_MODEL_STREAM", "model.stream"),
    variable("LEADSMAN_CLUSTER_SNAPSHOT", "cluster.snapshot"),
    variable("LEADSMAN_CLUSTER_CONTEXT", "cluster.context"),
    variable("LEADSMAN_CLUSTER_KUBECONFIG", "cluster.kubeconfig"),
    variable("LEADSMAN_CLUSTER_REQUEST_TIMEOUT_SECONDS", "cluster.request_timeout_seconds"),
    variable("LEADSMAN_PROMETHEUS_URL", "prometheus.url"),
    variable("LEADSMAN_PROMETHEUS_BEARER_TOKEN_FILE", "prometheus.bearer_token_file"),
    variable("LEADSMAN_PROMETHEUS_CA_FILE", "prometheus.ca_file"),
    variable("LEADSMAN_PROMETHEUS_REQUEST_TIMEOUT_SECONDS", "prometheus.request_timeout_seconds"),
    variable("LEADSMAN_STORAGE_DIRECTORY", "storage.directory"),
    variable("LEADSMAN_AUDIT_FILE", "audit.file"),
    variable("LEADSMAN_LOG_LEVEL", "log.level"),
    variable("LEADSMAN_LOG_FORMAT", "log.format"),
];

/// The variable that names the configuration file; the command line has the same as `--config`.
pub(super) const CONFIG_FILE: &str = "LEADSMAN_CONFIG";
