//! What operators see: logs and metrics.

mod logs;
mod metrics;

pub use logs::{LogError, start as start_logs};
pub use metrics::{ActiveSession, Metrics};
