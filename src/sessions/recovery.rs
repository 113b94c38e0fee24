//! Recovery: brings back the sessions that an earlier process left unfinished.
//!
//! They answer at once and go on as there is room. A session whose work ends the process again and again must not take
//! every start with it. Which one it was nobody can see from outside, so after the second such end a session goes on
//! only while no other suspect does, those that were there most often last; from then on an end counts against that one
//! alone, and the fifth is the last.

use std::pin::Pin;
use std::sync::Arc;

use futures::future::{MaybeDone, maybe_done};
use leadsman_ports::store::{SessionHead, SessionStore as _};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::lifecycle::{Inner, Sessions};
use super::session::Session;
use crate::engine::events::{Entry, Event};
use crate::engine::journal::{self, JournalError};
use crate::engine::run::Run;

/// Ends of a process over the same piece of work from which on a session is suspected to be their cause.
const SUSPECTED: usize = 2;
/// Ends of a process over the same piece of work after which a session is given up.
const GIVEN_UP: usize = 5;
/// Entries at a journal's end that tell how often that was.
const TAIL: u64 = 4 * GIVEN_UP as u64;

/// Whether a session is to go on, or why it is not.
enum Turn {
    /// There is room; without a permit the session was cancelled and needs none.
    Room(Option<OwnedSemaphorePermit>),
    /// The process is about to end.
    Checkpoint,
}

type Acquired = Result<OwnedSemaphorePermit, AcquireError>;

/// A place in the queue for a semaphore.
type Place = Pin<Box<MaybeDone<Pin<Box<dyn Future<Output = Acquired> + Send>>>>>;

/// Queues for a permit now; whoever calls later comes later.
fn queue(room: &Arc<Semaphore>) -> Place {
    let acquiring: Pin<Box<dyn Future<Output = Acquired> + Send>> =
        Box::pin(Arc::clone(room).acquire_owned());
    let mut place = Box::pin(maybe_done(acquiring));
    // The first poll takes the place; nobody is to be woken yet.
    let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = place.as_mut().poll(&mut nobody);
    place
}

impl Sessions {
    /// Takes over every unfinished session. They answer from now on and go on when there is room, from their last
    /// complete event. Returns how many there are.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn recover(&self) -> Result<usize, JournalError> {
        let heads = self.inner.store.unfinished().await?;
        let left: Vec<_> = heads
            .into_iter()
            .map(|head| (Arc::new(Session::stored(head.session, head.created_at)), head))
            .collect();
        for (session, _) in &left {
            self.inner.live.insert(session.id(), Arc::clone(session));
        }
        let count = left.len();
        self.inner.tasks.spawn(Arc::clone(&self.inner).resume_all(left));
        Ok(count)
    }
}

impl Inner {
    async fn resume_all(self: Arc<Self>, left: Vec<(Arc<Session>, SessionHead)>) {
        let mut counted = Vec::with_capacity(left.len());
        for (session, head) in left {
            let after = head.last_seq.saturating_sub(TAIL);
            // What cannot be read is met again, and told, when the session's turn comes.
            let tail = journal::read_after(&self.store, head.session, after).await;
            counted.push((tail.map_or(0, |tail| ends_of_processes(&tail)), session, head));
        }
        counted.sort_by_key(|(ends, ..)| *ends);
        for (ends, session, head) in counted {
            let suspected = (SUSPECTED..GIVEN_UP).contains(&ends);
            let alone = suspected.then(|| queue(&self.suspects));
            let inner = Arc::clone(&self);
            self.tasks.spawn(async move {
                let _active = inner.metrics.session_active();
                inner.resume(&session, &head, ends, alone).await;
            });
        }
    }

    async fn resume(
        &self,
        session: &Arc<Session>,
        head: &SessionHead,
        ends: usize,
        alone: Option<Place>,
    ) {
        let suspicion = match alone {
            Some(place) => match self.turn(session, place).await {
                Turn::Room(suspicion) => suspicion,
                Turn::Checkpoint => return,
            },
            None => None,
        };
        let Turn::Room(_permit) = self.turn(session, queue(&self.permits)).await else { return };
        let Some(entries) = self.take_over(session).await else { return };
        if ends >= GIVEN_UP {
            return self.give_up(session, head, ends).await;
        }
        let mut run = Run::new(self.ports.tools.definitions());
        entries.iter().for_each(|entry| run.apply(&entry.event));
        drop(entries);
        let mut journal = self.journal(session, head.last_seq, self.patient_store(), suspicion);
        match journal.append(vec![Event::Resumed]).await {
            Ok(()) => self.run(session, run, journal).await,
            Err(error) => self.leave(session, &error),
        }
    }

    /// Waits until it is the session's turn.
    async fn turn(&self, session: &Session, mut place: Place) -> Turn {
        tokio::select! {
            biased;
            () = self.checkpoint.cancelled() => Turn::Checkpoint,
            () = session.cancel.cancelled() => Turn::Room(None),
            () = place.as_mut() => {
                Turn::Room(place.as_mut().take_output().and_then(Result::ok))
            }
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
