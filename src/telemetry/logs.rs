//! Logs: one line an event on standard error, as text or JSON.

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("log.level: {0}; use a level such as info, or directives such as leadsman=debug,warn")]
    Filter(String),
    /// Something else has started logging before.
    #[error("logging has been started already")]
    Started,
}

/// Starts logging for the process.
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    // async-openai logs bodies of answers that it cannot decode; they may hold cluster data.
    let directives = format!("{},async_openai=off", config.level);
    let filter =
        EnvFilter::try_new(directives).map_err(|error| LogError::Filter(error.to_string()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|_| LogError::Started)
}
