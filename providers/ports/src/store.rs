//! The journal's store: append-only records a session, and an outbox that commits with them.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::AuditRecord;

/// One event of a journal in its stored form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// 1, 2, 3 … without a gap.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The event as JSON; opaque to the store.
    pub event: String,
}

/// What is written in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The session; its first append (record 1) creates it.
    pub session: Uuid,
    /// Contiguous records that follow the last stored one.
    pub records: Vec<JournalRecord>,
    /// Whether the last of them ends the session.
    pub terminal: bool,
    /// Audit events that leave with this transaction.
    pub outbox: Vec<AuditRecord>,
}

/// A session in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHead {
    /// The session.
    pub session: Uuid,
    /// `at` of its first record.
    pub created_at: Timestamp,
    /// `at` of its terminal record, if it has one.
    pub finished_at: Option<Timestamp>,
    /// `seq` of its last record.
    pub last_seq: u64,
}

/// Why the store did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The records do not follow the stored ones, or the session has ended: another writer was faster.
    #[error("session {session}: the journal ends at {stored}, cannot append {offered}")]
    Conflict {
        /// The session.
        session: Uuid,
        /// Last stored `seq`, 0 for none.
        stored: u64,
        /// First offered `seq`.
        offered: u64,
    },
    /// Disk full, file locked, schema of a newer version.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Keeps journals. After `Ok` a crash of the process loses nothing.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// One transaction: all of it or none. Refuses gaps, repeats and anything after a terminal record
    /// with [`StoreError::Conflict`].
    async fn append(&self, append: Append) -> Result<(), StoreError>;

    /// The records of a session after `after` (0 for all) in order; empty for an unknown session.
    async fn journal(&self, session: Uuid, after: u64) -> Result<Vec<JournalRecord>, StoreError>;

    /// A session's head, `None` for an unknown one.
    async fn head(&self, session: Uuid) -> Result<Option<SessionHead>, StoreError>;

    /// Every session without a terminal record, oldest first.
    async fn unfinished(&self) -> Result<Vec<SessionHead>, StoreError>;

    /// Undelivered audit events that are not set aside, oldest first, at most `limit`.
    async fn outbox(&self, limit: u32) -> Result<Vec<AuditRecord>, StoreError>;

    /// Removes delivered events from the outbox; unknown ids are ignored.
    async fn delivered(&self, event_ids: &[Uuid]) -> Result<(), StoreError>;

    /// Takes events that their sink refuses for good out of [`SessionStore::outbox`] without losing them: they stay in
    /// the store, and its next opening puts them back. Unknown ids are ignored.
    async fn set_aside(&self, event_ids: &[Uuid]) -> Result<(), StoreError>;

    /// Deletes sessions that finished before `before` and whose audit events have left; returns how many.
    async fn purge(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Fails when the store cannot be used now; for readiness.
    async fn ping(&self) -> Result<(), StoreError>;
}
