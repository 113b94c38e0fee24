//! A store in memory, for demos and tests: nothing survives the process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use leadsman_ports::audit::AuditRecord;
use leadsman_ports::store::{Append, JournalRecord, SessionHead, SessionStore, StoreError};
use uuid::Uuid;

use crate::rules::Progress;

/// A [`SessionStore`] without a file.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<Uuid, Session>,
    /// Undelivered events by the order of their arrival.
    outbox: BTreeMap<u64, (Uuid, AuditRecord)>,
    outbox_positions: HashMap<Uuid, u64>,
    /// Undelivered events that are not offered.
    set_aside: HashSet<Uuid>,
    /// Numbers sessions and outbox entries in the order of their arrival.
    counter: u64,
}

#[derive(Debug)]
struct Session {
    arrival: u64,
    records: Vec<JournalRecord>,
    finished: bool,
}

impl State {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}

impl Session {
    fn progress(&self) -> Progress {
        Progress { last_seq: self.records.last().map_or(0, |r| r.seq), finished: self.finished }
    }

    fn finished_at(&self) -> Option<Timestamp> {
        self.records.last().filter(|_| self.finished).map(|record| record.at)
    }

    fn head(&self, session: Uuid) -> Option<SessionHead> {
        Some(SessionHead {
            session,
            created_at: self.records.first()?.at,
            finished_at: self.finished_at(),
            last_seq: self.progress().last_seq,
        })
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is complete before anything can panic, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn append(&self, append: Append) -> Result<(), StoreError> {
        let mut state = self.state();
        let stored = state.sessions.get(&append.session).map_or(Progress::NONE, Session::progress);
        stored.admit(&append)?;
        let arrival = state.next();
        let session = state.sessions.entry(append.session).or_insert_with(|| Session {
            arrival,
            records: Vec::new(),
            finished: false,
        });
        session.records.extend(append.records);
        session.finished = append.terminal;
        for record in append.outbox {
            if !state.outbox_positions.contains_key(&record.event_id) {
                let position = state.next();
                state.outbox_positions.insert(record.event_id, position);
                state.outbox.insert(position, (append.session, record));
            }
        }
        Ok(())
    }

    async fn journal(&self, session: Uuid, after: u64) -> Result<Vec<JournalRecord>, StoreError> {
        let state = self.state();
        let records = state.sessions.get(&session).map_or(&[][..], |s| s.records.as_slice());
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(records.len());
        Ok(records[from..].to_vec())
    }

    async fn head(&self, session: Uuid) -> Result<Option<SessionHead>, StoreError> {
        Ok(self.state().sessions.get(&session).and_then(|found| found.head(session)))
    }

    async fn unfinished(&self) -> Result<Vec<SessionHead>, StoreError> {
        let state = self.state();
        let mut heads: Vec<_> = state
            .sessions
            .iter()
            .filter(|(_, session)| !session.finished)
            .filter_map(|(id, session)| Some((session.arrival, session.head(*id)?)))
            .collect();
        heads.sort_by_key(|(arrival, head)| (head.created_at, *arrival));
        Ok(heads.into_iter().map(|(_, head)| head).collect())
    }

    async fn outbox(&self, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let state = self.state();
        let offered = state.outbox.values().map(|(_, record)| record);
        let offered = offered.filter(|record| !state.set_aside.contains(&record.event_id));
        Ok(offered.take(limit).cloned().collect())
    }

    async fn delivered(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        let mut state = self.state();
        for event_id in event_ids {
            if let Some(position) = state.outbox_positions.remove(event_id) {
                state.outbox.remove(&position);
            }
            state.set_aside.remove(event_id);
        }
        Ok(())
    }

    async fn set_aside(&self, event_ids: &[Uuid]) -> Result<(), StoreError> {
        self.state().set_aside.extend(event_ids);
        Ok(())
    }

    async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.state();
        let waiting: HashSet<Uuid> = state.outbox.values().map(|(session, _)| *session).collect();
        let count = state.sessions.len();
        state.sessions.retain(|id, session| {
            session.finished_at().is_none_or(|at| at >= before) || waiting.contains(id)
        });
        Ok((count - state.sessions.len()) as u64)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
