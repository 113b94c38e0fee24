//! The one writer: takes whatever waits, commits it as one transaction, then answers.
//!
//! The disk is flushed once a transaction, so many sessions share the price of one flush.

use std::sync::Arc;

use leadsman_ports::store::StoreError;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::database::{Database, Ownership};
use super::work::Work;

/// Callers past this many wait before they may even queue.
const QUEUE: usize = 1024;
/// The most changes in one transaction: bounds how long the first of them waits.
const MAX_BATCH: usize = 256;

type Outcome = Result<u64, StoreError>;

#[derive(Debug)]
struct Job {
    work: Work,
    reply: oneshot::Sender<Outcome>,
}

/// The way to the writer's task; the task ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(database: Arc<Database>, ownership: Ownership) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let task =
            tokio::spawn(Task { database, connection: None, _ownership: ownership }.run(jobs));
        Self { queue, task: Mutex::new(Some(task)) }
    }

    /// Queues a change and waits until it is on the disk.
    pub(super) async fn submit(&self, work: Work) -> Outcome {
        let closed = || StoreError::Unavailable("the store is closed".into());
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job { work, reply }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Lets the task finish what is queued and waits for its end.
    pub(super) async fn close(&self) {
        let mut task = self.task.lock().await;
        if let Some(running) = task.as_mut() {
            if let Err(error) = self.submit(Work::Close).await {
                tracing::warn!(%error, "the last transaction of the store failed");
            }
            if let Err(error) = running.await {
                tracing::warn!(%error, "the writer of the store ended early");
            }
            *task = None;
        }
    }
}

struct Task {
    database: Arc<Database>,
    /// Opened when needed: after a failed transaction a new one is the only known-good state.
    connection: Option<SqliteConnection>,
    /// Lasts as long as something may be written.
    _ownership: Ownership,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(MAX_BATCH);
        while queue.recv_many(&mut jobs, MAX_BATCH).await > 0 {
            if jobs.iter().any(|job| matches!(job.work, Work::Close)) {
                queue.close();
            }
            // Nobody learns what became of a change whose caller has given up, so it is not made.
            jobs.retain(|job| !job.reply.is_closed());
            if jobs.is_empty() {
                continue;
            }
            let (work, replies): (Vec<_>, Vec<_>) =
                jobs.drain(..).map(|Job { work, reply }| (work, reply)).unzip();
            let outcomes = self.commit(work).await;
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // A caller that gave up meanwhile finds the change in the journal.
                let _ = reply.send(outcome);
            }
        }
        self.disconnect().await;
    }

    /// Makes the changes in one transaction; if that fails as a whole, so does every change in it.
    async fn commit(&mut self, work: Vec<Work>) -> Vec<Outcome> {
        let count = work.len();
        match self.transaction(work).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.disconnect().await;
                // A file that has gone or was emptied explains more than what the database makes of it.
                let error = self.database.still_in_place().await.err().unwrap_or(error);
                vec![Err(error); count]
            }
        }
    }

    async fn transaction(&mut self, work: Vec<Work>) -> Result<Vec<Outcome>, StoreError> {
        let database = &self.database;
        database.still_in_place().await?;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(database.connect().await?),
        };
        let mut outcomes = Vec::with_capacity(work.len());
        execute("BEGIN IMMEDIATE; SAVEPOINT change", database, connection).await?;
        for change in work {
            let outcome = change.perform(database, connection).await;
            if outcome.is_err() {
                // Fails when SQLite has already rolled the whole transaction back.
                execute("ROLLBACK TO change", database, connection).await?;
            }
            execute("RELEASE change; SAVEPOINT change", database, connection).await?;
            outcomes.push(outcome);
        }
        execute("COMMIT", database, connection).await?;
        database.still_in_place().await?;
        Ok(outcomes)
    }

    async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing the database failed");
        }
    }
}

async fn execute(
    sql: &'static str,
    database: &Database,
    connection: &mut SqliteConnection,
) -> Result<(), StoreError> {
    sqlx::query(sql).execute(connection).await.map(|_| ()).map_err(|error| database.explain(&error))
}
