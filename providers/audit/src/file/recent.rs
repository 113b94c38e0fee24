//! The events that were written last, by which one that comes again is recognised.

use std::collections::{HashSet, VecDeque};

use uuid::Uuid;

/// How many are remembered. An event comes again only when its batch could not be taken out of the outbox, so this is
/// many times the size of a batch.
pub(super) const REMEMBERED: usize = 4_096;

/// A bounded memory of ids, oldest forgotten first.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<Uuid>,
    ids: HashSet<Uuid>,
}

impl Recent {
    pub(super) fn holds(&self, id: Uuid) -> bool {
        self.ids.contains(&id)
    }

    /// Remembers an id; one that is remembered already keeps its place.
    pub(super) fn add(&mut self, id: Uuid) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

impl Extend<Uuid> for Recent {
    fn extend<T: IntoIterator<Item = Uuid>>(&mut self, ids: T) {
        ids.into_iter().for_each(|id| self.add(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_the_last_and_no_more() {
        let ids: Vec<Uuid> = (0..3 * REMEMBERED as u128).map(Uuid::from_u128).collect();
        let mut recent = Recent::default();
        recent.extend(ids.iter().copied());
        recent.extend(ids.last().copied());
        let (forgotten, kept) = ids.split_at(2 * REMEMBERED);
        assert!(kept.iter().all(|id| recent.holds(*id)));
        assert!(!forgotten.iter().any(|id| recent.holds(*id)));
        assert_eq!((recent.order.len(), recent.ids.len()), (REMEMBERED, REMEMBERED));
    }
}
