//! The server's port, implemented over sessions.

use std::sync::{Arc, PoisonError, RwLock};

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
use crate::sessions::{CancelError, Session, Sessions, SubmitError};
use crate::wire;

/// What the API serves.
pub struct Service {
    sessions: Sessions,
    clock: Arc<dyn Clock>,
    redactor: Arc<dyn Redactor>,
    config: Option<Value>,
    not_ready: RwLock<Option<String>>,
}

impl Service {
    /// `config` is there in dev mode only, with secrets masked. Not ready until told otherwise.
    pub fn new(
        sessions: Sessions,
        clock: Arc<dyn Clock>,
        redactor: Arc<dyn Redactor>,
        config: Option<Value>,
    ) -> Self {
        let not_ready = RwLock::new(Some("starting".to_owned()));
        Self { sessions, clock, redactor, config, not_ready }
    }

    /// Sets the reason for not being ready; `None` means ready.
    pub fn set_not_ready(&self, reason: Option<&str>) {
        *self.not_ready.write().unwrap_or_else(PoisonError::into_inner) = reason.map(str::to_owned);
    }

    async fn find(&self, session_id: &str) -> Result<Arc<Session>, ServiceError> {
        let not_found = || ServiceError::NotFound { session_id: session_id.to_owned() };
        let id = Uuid::parse_str(session_id).map_err(|_| not_found())?;
        self.sessions.find(id).await.map_err(journal_problem)?.ok_or_else(not_found)
    }
}

fn journal_problem(error: JournalError) -> ServiceError {
    match error {
        JournalError::Store(error) => ServiceError::Unavailable { cause: error.to_string() },
        error @ JournalError::Unreadable { .. } => {
            ServiceError::Internal { cause: error.to_string() }
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
            Err(CancelError::Journal(error)) => Err(journal_problem(error)),
        }
    }

    fn readiness(&self) -> Readiness {
        if self.sessions.is_draining() {
            return Readiness::NotReady { reason: "shutting_down".to_owned() };
        }
        match self.not_ready.read().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(reason) => Readiness::NotReady { reason },
            None => Readiness::Ready,
        }
    }

    fn config_view(&self) -> Option<Value> {
        self.config.clone()
    }
}
