//! The journal of one investigation: numbers events, stores them, then tells whoever listens.

use std::sync::Arc;

use leadsman_ports::audit::AuditRecord;
use leadsman_ports::clock::Clock;
use leadsman_ports::store::{Append, JournalRecord, SessionStore, StoreError};
use uuid::Uuid;

use super::events::{Entry, Event};

/// Hears of entries after they are stored.
pub trait Listener: Send + Sync {
    /// These entries are durable now.
    fn stored(&self, entries: &[Entry]);
}

/// Why a stored journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry is not an event that this version knows.
    #[error("session {session}: journal entry {seq} cannot be read: {problem}")]
    Unreadable {
        /// The session.
        session: Uuid,
        /// The entry.
        seq: u64,
        /// What the decoder says.
        problem: String,
    },
}

/// The only writer of one session's journal.
pub struct Journal {
    session: Uuid,
    last: u64,
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    listener: Arc<dyn Listener>,
}

impl Journal {
    /// Goes on after entry `last`, 0 for a new session.
    pub fn new(
        session: Uuid,
        last: u64,
        store: Arc<dyn SessionStore>,
        clock: Arc<dyn Clock>,
        listener: Arc<dyn Listener>,
    ) -> Self {
        Self { session, last, store, clock, listener }
    }

    /// The session.
    pub fn session(&self) -> Uuid {
        self.session
    }

    /// Stores events in one transaction, then tells the listener.
    pub async fn append(&mut self, events: Vec<Event>) -> Result<(), JournalError> {
        let at = self.clock.now();
        let entries: Vec<Entry> =
            (self.last + 1..).zip(events).map(|(seq, event)| Entry { seq, at, event }).collect();
        self.store(&entries, Vec::new()).await?;
        self.listener.stored(&entries);
        Ok(())
    }

    /// Stores the last event together with its audit event. The listener is not told: the caller publishes
    /// the end when the audit event is safe.
    pub async fn append_terminal(
        &mut self,
        event: Event,
        audit: AuditRecord,
    ) -> Result<Entry, JournalError> {
        let entry = Entry { seq: self.last + 1, at: self.clock.now(), event };
        self.store(std::slice::from_ref(&entry), vec![audit]).await?;
        Ok(entry)
    }

    async fn store(
        &mut self,
        entries: &[Entry],
        outbox: Vec<AuditRecord>,
    ) -> Result<(), JournalError> {
        let mut records = Vec::with_capacity(entries.len());
        for Entry { seq, at, event } in entries {
            let event =
                serde_json::to_string(event).map_err(|error| self.unreadable(*seq, &error))?;
            records.push(JournalRecord { seq: *seq, at: *at, event });
        }
        let terminal = entries.last().is_some_and(|entry| entry.event.is_terminal());
        self.store.append(Append { session: self.session, records, terminal, outbox }).await?;
        self.last += entries.len() as u64;
        Ok(())
    }

    fn unreadable(&self, seq: u64, error: &serde_json::Error) -> JournalError {
        JournalError::Unreadable { session: self.session, seq, problem: error.to_string() }
    }
}

/// Reads a whole journal; empty for an unknown session.
pub async fn read(store: &dyn SessionStore, session: Uuid) -> Result<Vec<Entry>, JournalError> {
    read_after(store, session, 0).await
}

/// Reads what a journal holds after entry `after`.
pub async fn read_after(
    store: &dyn SessionStore,
    session: Uuid,
    after: u64,
) -> Result<Vec<Entry>, JournalError> {
    store
        .journal(session, after)
        .await?
        .into_iter()
        .map(|record| {
            serde_json::from_str(&record.event)
                .map(|event| Entry { seq: record.seq, at: record.at, event })
                .map_err(|error| JournalError::Unreadable {
                    session,
                    seq: record.seq,
                    problem: error.to_string(),
                })
        })
        .collect()
}
