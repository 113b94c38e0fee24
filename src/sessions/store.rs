//! The store as sessions see it: one that remembers whether it can be written, and one that waits until it can.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use leadsman_ports::audit::AuditRecord;
use leadsman_ports::store::{Append, JournalRecord, SessionHead, SessionStore, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The longest that a waiting append leaves the store alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// A store that remembers whether its last use failed. Trouble begins with any call that the store does not answer, and
/// ends with a [`SessionStore::ping`] only: on a full disk small writes may succeed while the journal's do not.
///
/// Clones watch the same store.
#[derive(Clone)]
pub struct WatchedStore {
    inner: Arc<dyn SessionStore>,
    trouble: Arc<watch::Sender<bool>>,
    /// Appends wait for a store in trouble until this is cancelled; without it they fail at once.
    give_up: Option<CancellationToken>,
}

impl WatchedStore {
    /// Watches a store that is well so far.
    pub fn new(inner: Arc<dyn SessionStore>) -> Self {
        Self { inner, trouble: Arc::new(watch::Sender::new(false)), give_up: None }
    }

    /// The same store for a running session: what it appends waits for as long as the store cannot be written, until
    /// `give_up` is cancelled.
    #[must_use]
    pub fn patient(&self, give_up: CancellationToken) -> Self {
        Self { give_up: Some(give_up), ..self.clone() }
    }

    /// Whether the store was of no use when it was last used.
    pub fn in_trouble(&self) -> bool {
        *self.trouble.borrow()
    }

    /// Waits until trouble begins; returns at once where it has begun.
    pub async fn trouble(&self) {
        self.wait_for(true).await;
    }

    async fn wait_for(&self, trouble: bool) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.trouble.subscribe().wait_for(|now| *now == trouble).await;
    }

    /// Waits until another attempt makes sense; false when there shall be none.
    pub(super) async fn worth_another_try(&self) -> bool {
        let Some(give_up) = &self.give_up else { return false };
        let well = tokio::time::timeout(PATIENCE, self.wait_for(false));
        tokio::select! {
            biased;
            () = give_up.cancelled() => false,
            _ = well => true,
        }
    }

    fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error @ StoreError::Unavailable(_)) = &outcome
            && !self.trouble.send_replace(true)
        {
            tracing::error!(%error, "the store cannot be used; sessions wait and nothing is accepted until it can");
        }
        outcome
    }
}

#[async_trait]
impl SessionStore for WatchedStore {
    async fn append(&self, append: Append) -> Result<(), StoreError> {
        if self.give_up.is_none() {
            return self.noted(self.inner.append(append).await);
        }
        let last = append.records.last().map_or(0, |record| record.seq);
        let mut tried = false;
        loop {
            match self.noted(self.inner.append(append.clone()).await) {
                // An attempt whose answer was lost had been stored after all: nobody else writes to this session.
                Err(StoreError::Conflict { stored, .. }) if tried && stored == last => {
                    return Ok(());
                }
                Err(StoreError::Unavailable(_)) if self.worth_another_try().await => tried = true,
                outcome => return outcome,
            }
        }
    }

    async fn journal(&self, session: Uuid, after: u64) -> Result<Vec<JournalRecord>, StoreError> {
        self.noted(self.inner.journal(session, after).await)
    }

    async fn head(&self, session: Uuid) -> Result<Option<SessionHead>, StoreError> {
        self.noted(self.inner.head(session).await)
    }

    async fn unfinished(&self) -> Result<Vec<SessionHead>, StoreError> {
        self.noted(self.inner.unfinished().await)
    }

    async fn outbox(&self, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        self.noted(self.inner.outbox(limit).await)
    }

    async fn delivered(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        self.noted(self.inner.delivered(event_ids).await)
    }

    async fn set_aside(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        self.noted(self.inner.set_aside(event_ids).await)
    }

    async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.noted(self.inner.purge(before).await)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.noted(self.inner.ping().await)?;
        if self.trouble.send_replace(false) {
            tracing::info!("the store can be used again");
        }
        Ok(())
    }
}
