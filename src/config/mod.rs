//! Configuration: built-in defaults, then a YAML file, then the environment; strict, with errors that name
//! the setting and the fix.

mod env;
mod layers;
mod log_filter;
pub mod mask;
mod tree;

pub use env::{NAMES as ENVIRONMENT, Variable};
pub use layers::{ConfigError, load, load_default};
pub use log_filter::log_filter;
pub use tree::{
    AuditConfig, ClusterConfig, Config, InvestigationConfig, LogConfig, LogFormat, ModelConfig,
    PrometheusConfig, ServerConfig, SessionsConfig, StorageConfig,
};
