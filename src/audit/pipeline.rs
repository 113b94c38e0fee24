//! The pipeline: carries audit events from the store's outbox to the sink, in batches, at least once.
//!
//! The outbox commits together with the journal's last event, so no crash can lose one. The pipeline is one
//! task; it wakes when a session ends, after a failed attempt, and at start for what a crash left behind.
//!
//! Whoever wants to hear of a delivery says so before the event enters the outbox ([`AuditPipeline::expect`]): from
//! that moment on the event may leave at any time, in a batch that another session's end has set off.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use leadsman_ports::audit::{AuditError, AuditRecord, AuditSink};
use leadsman_ports::store::{SessionStore, StoreError};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::telemetry::Metrics;

/// The most events in one batch.
const BATCH: u32 = 200;
/// Pause after a failed delivery; doubled up to the ceiling.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Ceiling of the pause.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A handle to the pipeline.
#[derive(Debug, Clone)]
pub struct AuditPipeline {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Who waits for which event.
    expected: DashMap<Uuid, oneshot::Sender<()>>,
    /// The outbox holds something new.
    wake: Notify,
    /// Nothing will be delivered any more.
    stopped: CancellationToken,
}

/// A delivery that somebody waits for. Dropping it forgets the wait; the outbox keeps the event all the same.
#[derive(Debug)]
pub struct Delivery {
    shared: Arc<Shared>,
    event_id: Uuid,
    arrival: oneshot::Receiver<()>,
}

impl Delivery {
    /// Waits until the event, which is in the outbox by now, has reached the sink or was refused by it. Ends early,
    /// without a word, when the pipeline stops.
    pub async fn arrived(mut self) {
        self.shared.wake.notify_one();
        let Self { shared, arrival, .. } = &mut self;
        tokio::select! {
            _ = arrival => {}
            () = shared.stopped.cancelled() => {}
        }
    }

    /// Has the event delivered without waiting for it.
    pub fn unwatched(self) {
        self.shared.wake.notify_one();
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.shared.expected.remove(&self.event_id);
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
        let shared = Arc::new(Shared::default());
        let carrier =
            Carrier { store, sink, metrics, shared: Arc::clone(&shared), counted: HashSet::new() };
        tasks.spawn(carrier.run(stop));
        Self { shared }
    }

    /// Registers for the delivery of an event that is about to enter the outbox.
    pub fn expect(&self, event_id: Uuid) -> Delivery {
        let (done, arrival) = oneshot::channel();
        self.shared.expected.insert(event_id, done);
        Delivery { shared: Arc::clone(&self.shared), event_id, arrival }
    }

    /// How many deliveries are waited for.
    pub fn expected(&self) -> usize {
        self.shared.expected.len()
    }
}

/// Why the outbox could not be emptied.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("the outbox: {0}")]
    Outbox(#[from] StoreError),
    #[error("the sink: {0}")]
    Sink(AuditError),
}

struct Carrier {
    store: Arc<dyn SessionStore>,
    sink: Arc<dyn AuditSink>,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    /// Delivered events that the outbox still holds: they come again, and are counted once.
    counted: HashSet<Uuid>,
}

impl Carrier {
    async fn run(mut self, stop: CancellationToken) {
        // However the task ends, nobody waits for it in vain.
        let _stopped = self.shared.stopped.clone().drop_guard();
        let mut pause = FIRST_PAUSE;
        loop {
            let retry_after = match self.empty_outbox().await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    None
                }
                Err(halt) => {
                    tracing::error!(sink = self.sink.name(), %halt, "audit events wait in the outbox; will try again");
                    let now = pause;
                    pause = (pause * 2).min(MAX_PAUSE);
                    Some(now)
                }
            };
            let retry = async {
                match retry_after {
                    Some(pause) => tokio::time::sleep(pause).await,
                    // A further end is a reason to try only while nothing is known to be wrong.
                    None => self.shared.wake.notified().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    if let Err(halt) = self.empty_outbox().await {
                        tracing::error!(%halt, "audit events stay in the outbox until the next start");
                    }
                    return;
                }
                () = retry => {}
            }
        }
    }

    /// Delivers all that the outbox holds.
    async fn empty_outbox(&mut self) -> Result<(), Halt> {
        loop {
            let batch = self.store.outbox(BATCH).await?;
            if batch.is_empty() {
                return Ok(());
            }
            match self.sink.deliver(&batch).await {
                Ok(()) => self.leave(&batch).await?,
                Err(AuditError::Refused(_)) => self.one_by_one(&batch).await?,
                Err(error @ AuditError::Unavailable(_)) => return Err(Halt::Sink(error)),
            }
        }
    }

    /// Delivers a batch that the sink refuses as a whole. What it refuses alone, too, is set aside in the store, so
    /// that it holds nothing else up and is lost neither.
    async fn one_by_one(&mut self, batch: &[AuditRecord]) -> Result<(), Halt> {
        for record in batch {
            match self.sink.deliver(std::slice::from_ref(record)).await {
                Ok(()) => self.leave(std::slice::from_ref(record)).await?,
                Err(AuditError::Refused(reason)) => {
                    tracing::error!(
                        event = %record.event_id, sink = self.sink.name(), reason,
                        "the sink refuses an audit event; it is set aside in the store and offered again at the next start"
                    );
                    self.store.set_aside(&[record.event_id]).await?;
                    self.metrics.audit_refused(kind(record));
                    self.shared.tell(record.event_id);
                }
                Err(error @ AuditError::Unavailable(_)) => return Err(Halt::Sink(error)),
            }
        }
        Ok(())
    }

    /// Takes delivered events out of the outbox. Who waits for them hears of it before.
    async fn leave(&mut self, batch: &[AuditRecord]) -> Result<(), Halt> {
        for record in batch {
            if self.counted.insert(record.event_id) {
                self.metrics.audit_emitted(kind(record));
            }
            self.shared.tell(record.event_id);
        }
        let ids: Vec<Uuid> = batch.iter().map(|record| record.event_id).collect();
        self.store.delivered(&ids).await?;
        ids.iter().for_each(|id| {
            self.counted.remove(id);
        });
        Ok(())
    }
}

impl Shared {
    fn tell(&self, event_id: Uuid) {
        if let Some((_, done)) = self.expected.remove(&event_id) {
            // An error only says that the session has stopped waiting.
            let _ = done.send(());
        }
    }
}

fn kind(record: &AuditRecord) -> &str {
    record.body["event_type"].as_str().unwrap_or_default()
}
