//! What the server needs from the product: one port, its errors and its readiness.

use std::time::Duration;

use async_trait::async_trait;
use leadsman_contract::{
    AnalyzeAccepted, CancelSessionResponse, IncidentRequest, IncidentResponse, SessionState,
    SessionStatus,
};
use serde_json::Value;

/// Takes incidents and answers for their sessions.
///
/// Calls run on the runtime that runs the server, to their end: neither a client that goes away nor the
/// server's deadline for an answer stops them.
#[async_trait]
pub trait InvestigationService: Send + Sync + 'static {
    /// Accepts an incident. An answer means that the incident is on record.
    async fn submit(&self, incident: IncidentRequest) -> Result<AnalyzeAccepted, ServiceError>;

    /// Where a session stands. `session_id` is whatever the client wrote.
    async fn status(&self, session_id: &str) -> Result<SessionStatus, ServiceError>;

    /// The result of a session that has ended.
    async fn result(&self, session_id: &str) -> Result<IncidentResponse, ServiceError>;

    /// Stops a session.
    async fn cancel(&self, session_id: &str) -> Result<CancelSessionResponse, ServiceError>;

    /// Whether new incidents are welcome. Answers from memory at once.
    fn readiness(&self) -> Readiness;

    /// The configuration in force, secrets masked; `None` outside development mode.
    fn config_view(&self) -> Option<Value>;
}

/// Whether new incidents are welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// They are.
    Ready {
        /// What operators should know all the same, a sentence each.
        details: Vec<String>,
    },
    /// They are not.
    NotReady {
        /// A short word such as `shutting_down`.
        reason: String,
    },
}

/// Why the service did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A field that must say something is empty.
    #[error("{field} is required")]
    EmptyField {
        /// The field's name on the wire.
        field: String,
    },
    /// No such session, or not the caller's.
    #[error("session {session_id} not found")]
    NotFound {
        /// As asked for.
        session_id: String,
    },
    /// The result is not there yet.
    #[error("session {session_id} is {status}, not completed")]
    NotCompleted {
        /// As asked for.
        session_id: String,
        /// Where it stands.
        status: SessionState,
    },
    /// There is nothing left to cancel.
    #[error("session {session_id} is already {status}")]
    AlreadyTerminal {
        /// As asked for.
        session_id: String,
        /// How it ended.
        status: SessionState,
    },
    /// As many sessions as allowed are live.
    #[error("maximum concurrent investigations reached, retry later")]
    AtCapacity {
        /// When to come back.
        retry_after: Duration,
    },
    /// The process is about to end.
    #[error("the service is shutting down, retry later")]
    ShuttingDown,
    /// Something that the service needs does not answer. The cause is logged and never sent.
    #[error("unavailable: {cause}")]
    Unavailable {
        /// For the log.
        cause: String,
    },
    /// The service is at fault. The cause is logged and never sent.
    #[error("internal error: {cause}")]
    Internal {
        /// For the log.
        cause: String,
    },
}
