//! The life of sessions: accept, run, cancel, look up, forget.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use futures::FutureExt as _;
use leadsman_ports::clock::Clock;
use leadsman_ports::store::{SessionStore, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::view::{Session, State, View};
use crate::audit::{self, AuditPipeline};
use crate::engine::budget::Limits;
use crate::engine::driver::{self, Ended, Ports, Signals};
use crate::engine::events::{Entry, Event, Phase};
use crate::engine::incident::Incident;
use crate::engine::journal::{self, Journal, JournalError, Listener as _};
use crate::engine::run::Run;
use crate::telemetry::Metrics;

/// The longest that publishing a result waits for its audit event; then the outbox keeps it.
const AUDIT_DEADLINE: Duration = Duration::from_secs(10);
/// The longest that a cancellation waits for the session to end.
const CANCEL_DEADLINE: Duration = Duration::from_secs(2);
/// What a client is told to wait when there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// What sessions are run with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Investigations at once.
    pub capacity: usize,
    /// The budget of each.
    pub limits: Limits,
    /// How long a finished session still answers.
    pub retention: Duration,
}

/// Why an incident was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// No room; the time says when to try again.
    #[error("all investigations that may run at once are running")]
    AtCapacity(Duration),
    /// The service is shutting down.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// The journal could not be written, so nothing was accepted.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why a session was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// Nobody knows it.
    #[error("no such session")]
    Unknown,
    /// It had ended before.
    #[error("the session has ended")]
    Ended(State),
    /// The store did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// All sessions of this process.
#[derive(Clone)]
pub struct Sessions {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) live: DashMap<Uuid, Arc<Session>>,
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ports: Ports,
    pub(super) settings: Settings,
    pub(super) permits: Arc<Semaphore>,
    pub(super) tasks: TaskTracker,
    pub(super) draining: CancellationToken,
    pub(super) checkpoint: CancellationToken,
    audit: AuditPipeline,
    pub(super) metrics: Arc<Metrics>,
}

impl Sessions {
    /// No sessions yet. `recover` brings back those that the store holds unfinished.
    pub fn new(
        store: Arc<dyn SessionStore>,
        clock: Arc<dyn Clock>,
        ports: Ports,
        settings: Settings,
        audit: AuditPipeline,
        metrics: Arc<Metrics>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(settings.capacity));
        let inner = Inner {
            live: DashMap::new(),
            store,
            clock,
            ports,
            settings,
            permits,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            checkpoint: CancellationToken::new(),
            audit,
            metrics,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Accepts an incident: when this returns, the journal has it and its task runs, whatever becomes of the
    /// caller.
    pub async fn submit(&self, incident: Incident) -> Result<Arc<Session>, SubmitError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own, so that a client that goes away in the middle leaves no accepted incident without
        // an investigation.
        let accepting = self.inner.tasks.spawn(async move { inner.accept(incident).await });
        match accepting.await {
            Ok(accepted) => accepted,
            Err(_) => Err(SubmitError::ShuttingDown),
        }
    }

    /// Finds a session here or in the store.
    pub async fn find(&self, id: Uuid) -> Result<Option<Arc<Session>>, JournalError> {
        if let Some(session) = self.inner.live.get(&id) {
            return Ok(Some(Arc::clone(&session)));
        }
        let entries = journal::read(self.inner.store.as_ref(), id).await?;
        let Some(view) = View::fold(&entries).filter(|view| view.state.is_terminal()) else {
            return Ok(None);
        };
        let session = Arc::new(Session::new(id, view));
        let known = self.inner.live.entry(id).or_insert(session);
        Ok(Some(Arc::clone(&known)))
    }

    /// The whole journal of a session, straight from the store.
    pub async fn journal(&self, id: Uuid) -> Result<Vec<Entry>, JournalError> {
        journal::read(self.inner.store.as_ref(), id).await
    }

    /// Cancels a session and waits until it has ended.
    pub async fn cancel(&self, id: Uuid) -> Result<(), CancelError> {
        let session = self.find(id).await?.ok_or(CancelError::Unknown)?;
        let before = session.state();
        if before.is_terminal() {
            return Err(CancelError::Ended(before));
        }
        session.cancel.cancel();
        let _ = tokio::time::timeout(CANCEL_DEADLINE, session.finished()).await;
        match session.state() {
            // Still on its way to the end: the cancellation stands and will be carried out.
            State::Cancelled | State::Pending | State::Investigating => Ok(()),
            ended @ (State::Completed | State::Failed) => Err(CancelError::Ended(ended)),
        }
    }

    /// How many investigations run or wait.
    pub fn active(&self) -> usize {
        self.inner.live.iter().filter(|session| !session.state().is_terminal()).count()
    }

