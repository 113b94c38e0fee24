//! The pipeline: carries audit events from the store's outbox to the sink, in batches, at least once.
//!
//! The outbox commits together with the journal's last event, so no crash can lose one. The pipeline is one
//! task; it wakes when a session ends, after a failed attempt, and at start for what a crash left behind.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use leadsman_ports::audit::{AuditError, AuditRecord, AuditSink};
use leadsman_ports::store::SessionStore;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::telemetry::Metrics;

/// The most events in one batch.
const BATCH: u32 = 200;
/// The most waiting sessions that the queue holds; more wait for a place.
const QUEUE: usize = 1_024;
/// Pause after a failed delivery; doubled up to the ceiling.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Ceiling of the pause.
const MAX_PAUSE: Duration = Duration::from_secs(30);

struct Wanted {
    event_id: Uuid,
    done: oneshot::Sender<()>,
}

/// A handle to the pipeline.
#[derive(Debug, Clone)]
pub struct AuditPipeline {
    queue: mpsc::Sender<Wanted>,
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.event_id.fmt(f)
    }
}

impl AuditPipeline {
    /// Starts the pipeline's task on `tasks`; it ends, after a last attempt, when `stop` is cancelled.
    pub fn start(
        store: Arc<dyn SessionStore>,
        sink: Arc<dyn AuditSink>,
        metrics: Arc<Metrics>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (queue, wanted) = mpsc::channel(QUEUE);
        let carrier = Carrier { store, sink, metrics, waiting: HashMap::new() };
        tasks.spawn(carrier.run(wanted, stop));
        Self { queue }
    }

    /// Waits until an event that is in the outbox has reached the sink. Ends early, without a word, when the
    /// pipeline stops; the outbox keeps the event then.
    pub async fn delivered(&self, event_id: Uuid) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Wanted { event_id, done }).await.is_ok() {
            // An error means that the pipeline has stopped.
            let _ = wait.await;
        }
    }
}

struct Carrier {
    store: Arc<dyn SessionStore>,
    sink: Arc<dyn AuditSink>,
    metrics: Arc<Metrics>,
    waiting: HashMap<Uuid, oneshot::Sender<()>>,
}

impl Carrier {
    async fn run(mut self, mut wanted: mpsc::Receiver<Wanted>, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let mut batch = Vec::with_capacity(QUEUE);
        loop {
            let retry_after = match self.empty_outbox().await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    None
                }
                Err(()) => {
                    let now = pause;
                    pause = (pause * 2).min(MAX_PAUSE);
                    Some(now)
                }
            };
            let retry = async {
                match retry_after {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                received = wanted.recv_many(&mut batch, QUEUE) => {
                    if received == 0 {
                        return;
                    }
                    self.waiting.extend(batch.drain(..).map(|Wanted { event_id, done }| (event_id, done)));
                }
                () = retry => {}
                () = stop.cancelled() => {
                    let _ = self.empty_outbox().await;
                    return;
                }
            }
        }
    }

    /// Delivers all that the outbox holds; says in the log why it could not.
    async fn empty_outbox(&mut self) -> Result<(), ()> {
        loop {
            let batch = match self.store.outbox(BATCH).await {
                Ok(batch) if batch.is_empty() => return Ok(()),
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(%error, "the audit outbox cannot be read; will try again");
                    return Err(());
                }
            };
            if let Err(error) = self.deliver(&batch).await {
                tracing::error!(sink = self.sink.name(), %error, "audit events wait in the outbox; will try again");
                return Err(());
            }
        }
    }

    async fn deliver(&mut self, batch: &[AuditRecord]) -> Result<(), AuditError> {
        self.sink.deliver(batch).await?;
        let ids: Vec<Uuid> = batch.iter().map(|record| record.event_id).collect();
        for record in batch {
            let kind = record.body["event_type"].as_str().unwrap_or_default();
            self.metrics.audit_emitted(kind);
            if let Some(done) = self.waiting.remove(&record.event_id) {
                // An error only says that the session has stopped waiting.
                let _ = done.send(());
            }
        }
        self.store
            .delivered(&ids)
            .await
            .map_err(|error| AuditError::Unavailable(format!("outbox: {error}")))
    }
}
