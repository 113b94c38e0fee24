//! What may follow what in a journal; the same for every store.

use leadsman_ports::store::{Append, StoreError};

/// How far a stored journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// `seq` of the last stored record, 0 for an unknown session.
    pub(crate) last_seq: u64,
    /// Whether that record ended the session.
    pub(crate) finished: bool,
}

impl Progress {
    /// A session that nobody has written to.
    pub(crate) const NONE: Self = Self { last_seq: 0, finished: false };

    /// Whether the records may be stored now. Fails with [`StoreError::Conflict`] for a gap, a repeat,
    /// an ended session and an append without records.
    pub(crate) fn admit(self, append: &Append) -> Result<(), StoreError> {
        let follows = append.records.iter().zip(self.last_seq + 1..).all(|(r, seq)| r.seq == seq);
        if follows && !self.finished && !append.records.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Conflict {
                session: append.session,
                stored: self.last_seq,
                offered: append.records.first().map_or(0, |record| record.seq),
            })
        }
    }
}
