//! Audit sinks: where completion events go, at least once and never torn.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// One audit event, already in its wire form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Stable over redelivery; a sink that has stored it once ignores it the second time.
    pub event_id: Uuid,
    /// The whole envelope (reference §6.1); holds `event_id` again inside `event_data`.
    pub body: Value,
}

/// Why a sink did not take a batch.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Worth another attempt later: disk full, network, 5xx.
    #[error("audit sink is unavailable: {0}")]
    Unavailable(String),
    /// The sink refuses these records for good.
    #[error("audit sink refused the batch: {0}")]
    Refused(String),
}

/// A destination of audit events.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// A name for logs, e.g. `file:/var/lib/leadsman/audit.jsonl`.
    fn name(&self) -> &str;

    /// Stores every record of the batch durably (after `Ok` a power cut loses none) and skips those it
    /// already holds, recognised by `event_id`. A record comes again at most as long as the batch that it was
    /// part of is not out of the outbox, so a sink needs to remember the last few batches only.
    async fn deliver(&self, batch: &[AuditRecord]) -> Result<(), AuditError>;
}
