//! How a run is followed: acceptance, status with progress, cancellation.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::response::Verdict;

/// The answer to a submitted incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnalyzeAccepted {
    /// Names the session in every later call.
    pub session_id: Uuid,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Accepted, not begun.
    Pending,
    /// At work.
    Investigating,
    /// A person drives it.
    UserDriving,
    /// Ended with a result.
    Completed,
    /// Ended without one.
    Failed,
    /// Stopped by a client.
    Cancelled,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

impl SessionState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Investigating => "investigating",
            Self::UserDriving => "user_driving",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing more will happen in the session.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl std::fmt::Display for SessionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a session stands and what it is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionStatus {
    /// The session.
    pub session_id: String,
    /// Where it stands.
    pub status: SessionState,
    /// Why it failed, in words fit for a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    /// Who drives it, while a person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub acting_user: Option<String>,
    /// That person's groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acting_user_groups: Vec<String>,
    /// RFC 3339 time of acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub created_at: Option<String>,
    /// RFC 3339 time of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub completed_at: Option<String>,
    /// What it has done so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub progress: Option<Progress>,
    /// How sure the result is, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub verdict: Option<Verdict>,
}

impl SessionStatus {
    /// A status that says no more than the state.
    pub fn new(session_id: impl Into<String>, status: SessionState) -> Self {
        Self {
            session_id: session_id.into(),
            status,
            error: None,
            acting_user: None,
            acting_user_groups: Vec::new(),
            created_at: None,
            completed_at: None,
            progress: None,
            verdict: None,
        }
    }
}

/// What a session has done so far.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The phase at work, e.g. `triage`, `rca`, `workflow_selection`.
    pub phase: String,
    /// Model turns taken.
    pub turn: u32,
    /// Tool calls made.
    pub tool_calls: u32,
    /// Pieces of evidence collected.
    pub evidence: u32,
    /// Seconds since acceptance; until the end for a session that has ended.
    pub elapsed_seconds: f64,
    /// RFC 3339 time of the last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_activity: Option<String>,
    /// The last event in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}

/// The answer to a cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancelSessionResponse {
    /// The session.
    pub session_id: String,
    /// Always `cancelled`.
    pub status: SessionState,
}
