//! Configuration: built-in defaults, then a YAML file, then the environment; strict, with errors that name
//! the setting and the fix.

mod layers;
mod listen;
mod log_filter;
pub mod mask;
mod settings;
mod tree;

pub use layers::{ConfigError, load, load_default};
pub use log_filter::log_filter;
pub use settings::{Kind, SETTINGS, Setting};
pub use tree::{
    AuditConfig, AuthConfig, AuthMode, ClusterConfig, Config, InvestigationConfig, LogConfig,
    LogFormat, ModelConfig, PrometheusConfig, RedactionConfig, ServerConfig, SessionsConfig,
    StorageConfig,
};
