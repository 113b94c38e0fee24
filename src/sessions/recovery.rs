//! Recovery: brings back the sessions that an earlier process left unfinished.
//!
//! They answer at once and go on, one by one, as there is room. A session whose work ends the process again and again
//! must not take every start with it: after the second such end it goes on only while no other suspect does, and after
//! the third it is ended.

use std::sync::Arc;

use leadsman_ports::store::{SessionHead, SessionStore as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lifecycle::{Inner, Sessions};
use super::session::Session;
use crate::engine::events::{Entry, Event};
use crate::engine::journal::{self, JournalError};
use crate::engine::run::Run;

/// Ends of a process over the same piece of work from which on a session is suspected to be their cause.
const SUSPECTED: usize = 2;
/// Ends of a process over the same piece of work after which a session is given up.
const GIVEN_UP: usize = 3;

/// Whether a session is to go on, or why it is not.
enum Turn {
    /// There is room; without a permit the session was cancelled and needs none.
    Room(Option<OwnedSemaphorePermit>),
    /// The process is about to end.
    Checkpoint,
}

impl Sessions {
    /// Takes over every unfinished session. They answer from now on and go on when there is room, from their last
    /// complete event. Returns how many there are.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn recover(&self) -> Result<usize, JournalError> {
        let heads = self.inner.store.unfinished().await?;
        for head in &heads {
            let session = Arc::new(Session::stored(head.session, head.created_at));
            self.inner.live.insert(head.session, Arc::clone(&session));
            let (inner, head) = (Arc::clone(&self.inner), head.clone());
            self.inner.tasks.spawn(async move {
                let _active = inner.metrics.session_active();
                inner.resume(&session, &head).await;
            });
        }
        Ok(heads.len())
    }
}

impl Inner {
    async fn resume(&self, session: &Arc<Session>, head: &SessionHead) {
        let Turn::Room(_permit) = self.turn(session, &self.permits).await else { return };
        let Some(entries) = self.take_over(session).await else { return };
        let ends = ends_of_processes(&entries);
        if ends >= GIVEN_UP {
            return self.give_up(session, head, ends).await;
        }
        let suspicion = if ends >= SUSPECTED {
            match self.turn(session, &self.suspects).await {
                Turn::Room(suspicion) => suspicion,
                Turn::Checkpoint => return,
            }
        } else {
            None
        };
        let mut run = Run::new(self.ports.tools.definitions());
        entries.iter().for_each(|entry| run.apply(&entry.event));
        drop(entries);
        let mut journal = self.journal(session, head.last_seq, self.patient_store(), suspicion);
        match journal.append(vec![Event::Resumed]).await {
            Ok(()) => self.run(session, run, journal).await,
            Err(error) => self.leave(session, &error),
        }
    }

    /// Waits for a place in `room`.
    async fn turn(&self, session: &Session, room: &Arc<Semaphore>) -> Turn {
        tokio::select! {
            biased;
            () = self.checkpoint.cancelled() => Turn::Checkpoint,
            () = session.cancel.cancelled() => Turn::Room(None),
            permit = Arc::clone(room).acquire_owned() => Turn::Room(permit.ok()),
        }
    }

    /// Reads the journal and shows what it holds. `None` where it is left alone: this version cannot read it, or the
    /// process is about to end.
    async fn take_over(&self, session: &Session) -> Option<Vec<Entry>> {
        let store = self.patient_store();
        loop {
            match journal::read(&self.store, session.id()).await {
                Ok(entries) => {
                    session.restored_from(&entries).await;
                    return Some(entries);
                }
                Err(error @ JournalError::Unreadable { .. }) => {
                    tracing::error!(%error, "the session is left open for the version that wrote it");
                    self.unreadable.insert(session.id());
                    self.metrics.sessions_unreadable(self.unreadable.len());
                    self.live.remove(&session.id());
                    return None;
                }
                Err(JournalError::Store(_)) if store.worth_another_try().await => {}
                Err(error @ JournalError::Store(_)) => {
                    self.leave(session, &error);
                    return None;
                }
            }
        }
    }

    async fn give_up(&self, session: &Arc<Session>, head: &SessionHead, ends: usize) {
        tracing::error!(session = %session.id(), ends, "the service ended each time it worked on this session; it is given up");
        let terminal = Event::Failed {
            reason: format!(
                "the service ended {ends} times while it worked on this step, so the investigation was given up"
            ),
            phase: session.view().phase,
        };
        let mut journal = self.journal(session, head.last_seq, self.patient_store(), None);
        if let Err(error) = self.end(session, &mut journal, terminal).await {
            self.leave(session, &error);
        }
    }
}

/// How many processes have ended, not on purpose, over the work that the journal shows as begun and not done.
fn ends_of_processes(entries: &[Entry]) -> usize {
    let begun = entries.iter().rev().take_while(|entry| !entry.event.is_outcome());
    let (mut starts, mut checkpoints) = (1_usize, 0);
    for entry in begun {
        starts += usize::from(matches!(entry.event, Event::Resumed));
        checkpoints += usize::from(matches!(entry.event, Event::Checkpointed));
    }
    starts.saturating_sub(checkpoints)
}
