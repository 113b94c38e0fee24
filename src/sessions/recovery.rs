//! Recovery: brings back the sessions that an earlier process left unfinished.

use std::sync::Arc;

use leadsman_ports::store::SessionHead;

use super::lifecycle::{Inner, Sessions};
use super::view::{Session, View};
use crate::engine::events::Event;
use crate::engine::journal::{self, JournalError};
use crate::engine::run::Run;

impl Sessions {
    /// Goes on with every unfinished session from its last complete event. They wait for room like new ones,
    /// and answer from now on. Returns how many there are.
    pub async fn recover(&self) -> Result<usize, JournalError> {
        let heads = self.inner.store.unfinished().await?;
        for head in &heads {
            self.inner.resume(head).await?;
        }
        Ok(heads.len())
    }
}

impl Inner {
    async fn resume(self: &Arc<Self>, head: &SessionHead) -> Result<(), JournalError> {
        let entries = match journal::read(self.store.as_ref(), head.session).await {
            Ok(entries) => entries,
            Err(error @ JournalError::Store(_)) => return Err(error),
            Err(error @ JournalError::Unreadable { .. }) => {
                tracing::error!(%error, "a session of an earlier version cannot be resumed");
                let session = Arc::new(Session::new(head.session, View::new(head.created_at)));
                self.live.insert(head.session, Arc::clone(&session));
                self.give_up(&session, head.last_seq).await;
                return Ok(());
            }
        };
        let Some(view) = View::fold(&entries) else { return Ok(()) };
        let session = Arc::new(Session::new(head.session, view));
        let mut run = Run::new(self.ports.tools.definitions());
        entries.iter().for_each(|entry| run.apply(&entry.event));
        self.live.insert(head.session, Arc::clone(&session));
        let mut journal = self.journal(&session, head.last_seq);
        journal.append(vec![Event::Resumed]).await?;
        self.start(session, run, journal, None);
        Ok(())
    }
}
