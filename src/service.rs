//! The server's port, implemented over sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use leadsman_contract::{
    AnalyzeAccepted, CancelSessionResponse, IncidentRequest, IncidentResponse, SessionState,
    SessionStatus,
};
use leadsman_ports::clock::Clock;
use leadsman_ports::redact::Redactor;
use leadsman_server::{InvestigationService, Readiness, ServiceError};
use serde_json::Value;
use uuid::Uuid;

use crate::engine::journal::JournalError;
use crate::readable;
use crate::sessions::{CancelError, Session, Sessions, SubmitError};
use crate::wire;

/// What the API serves.
pub struct Service {
    sessions: Sessions,
    clock: Arc<dyn Clock>,
    redactor: Arc<dyn Redactor>,
    config: Option<Value>,
    started: AtomicBool,
}

impl Service {
    /// `config` is there in dev mode only, with secrets masked. Not ready before [`Service::start`].
    pub fn new(
        sessions: Sessions,
        clock: Arc<dyn Clock>,
        redactor: Arc<dyn Redactor>,
        config: Option<Value>,
    ) -> Self {
        Self { sessions, clock, redactor, config, started: AtomicBool::new(false) }
    }

    /// From now on the service is ready, unless something is known to be wrong.
    pub fn start(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    async fn find(&self, session_id: &str) -> Result<Arc<Session>, ServiceError> {
        let not_found =
            || ServiceError::NotFound { session_id: readable::line(session_id).into_owned() };
        let id = Uuid::parse_str(session_id).map_err(|_| not_found())?;
        self.sessions.find(id).await.map_err(journal_problem)?.ok_or_else(not_found)
    }
}

fn journal_problem(error: JournalError) -> ServiceError {
    match error {
        JournalError::Store(error) => ServiceError::Unavailable { cause: error.to_string() },
        // The version that wrote it can read it; this one leaves it alone.
        error @ JournalError::Unreadable { .. } => {
            ServiceError::Unavailable { cause: error.to_string() }
        }
    }
}

#[async_trait]
impl InvestigationService for Service {
    async fn submit(&self, incident: IncidentRequest) -> Result<AnalyzeAccepted, ServiceError> {
        let incident = wire::incident(incident, self.redactor.as_ref());
        match self.sessions.submit(incident).await {
            Ok(session) => Ok(AnalyzeAccepted { session_id: session.id() }),
            Err(SubmitError::AtCapacity(retry_after)) => {
                Err(ServiceError::AtCapacity { retry_after })
            }
            Err(SubmitError::ShuttingDown) => Err(ServiceError::ShuttingDown),
            Err(SubmitError::Journal(error)) => Err(journal_problem(error)),
        }
    }

    async fn status(&self, session_id: &str) -> Result<SessionStatus, ServiceError> {
        let session = self.find(session_id).await?;
        Ok(wire::status(session.id(), &session.view(), self.clock.now()))
    }

    async fn result(&self, session_id: &str) -> Result<IncidentResponse, ServiceError> {
        let session = self.find(session_id).await?;
        let view = session.view();
        if view.state.is_terminal() {
            Ok(wire::result(&view))
        } else {
            let status = wire::state(view.state);
            Err(ServiceError::NotCompleted { session_id: session_id.to_owned(), status })
        }
    }

    async fn cancel(&self, session_id: &str) -> Result<CancelSessionResponse, ServiceError> {
        let session = self.find(session_id).await?;
        match self.sessions.cancel(session.id()).await {
            Ok(()) => Ok(CancelSessionResponse {
                session_id: session.id().to_string(),
                status: SessionState::Cancelled,
            }),
            Err(CancelError::Unknown) => {
                Err(ServiceError::NotFound { session_id: session_id.to_owned() })
            }
            Err(CancelError::Ended(state)) => Err(ServiceError::AlreadyTerminal {
                session_id: session_id.to_owned(),
                status: wire::state(state),
            }),
            Err(error @ CancelError::Pending) => {
                Err(ServiceError::Unavailable { cause: error.to_string() })
            }
            Err(CancelError::Journal(error)) => Err(journal_problem(error)),
        }
    }

    fn readiness(&self) -> Readiness {
        let not_ready = |reason: &str| Readiness::NotReady { reason: reason.to_owned() };
        if self.sessions.is_draining() {
            return not_ready("shutting_down");
        }
        if !self.started.load(Ordering::Relaxed) {
            return not_ready("starting");
        }
        if self.sessions.store().in_trouble() {
            return not_ready("storage_unavailable");
        }
        let details = match self.sessions.unreadable() {
            0 => Vec::new(),
            count => vec![format!(
                "{count} unfinished sessions were written by another version and are left open for it"
            )],
        };
        Readiness::Ready { details }
    }

    fn config_view(&self) -> Option<Value> {
        self.config.clone()
    }
}
