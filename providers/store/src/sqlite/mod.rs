//! The embedded store: one SQLite file, one writer that commits concurrent appends together, a few readers.
//!
//! An append is answered after its transaction is on the disk (write-ahead log, `synchronous=FULL`), so
//! what was acknowledged survives `kill -9` and a power cut.

mod database;
mod rows;
mod work;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use leadsman_ports::audit::AuditRecord;
use leadsman_ports::store::{Append, JournalRecord, SessionHead, SessionStore, StoreError};
use sqlx::SqlitePool;
use uuid::Uuid;

use self::database::Database;
use self::work::Work;
use self::writer::Writer;

/// The longest a caller waits for the disk. A change that runs out of it is skipped if it still queues;
/// one that has begun may yet be committed, which the next append learns from its conflict.
const DEADLINE: Duration = Duration::from_secs(30);

/// A [`SessionStore`] in a SQLite file that belongs to one process at a time.
///
/// Dropping the store ends its writer after the transaction in progress; [`SqliteStore::close`] waits for that.
#[derive(Debug)]
pub struct SqliteStore {
    database: Arc<Database>,
    writer: Writer,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the store, creating what is missing. A path that ends in `.db`, `.sqlite` or `.sqlite3`, or
    /// is a file, is the database file; any other path is a directory that holds it as `leadsman.db`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the path and the fix: the path cannot be created or written,
    /// another process has the store open, the file is damaged or no database, or a newer version of
    /// the program wrote it.
    pub async fn open(dir_or_file: &Path) -> Result<Self, StoreError> {
        let (database, ownership) = Database::open(dir_or_file.to_owned()).await?;
        let database = Arc::new(database);
        let connection = database.connect().await?;
        database.migrate(connection).await?;
        Ok(Self {
            writer: Writer::start(Arc::clone(&database), ownership),
            readers: database.readers(),
            database,
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// Commits what is queued, then closes the file and frees it for another process. Later calls fail
    /// with [`StoreError::Unavailable`]; closing twice is harmless.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Gives what a purge has left free back to the disk, a piece at a time.
    async fn shrink(&self) -> Result<(), StoreError> {
        let mut left = u64::MAX;
        loop {
            let now = self.write(Work::Shrink).await?;
            // Pages that a file of an earlier version cannot give back do not get fewer.
            if now == 0 || now >= left {
                return Ok(());
            }
            left = now;
        }
    }

    async fn write(&self, work: Work) -> Result<u64, StoreError> {
        self.within_deadline(self.writer.submit(work)).await
    }

    async fn read<T>(
        &self,
        query: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        self.within_deadline(async { query.await.map_err(|error| self.database.explain(&error)) })
            .await
    }

    async fn within_deadline<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(DEADLINE, answer).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!(
                "{} gave no answer within {} s: check the disk",
                self.path().display(),
                DEADLINE.as_secs()
            )))
        })
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn append(&self, append: Append) -> Result<(), StoreError> {
        self.write(Work::Append(append)).await.map(|_| ())
    }

    async fn journal(&self, session: Uuid, after: u64) -> Result<Vec<JournalRecord>, StoreError> {
        self.read(rows::journal(&self.readers, session, after)).await
    }

    async fn head(&self, session: Uuid) -> Result<Option<SessionHead>, StoreError> {
        self.read(rows::head(&self.readers, session)).await
    }

    async fn unfinished(&self) -> Result<Vec<SessionHead>, StoreError> {
        self.read(rows::unfinished(&self.readers)).await
    }

    async fn outbox(&self, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(rows::outbox(&self.readers, limit)).await
    }

    async fn delivered(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        if event_ids.is_empty() {
            return Ok(());
        }
        self.write(Work::Delivered(event_ids.to_vec())).await.map(|_| ())
    }

    async fn set_aside(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        if event_ids.is_empty() {
            return Ok(());
        }
        self.write(Work::SetAside(event_ids.to_vec())).await.map(|_| ())
    }

    async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut total = 0;
        // One batch a transaction, so that appends get their turn in between.
        loop {
            let purged = self.write(Work::Purge { before }).await?;
            total += purged;
            if purged < work::PURGE_BATCH {
                break;
            }
        }
        if total > 0 {
            self.shrink().await?;
        }
        Ok(total)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.write(Work::Probe).await.map(|_| ())
    }
}
