//! The life of sessions: accept, look up, cancel, drain, forget.

use std::sync::Arc;
use std::time::Duration;

use dashmap::{DashMap, DashSet};
use leadsman_ports::clock::Clock;
use leadsman_ports::store::{SessionStore as _, StoreError};
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::session::Session;
use super::store::WatchedStore;
use super::view::{State, View};
use crate::audit::AuditPipeline;
use crate::engine::budget::Limits;
use crate::engine::driver::Ports;
use crate::engine::events::{Entry, Event};
use crate::engine::incident::Incident;
use crate::engine::journal::{self, JournalError};
use crate::engine::run::Run;
use crate::telemetry::Metrics;

/// The longest that a cancellation waits for the session to end.
const CANCEL_DEADLINE: Duration = Duration::from_secs(2);
/// What a client is told to wait when there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(15);
/// Finished sessions that are kept in memory, about 20 KB each; the others are read from the store.
const FINISHED_IN_MEMORY: u64 = 256;

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
    /// It had ended before, or ended otherwise meanwhile.
    #[error("the session has ended")]
    Ended(State),
    /// Its end is not on record yet. The cancellation stands, but how the session ends is not known.
    #[error("the session did not end in time; it is asked to")]
    Pending,
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
    /// Those that run or wait for room.
    pub(super) live: DashMap<Uuid, Arc<Session>>,
    /// Some of those that have ended.
    pub(super) finished: Cache<Uuid, Arc<Session>>,
    /// Those that a newer version has written and that are left for it.
    pub(super) unreadable: DashSet<Uuid>,
    pub(super) store: WatchedStore,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ports: Ports,
    pub(super) settings: Settings,
    pub(super) permits: Arc<Semaphore>,
    /// Room for one session whose work may have ended the process before.
    pub(super) suspects: Arc<Semaphore>,
    pub(super) tasks: TaskTracker,
    pub(super) draining: CancellationToken,
    pub(super) checkpoint: CancellationToken,
    pub(super) audit: AuditPipeline,
    pub(super) metrics: Arc<Metrics>,
}

impl Sessions {
    /// No sessions yet. `recover` brings back those that the store holds unfinished.
    pub fn new(
        store: WatchedStore,
        clock: Arc<dyn Clock>,
        ports: Ports,
        settings: Settings,
        audit: AuditPipeline,
        metrics: Arc<Metrics>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(settings.capacity.min(Semaphore::MAX_PERMITS)));
        let inner = Inner {
            live: DashMap::new(),
            finished: Cache::new(FINISHED_IN_MEMORY),
            unreadable: DashSet::new(),
            store,
            clock,
            ports,
            settings,
            permits,
            suspects: Arc::new(Semaphore::new(1)),
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
        let inner = &self.inner;
        let live = inner.live.get(&id).map(|session| Arc::clone(&session));
        if let Some(session) = live {
            session.restored(&inner.store).await?;
            return Ok(Some(session));
        }
        let session = match inner.finished.get(&id) {
            Some(session) => session,
            None => {
                let entries = journal::read(&inner.store, id).await?;
                let Some(view) = View::fold(&entries) else { return Ok(None) };
                let session = Arc::new(Session::new(id, view));
                if session.state().is_terminal() {
                    inner.finished.insert(id, Arc::clone(&session));
                }
                session
            }
        };
        let forgotten = session.view().finished_at.is_some_and(|at| at < inner.oldest_kept());
        Ok(Some(session).filter(|_| !forgotten))
    }

    /// The whole journal of a session, straight from the store.
    pub async fn journal(&self, id: Uuid) -> Result<Vec<Entry>, JournalError> {
        journal::read(&self.inner.store, id).await
    }

    /// Cancels a session and waits until its end is on record. Succeeds only when that end is the cancellation.
    pub async fn cancel(&self, id: Uuid) -> Result<(), CancelError> {
        let session = self.find(id).await?.ok_or(CancelError::Unknown)?;
        let deadline = Instant::now() + CANCEL_DEADLINE;
        let late = session.end_on_record().is_some();
        session.cancel.cancel();
        let recorded = tokio::time::timeout_at(deadline, session.recorded()).await;
        match recorded.map_err(|_| CancelError::Pending)? {
            State::Cancelled if !late => Ok(()),
            ended => {
                // Whoever polls next shall see what this answer says, as far as that comes in time.
                let _ = tokio::time::timeout_at(deadline, session.finished()).await;
                Err(CancelError::Ended(ended))
            }
        }
    }

    /// How many investigations run or wait.
    pub fn active(&self) -> usize {
        self.inner.live.iter().filter(|session| !session.state().is_terminal()).count()
    }

    /// How many unfinished sessions this version cannot read; they are left alone.
    pub fn unreadable(&self) -> usize {
        self.inner.unreadable.len()
    }

    /// The store that the sessions are kept in.
    pub fn store(&self) -> &WatchedStore {
        &self.inner.store
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

    /// Forgets sessions that ended longer ago than the retention allows.
    pub async fn forget_old(&self) -> Result<u64, StoreError> {
        self.inner.store.purge(self.inner.oldest_kept()).await
    }
}

impl Inner {
    /// The first end that still answers.
    fn oldest_kept(&self) -> jiff::Timestamp {
        let retention = jiff::SignedDuration::try_from(self.settings.retention);
        let kept = retention.ok().and_then(|kept| self.clock.now().checked_sub(kept).ok());
        kept.unwrap_or(jiff::Timestamp::MIN)
    }

    async fn accept(self: Arc<Self>, incident: Incident) -> Result<Arc<Session>, SubmitError> {
        if self.draining.is_cancelled() {
            return Err(SubmitError::ShuttingDown);
        }
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return Err(SubmitError::AtCapacity(RETRY_AFTER));
        };
        let id = Uuid::new_v4();
        let session = Arc::new(Session::new(id, View::new(self.clock.now())));
        let submitted = Event::Submitted {
            incident: Box::new(incident),
            limits: self.settings.limits,
            model: self.ports.model.as_ref().map(|model| model.model().to_owned()),
        };
        let mut run = Run::new(self.ports.tools.definitions());
        run.apply(&submitted);
        // Who submits is told at once when the store cannot be written; who runs waits for it.
        self.journal(&session, 0, self.store.clone(), None).append(vec![submitted]).await?;
        self.metrics.session_started(&run.incident().signal_name, run.incident().severity);
        self.live.insert(id, Arc::clone(&session));
        let inner = Arc::clone(&self);
        let running = Arc::clone(&session);
        self.tasks.spawn(async move {
            let _active = inner.metrics.session_active();
            let journal = inner.journal(&running, 1, inner.patient_store(), None);
            inner.run(&running, run, journal).await;
            drop(permit);
        });
        Ok(session)
    }
}