    /// Fails when the store cannot be used now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.store.ping().await
    }

    /// Whether incidents are refused because the service is shutting down.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.is_cancelled()
    }

    /// Stops accepting; running investigations go on.
    pub fn drain(&self) {
        self.inner.draining.cancel();
    }

    /// Waits up to `grace` for running investigations, then checkpoints the rest: their journals stay open
    /// and the next process goes on with them. Returns how many were checkpointed.
    pub async fn shut_down(&self, grace: Duration) -> usize {
        self.drain();
        self.inner.tasks.close();
        if tokio::time::timeout(grace, self.inner.tasks.wait()).await.is_ok() {
            return 0;
        }
        let left = self.active();
        self.inner.checkpoint.cancel();
        self.inner.tasks.wait().await;
        left
    }

    /// Forgets sessions that ended longer ago than the retention allows, here and in the store.
    pub async fn forget_old(&self) -> Result<u64, StoreError> {
        let retention = jiff::SignedDuration::try_from(self.inner.settings.retention);
        let before = self.inner.clock.now() - retention.unwrap_or(jiff::SignedDuration::MAX);
        self.inner.live.retain(|_, session| {
            session.view().finished_at.is_none_or(|finished| finished >= before)
        });
        self.inner.store.purge(before).await
    }
}

impl Inner {
    async fn accept(self: Arc<Self>, incident: Incident) -> Result<Arc<Session>, SubmitError> {
        if self.draining.is_cancelled() {
            return Err(SubmitError::ShuttingDown);
        }
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return Err(SubmitError::AtCapacity(RETRY_AFTER));
        };
        let id = Uuid::new_v4();
        let session = Arc::new(Session::new(id, View::new(self.clock.now())));
        let mut journal = self.journal(&session, 0);
        let submitted = Event::Submitted {
            incident: Box::new(incident),
            limits: self.settings.limits,
            model: self.ports.model.as_ref().map(|model| model.model().to_owned()),
        };
        let mut run = Run::new(self.ports.tools.definitions());
        run.apply(&submitted);
        journal.append(vec![submitted]).await?;
        self.metrics.session_started(&run.incident().signal_name, run.incident().severity);
        self.live.insert(id, Arc::clone(&session));
        self.start(Arc::clone(&session), run, journal, Some(permit));
        Ok(session)
    }

    pub(super) fn journal(&self, session: &Arc<Session>, last: u64) -> Journal {
        let listener =
            Arc::new(Observed { session: Arc::clone(session), metrics: Arc::clone(&self.metrics) });
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Journal::new(session.id(), last, store, clock, listener)
    }

    /// Starts a session's task. Without a permit it waits for one first.
    pub(super) fn start(
        self: &Arc<Self>,
        session: Arc<Session>,
        run: Run,
        journal: Journal,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            let active = inner.metrics.session_active();
            inner.run(&session, run, journal, permit).await;
            drop(active);
        });
    }

    /// Runs a session to its end and publishes the end when its audit event is safe.
    async fn run(
        &self,
        session: &Arc<Session>,
        mut run: Run,
        mut journal: Journal,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        let signals =
            Signals { cancel: session.cancel.clone(), checkpoint: self.checkpoint.clone() };
        let _permit = match permit {
            Some(permit) => Some(permit),
            None => tokio::select! {
                permit = Arc::clone(&self.permits).acquire_owned() => permit.ok(),
                () = signals.cancel.cancelled() => None,
                () = signals.checkpoint.cancelled() => return,
            },
        };
        let driving = driver::drive(&mut run, &mut journal, &self.ports, &signals);
        let terminal = match AssertUnwindSafe(driving).catch_unwind().await {
            Ok(Ok(Ended::Terminal(event))) => *event,
            Ok(Ok(Ended::Checkpointed)) => return,
            Ok(Err(error)) => return self.lose(session, &error),
            Err(_) => Event::Failed {
                reason: "an internal error ended the investigation".to_owned(),
                phase: run.phase(),
            },
        };
        if let Err(error) = self.end(session, &mut journal, terminal).await {
            self.lose(session, &error);
        }
    }

    /// Journals the end together with its audit event, waits until the event has left, then publishes.
    pub(super) async fn end(
        &self,
        session: &Session,
        journal: &mut Journal,
        terminal: Event,
    ) -> Result<(), JournalError> {
        let record = audit::event_of(session.id(), &session.view(), &terminal, self.clock.now());
        let event_id = record.event_id;
        let entry = journal.append_terminal(terminal, record).await?;
        if tokio::time::timeout(AUDIT_DEADLINE, self.audit.delivered(event_id)).await.is_err() {
            tracing::warn!(session = %session.id(), "the audit sink is slow; the outbox keeps the event");
        }
        session.stored(&[entry]);
        self.metrics.session_ended(&session.view());
        Ok(())
    }

    fn lose(&self, session: &Session, error: &JournalError) {
        tracing::error!(session = %session.id(), %error, "the journal cannot be written; the session stops here");
        session.lost(
            self.clock.now(),
            "the journal could not be written; the investigation goes on after a restart",
        );
        self.metrics.session_ended(&session.view());
    }

    /// Ends a session whose journal this version cannot read.
    pub(super) async fn give_up(&self, session: &Arc<Session>, last: u64) {
        let terminal = Event::Failed {
            reason: "the journal of an earlier version could not be read".to_owned(),
            phase: Phase::Triage,
        };
        let mut journal = self.journal(session, last);
        if let Err(error) = self.end(session, &mut journal, terminal).await {
            self.lose(session, &error);
        }
    }
}

/// Counts what the journal says before the session shows it.
struct Observed {
    session: Arc<Session>,
    metrics: Arc<Metrics>,
}

impl journal::Listener for Observed {
    fn stored(&self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.metrics.observe(&entry.event));
        self.session.stored(entries);
    }
}
