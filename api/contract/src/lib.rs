//! The wire contract: what clients send, what they get back, and every problem they can meet.
//!
//! Reading order: [`incident`] (what is submitted) and [`decode`] (how it is checked), [`session`] (how a run
//! is followed), [`response`] with [`root_cause`] and [`workflow`] (what comes out), [`problem`] (what can go
//! wrong). The crate depends on serde and utoipa only, so clients can use it without the server.

pub mod decode;
pub mod incident;
pub mod problem;
pub mod response;
pub mod root_cause;
pub mod session;
pub mod workflow;

pub use decode::{FieldError, InvalidIncident, Rejection};
pub use incident::{
    BusinessClassification, EnrichmentResults, IncidentRequest, Severity, SignalMode,
};
pub use problem::{ProblemDocument, ProblemType};
pub use response::{
    AlignmentFinding, AlignmentResult, AlignmentStepKind, AlignmentVerdict, Citation,
    HumanReviewReason, Hypothesis, HypothesisEvidence, HypothesisStatus, IncidentResponse,
    InvestigationOutcome, Partial, Usage, Verdict,
};
pub use root_cause::{DetectedLabels, DueDiligence, RemediationTarget, RootCauseAnalysis};
pub use session::{AnalyzeAccepted, CancelSessionResponse, Progress, SessionState, SessionStatus};
pub use workflow::{AlternativeWorkflow, SelectedWorkflow, ValidationAttempt};
