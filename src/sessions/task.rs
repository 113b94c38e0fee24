//! The task of one session: drives its run, and brings its end on record and before everybody's eyes.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use leadsman_ports::store::{SessionStore, StoreError};
use tokio::sync::OwnedSemaphorePermit;

use super::lifecycle::Inner;
use super::session::Session;
use super::store::WatchedStore;
use super::view::State;
use crate::audit;
use crate::engine::driver::{self, Ended, Signals};
use crate::engine::events::{Entry, Event};
use crate::engine::journal::{Journal, JournalError, Listener};
use crate::engine::run::Run;
use crate::telemetry::Metrics;

/// The longest that showing an end waits for its audit event; then the outbox keeps it.
const AUDIT_DEADLINE: Duration = Duration::from_secs(10);

impl Inner {
    /// The store for what runs: appends wait until the store can be written, or the process is about to end.
    pub(super) fn patient_store(&self) -> WatchedStore {
        self.store.patient(self.checkpoint.clone())
    }

    /// The journal of a session after entry `last`. `suspicion` is dropped with the first outcome.
    pub(super) fn journal(
        &self,
        session: &Arc<Session>,
        last: u64,
        store: impl SessionStore + 'static,
        suspicion: Option<OwnedSemaphorePermit>,
    ) -> Journal {
        let listener = Observed {
            session: Arc::clone(session),
            metrics: Arc::clone(&self.metrics),
            suspicion: Mutex::new(suspicion),
        };
        Journal::new(
            session.id(),
            last,
            Arc::new(store),
            Arc::clone(&self.clock),
            Arc::new(listener),
        )
    }

    /// Runs a session to its end, or until the process is about to end.
    pub(super) async fn run(&self, session: &Arc<Session>, mut run: Run, mut journal: Journal) {
        let signals =
            Signals { cancel: session.cancel.clone(), checkpoint: self.checkpoint.clone() };
        let driving = driver::drive(&mut run, &mut journal, &self.ports, &signals);
        let outcome = match AssertUnwindSafe(driving).catch_unwind().await {
            Ok(Ok(Ended::Terminal(event))) => self.end(session, &mut journal, *event).await,
            Ok(Ok(Ended::Checkpointed)) => journal.append(vec![Event::Checkpointed]).await,
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let terminal = Event::Failed {
                    reason: "an internal error ended the investigation".to_owned(),
                    phase: run.phase(),
                };
                self.end(session, &mut journal, terminal).await
            }
        };
        if let Err(error) = outcome {
            self.leave(session, &error);
        }
    }

    /// Journals the end together with its audit event and shows it. A cancellation is shown at once; other ends wait for
    /// their audit event to reach the sink.
    pub(super) async fn end(
        &self,
        session: &Arc<Session>,
        journal: &mut Journal,
        terminal: Event,
    ) -> Result<(), JournalError> {
        let state = state_of(&terminal);
        let record = audit::event_of(session.id(), &session.view(), &terminal, self.clock.now());
        let delivery = self.audit.expect(record.event_id);
        let entry = journal.append_terminal(terminal, record).await?;
        session.record_end(state);
        if state == State::Cancelled {
            delivery.unwatched();
        } else if tokio::time::timeout(AUDIT_DEADLINE, delivery.arrived()).await.is_err() {
            tracing::warn!(session = %session.id(), "the audit sink is slow; the outbox keeps the event");
        }
        session.stored(&[entry]);
        self.metrics.session_ended(&session.view());
        self.finished.insert(session.id(), Arc::clone(session));
        self.live.remove(&session.id());
        Ok(())
    }

    /// Stops working on a session whose journal stays open; what the store holds of it is what everybody sees.
    pub(super) fn leave(&self, session: &Session, error: &JournalError) {
        let id = session.id();
        match error {
            JournalError::Store(StoreError::Unavailable(_)) => {
                tracing::warn!(session = %id, %error, "the session stops here; it goes on after a restart");
            }
            JournalError::Store(StoreError::Conflict { .. }) | JournalError::Unreadable { .. } => {
                tracing::error!(session = %id, %error, "the session stops here: its journal cannot be gone on with");
            }
        }
        self.live.remove(&id);
    }
}

/// What a session is after its last event; one that is no end leaves it without a verdict.
fn state_of(terminal: &Event) -> State {
    match terminal {
        Event::Completed { .. } => State::Completed,
        Event::Cancelled { .. } => State::Cancelled,
        Event::Failed { .. }
        | Event::Submitted { .. }
        | Event::Resumed
        | Event::Checkpointed
        | Event::PhaseStarted { .. }
        | Event::EvidenceCollected { .. }
        | Event::TriageCompleted { .. }
        | Event::TriageFailed { .. }
        | Event::HypothesesChanged { .. }
        | Event::ModelAnswered { .. }
        | Event::ModelFailed { .. }
        | Event::ToolsCalled { .. }
        | Event::ToolAnswered { .. }
        | Event::VerdictProposed { .. }
        | Event::VerdictChecked { .. }
        | Event::TargetResolved { .. }
        | Event::WorkflowsConsidered { .. } => State::Failed,
    }
}

/// Counts what the journal says before the session shows it.
struct Observed {
    session: Arc<Session>,
    metrics: Arc<Metrics>,
    /// Held until the session has shown that its work does not end the process.
    suspicion: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Listener for Observed {
    fn stored(&self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.metrics.observe(&entry.event));
        self.session.stored(entries);
        if entries.iter().any(|entry| entry.event.is_outcome()) {
            self.suspicion.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}
