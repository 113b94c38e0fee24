//! The life of sessions under stores, sinks and predecessors that misbehave, below HTTP and under a paused clock.

mod audit;
mod cancel;
mod recovery;
mod store;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use leadsman::app;
use leadsman::audit::AuditPipeline;
use leadsman::engine::budget::Limits;
use leadsman::engine::events::{Entry, Event};
use leadsman::engine::incident::Incident;
use leadsman::sessions::{Sessions, Settings, WatchedStore};
use leadsman::telemetry::Metrics;
use leadsman_ports::audit::{AuditError, AuditRecord, AuditSink};
use leadsman_ports::chat::ChatModel;
use leadsman_ports::clock::SystemClock;
use leadsman_ports::store::{Append, JournalRecord, SessionHead, SessionStore, StoreError};
use leadsman_ports::testing::UnreachableCluster;
use leadsman_store::MemoryStore;
use leadsman_testkit::Gate;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// A store in memory that can be full, and that can keep callers waiting.
#[derive(Default)]
pub(super) struct Obstructed {
    inner: MemoryStore,
    /// Every append fails.
    pub(super) full: AtomicBool,
    /// Appends that end a session wait for the gate.
    pub(super) ends_wait_for: Mutex<Option<Gate>>,
    /// Journals are not read before the gate opens.
    pub(super) reads_wait_for: Mutex<Option<Gate>>,
}

impl Obstructed {
    async fn pass(gate: &Mutex<Option<Gate>>) {
        let gate = gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.wait().await;
        }
    }
}

#[async_trait]
impl SessionStore for Obstructed {
    async fn append(&self, append: Append) -> Result<(), StoreError> {
        if append.terminal {
            Self::pass(&self.ends_wait_for).await;
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("no space".to_owned()));
        }
        self.inner.append(append).await
    }
    async fn journal(&self, session: Uuid, after: u64) -> Result<Vec<JournalRecord>, StoreError> {
        Self::pass(&self.reads_wait_for).await;
        self.inner.journal(session, after).await
    }
    async fn head(&self, session: Uuid) -> Result<Option<SessionHead>, StoreError> {
        self.inner.head(session).await
    }
    async fn unfinished(&self) -> Result<Vec<SessionHead>, StoreError> {
        self.inner.unfinished().await
    }
    async fn outbox(&self, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner.outbox(limit).await
    }
    async fn delivered(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        self.inner.delivered(event_ids).await
    }
    async fn set_aside(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        self.inner.set_aside(event_ids).await
    }
    async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.purge(before).await
    }
    async fn ping(&self) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("no space".to_owned()));
        }
        Ok(())
    }
}

/// A sink that keeps what it gets, except what it refuses, once its gate is open.
#[derive(Default)]
pub(super) struct Sink {
    pub(super) held: Mutex<Vec<Uuid>>,
    pub(super) refuses: Mutex<HashSet<Uuid>>,
    pub(super) gate: Option<Gate>,
}

#[async_trait]
impl AuditSink for Sink {
    fn name(&self) -> &str {
        "test"
    }
    async fn deliver(&self, batch: &[AuditRecord]) -> Result<(), AuditError> {
        if let Some(gate) = &self.gate {
            gate.wait().await;
        }
        let refused = self.refuses.lock().unwrap();
        if let Some(bad) = batch.iter().find(|record| refused.contains(&record.event_id)) {
            return Err(AuditError::Refused(format!("event {}", bad.event_id)));
        }
        self.held.lock().unwrap().extend(batch.iter().map(|record| record.event_id));
        Ok(())
    }
}

/// Sessions over a store and a sink, with the tasks that serve them.
pub(super) struct Rig {
    pub(super) sessions: Sessions,
    pub(super) store: Arc<Obstructed>,
    pub(super) audit: AuditPipeline,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

impl Rig {
    /// Investigates a cluster that nobody reaches, with a model if one is given.
    pub(super) fn new(
        store: Arc<Obstructed>,
        sink: Arc<Sink>,
        model: Option<Arc<dyn ChatModel>>,
    ) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let watched = WatchedStore::new(Arc::clone(&store) as Arc<_>);
        let audit = AuditPipeline::start(
            Arc::new(watched.clone()),
            sink,
            Arc::clone(&metrics),
            &tasks,
            stop.clone(),
        );
        let limits = Limits { seconds: 600, turns: 10, tool_calls: 10, tokens: 100_000 };
        let settings =
            Settings { capacity: 1_000, limits, retention: Duration::from_secs(24 * 3600) };
        let ports = app::ports(Arc::new(UnreachableCluster), model, Vec::new()).unwrap();
        let sessions = Sessions::new(
            watched,
            Arc::new(SystemClock),
            ports,
            settings,
            audit.clone(),
            Arc::clone(&metrics),
        );
        Self { sessions, store, audit, metrics, stop }
    }

    pub(super) async fn events(&self, session: Uuid) -> Vec<Event> {
        let entries = self.sessions.journal(session).await.unwrap();
        entries.into_iter().map(|Entry { event, .. }| event).collect()
    }
}

/// The first event of a session that a model is to investigate.
pub(super) fn submitted() -> Event {
    Event::Submitted {
        incident: Box::new(Incident::default()),
        limits: Limits { seconds: 600, turns: 10, tool_calls: 10, tokens: 100_000 },
        model: Some("m".to_owned()),
    }
}

/// Puts a journal into a store as another process would have left it.
pub(super) async fn leave_behind(store: &dyn SessionStore, events: &[String]) -> Uuid {
    let session = Uuid::new_v4();
    let at = Timestamp::now();
    let records = (1..)
        .zip(events)
        .map(|(seq, event)| JournalRecord { seq, at, event: event.clone() })
        .collect();
    store.append(Append { session, records, terminal: false, outbox: Vec::new() }).await.unwrap();
    session
}

/// Events in their stored form.
pub(super) fn stored(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| serde_json::to_string(event).unwrap()).collect()
}
