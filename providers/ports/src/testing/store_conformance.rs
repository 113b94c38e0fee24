//! What every [`SessionStore`] must do. [`run`] panics at the first thing that it does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::audit::AuditRecord;
use crate::store::{Append, JournalRecord, SessionHead, SessionStore, StoreError};

/// Competing writers of the concurrency check, two a session, and what each of them writes.
const WRITERS: usize = 200;
const RECORDS_A_WRITER: usize = 50;

/// Runs the suite; `fresh` answers with an empty store each time.
pub async fn run<S: SessionStore + 'static>(fresh: impl AsyncFn() -> S) {
    keeps_records_exactly(&fresh().await).await;
    reads_from_any_place(&fresh().await).await;
    reports_heads(&fresh().await).await;
    refuses_what_does_not_follow(&fresh().await).await;
    keeps_nothing_of_a_refused_append(&fresh().await).await;
    lists_unfinished_oldest_first(&fresh().await).await;
    empties_the_outbox_in_order(&fresh().await).await;
    keeps_an_event_once(&fresh().await).await;
    sets_refused_events_aside(&fresh().await).await;
    purges_only_what_is_done_with(&fresh().await).await;
    purges_large_numbers(&fresh().await).await;
    lets_one_of_many_begin(Arc::new(fresh().await)).await;
    interleaves_competing_writers(Arc::new(fresh().await)).await;
    fresh().await.ping().await.expect("a fresh store is usable");
}

/// The moment `nanoseconds` after a fixed one.
fn moment(nanoseconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_secs(1_800_000_000))
        .and_then(|start| start.checked_add(SignedDuration::from_nanos(nanoseconds)))
        .unwrap()
}

/// A record whose time follows from its number.
fn record(seq: u64) -> JournalRecord {
    JournalRecord {
        seq,
        at: moment(i64::try_from(seq).unwrap_or(0)),
        event: format!(r#"{{"event":{seq}}}"#),
    }
}

fn records(range: std::ops::RangeInclusive<u64>) -> Vec<JournalRecord> {
    range.map(record).collect()
}

fn append(session: Uuid, range: std::ops::RangeInclusive<u64>) -> Append {
    Append { session, records: records(range), terminal: false, outbox: Vec::new() }
}

fn last(session: Uuid, range: std::ops::RangeInclusive<u64>) -> Append {
    Append { terminal: true, ..append(session, range) }
}

fn audit(text: &str) -> AuditRecord {
    let event_id = Uuid::new_v4();
    AuditRecord { event_id, body: json!({"text": text, "event_data": {"event_id": event_id}}) }
}

async fn keeps_records_exactly(store: &impl SessionStore) {
    let session = Uuid::new_v4();
    let times = [
        moment(0),
        moment(1),
        moment(500_000_000),
        moment(-1),
        Timestamp::UNIX_EPOCH,
        Timestamp::MIN,
        Timestamp::MAX,
    ];
    let texts = ["{}", "\"ö 🜁 \u{0} ' \\\"\"", "", "[1,\n2]", "null", "x", "end"];
    let stored: Vec<_> = (1..)
        .zip(times.into_iter().zip(texts))
        .map(|(seq, (at, event))| JournalRecord { seq, at, event: event.into() })
        .chain([JournalRecord { seq: 8, at: moment(2), event: "z".repeat(3_000_000) }])
        .collect();
    let whole = Append { session, records: stored.clone(), terminal: true, outbox: Vec::new() };
    store.append(whole).await.unwrap();
    assert!(store.journal(session, 0).await.unwrap() == stored, "records come back unchanged");
}

async fn reads_from_any_place(store: &impl SessionStore) {
    let (session, other) = (Uuid::new_v4(), Uuid::new_v4());
    store.append(append(session, 1..=3)).await.unwrap();
    store.append(append(other, 1..=1)).await.unwrap();
    store.append(append(session, 4..=5)).await.unwrap();
    assert_eq!(store.journal(session, 0).await.unwrap(), records(1..=5));
    assert_eq!(store.journal(session, 3).await.unwrap(), records(4..=5));
    for beyond in [5, 6, u64::MAX] {
        assert_eq!(store.journal(session, beyond).await.unwrap(), []);
    }
    assert_eq!(store.journal(Uuid::new_v4(), 0).await.unwrap(), []);
}

async fn reports_heads(store: &impl SessionStore) {
    let session = Uuid::new_v4();
    assert_eq!(store.head(session).await.unwrap(), None);
    store.append(append(session, 1..=2)).await.unwrap();
    let mut expected =
        SessionHead { session, created_at: record(1).at, finished_at: None, last_seq: 2 };
    assert_eq!(store.head(session).await.unwrap(), Some(expected.clone()));
    store.append(last(session, 3..=4)).await.unwrap();
    expected.finished_at = Some(record(4).at);
    expected.last_seq = 4;
    assert_eq!(store.head(session).await.unwrap(), Some(expected));
}

async fn refuses_what_does_not_follow(store: &impl SessionStore) {
    let (open, ended, unknown) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    store.append(append(open, 1..=2)).await.unwrap();
    store.append(last(ended, 1..=2)).await.unwrap();
    let gap_inside = Append { records: vec![record(3), record(5)], ..append(open, 3..=3) };
    let backwards = Append { records: vec![record(3), record(2)], ..append(open, 3..=3) };
    let refused = [
        (append(unknown, 2..=2), 0, 2),
        (append(unknown, 0..=1), 0, 0),
        (append(open, 2..=3), 2, 2),
        (append(open, 4..=4), 2, 4),
        (append(open, u64::MAX..=u64::MAX), 2, u64::MAX),
        (Append { records: vec![], ..last(open, 1..=1) }, 2, 0),
        (gap_inside, 2, 3),
        (backwards, 2, 3),
        (append(ended, 3..=3), 2, 3),
        (append(ended, 1..=1), 2, 1),
    ];
    for (offer, stored, offered) in refused {
        let session = offer.session;
        let conflict = StoreError::Conflict { session, stored, offered };
        assert_eq!(store.append(offer.clone()).await, Err(conflict), "{offer:?}");
    }
    assert_eq!(store.head(unknown).await.unwrap(), None, "a refused append creates nothing");
    assert_eq!(store.journal(open, 0).await.unwrap(), records(1..=2));
    assert_eq!(store.journal(ended, 0).await.unwrap(), records(1..=2));
    store.append(append(open, 3..=3)).await.expect("a refusal does no harm to the session");
}

async fn keeps_nothing_of_a_refused_append(store: &impl SessionStore) {
    let session = Uuid::new_v4();
    store.append(append(session, 1..=1)).await.unwrap();
    let offer = Append {
        records: vec![record(2), record(4)],
        outbox: vec![audit("never")],
        ..last(session, 2..=2)
    };
    store.append(offer).await.unwrap_err();
    assert_eq!(store.outbox(10).await.unwrap(), []);
    assert_eq!(store.journal(session, 0).await.unwrap(), records(1..=1));
    assert_eq!(store.head(session).await.unwrap().unwrap().finished_at, None);
}

async fn lists_unfinished_oldest_first(store: &impl SessionStore) {
    assert_eq!(store.unfinished().await.unwrap(), []);
    let mut begun = Vec::new();
    // Fractions of different length: times sort as times, not as text.
    for nanoseconds in [2_000_000_000, 500_000_000, 1_000_000_000, 0, 1_500_000_000, 0] {
        let session = Uuid::new_v4();
        let first = JournalRecord { at: moment(nanoseconds), ..record(1) };
        store.append(Append { records: vec![first], ..append(session, 1..=1) }).await.unwrap();
        begun.push((nanoseconds, session));
    }
    let ended = begun.remove(2).1;
    store.append(last(ended, 2..=2)).await.unwrap();
    // A stable sort keeps the order of arrival among equal times.
    begun.sort_by_key(|(nanoseconds, _)| *nanoseconds);
    let listed: Vec<_> =
        store.unfinished().await.unwrap().into_iter().map(|head| head.session).collect();
    let expected: Vec<_> = begun.into_iter().map(|(_, session)| session).collect();
    assert_eq!(listed, expected);
}

async fn empties_the_outbox_in_order(store: &impl SessionStore) {
    let events: Vec<_> = ["a", "b", "ö \u{0} \n", "d", "e"].map(audit).into();
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    let with = |append, events: &[AuditRecord]| Append { outbox: events.to_vec(), ..append };
    store.append(with(append(one, 1..=1), &events[..2])).await.unwrap();
    store.append(with(last(other, 1..=1), &events[2..3])).await.unwrap();
    store.append(with(append(one, 2..=2), &events[3..])).await.unwrap();
    assert_eq!(store.outbox(0).await.unwrap(), []);
    assert_eq!(store.outbox(2).await.unwrap(), events[..2]);
    assert_eq!(store.outbox(u32::MAX).await.unwrap(), events);
    store.delivered(&[]).await.unwrap();
    store.delivered(&[events[1].event_id, Uuid::new_v4(), events[2].event_id]).await.unwrap();
    let rest = [events[0].clone(), events[3].clone(), events[4].clone()];
    assert_eq!(store.outbox(10).await.unwrap(), rest);
    store.delivered(&rest.map(|event| event.event_id)).await.unwrap();
    assert_eq!(store.outbox(10).await.unwrap(), []);
}

async fn keeps_an_event_once(store: &impl SessionStore) {
    let session = Uuid::new_v4();
    let event = audit("once");
    for seq in 1..=2 {
        let again = Append { outbox: vec![event.clone(); 2], ..append(session, seq..=seq) };
        store.append(again).await.unwrap();
    }
    assert_eq!(store.outbox(10).await.unwrap(), [event]);
}

async fn sets_refused_events_aside(store: &impl SessionStore) {
    let [first, refused, second] = ["first", "refused", "second"].map(audit);
    let (session, other) = (Uuid::new_v4(), Uuid::new_v4());
    let outbox = vec![first.clone(), refused.clone()];
    store.append(Append { outbox, ..last(session, 1..=1) }).await.unwrap();
    store.set_aside(&[]).await.unwrap();
    store.set_aside(&[refused.event_id, Uuid::new_v4()]).await.unwrap();
    store.append(Append { outbox: vec![second.clone()], ..last(other, 1..=1) }).await.unwrap();
    assert_eq!(store.outbox(10).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.outbox(1).await.unwrap(), std::slice::from_ref(&first));
    store.delivered(&[first.event_id, second.event_id]).await.unwrap();
    assert_eq!(store.outbox(10).await.unwrap(), []);
    assert_eq!(store.purge(Timestamp::MAX).await.unwrap(), 1, "its session stays with it");
    store.delivered(&[refused.event_id]).await.unwrap();
    assert_eq!(store.purge(Timestamp::MAX).await.unwrap(), 1);
}

async fn purges_only_what_is_done_with(store: &impl SessionStore) {
    let [old, young, open, waiting] = [(); 4].map(|()| Uuid::new_v4());
    let event = audit("still here");
    store.append(last(old, 1..=8)).await.unwrap();
    store.append(last(young, 1..=9)).await.unwrap();
    store.append(append(open, 1..=1)).await.unwrap();
    let unsent = Append { outbox: vec![event.clone()], ..last(waiting, 1..=1) };
    store.append(unsent).await.unwrap();

    assert_eq!(store.purge(record(8).at).await.unwrap(), 0, "the bound itself is kept");
    assert_eq!(store.purge(record(9).at).await.unwrap(), 1);
    assert_eq!(store.head(old).await.unwrap(), None);
    assert_eq!(store.journal(old, 0).await.unwrap(), []);
    assert_eq!(store.journal(young, 0).await.unwrap().len(), 9);
    assert_eq!(store.outbox(10).await.unwrap(), std::slice::from_ref(&event));

    store.delivered(&[event.event_id]).await.unwrap();
    assert_eq!(store.purge(Timestamp::MIN).await.unwrap(), 0);
    assert_eq!(store.purge(Timestamp::MAX).await.unwrap(), 2);
    assert!(store.head(open).await.unwrap().is_some(), "what runs is never purged");
    store.append(last(open, 2..=2)).await.unwrap();
}

async fn purges_large_numbers(store: &impl SessionStore) {
    for _ in 0..130 {
        store.append(last(Uuid::new_v4(), 1..=2)).await.unwrap();
    }
    assert_eq!(store.purge(Timestamp::MAX).await.unwrap(), 130);
    assert_eq!(store.purge(Timestamp::MAX).await.unwrap(), 0);
}

async fn lets_one_of_many_begin<S: SessionStore + 'static>(store: Arc<S>) {
    let session = Uuid::new_v4();
    let mut offers = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        offers.spawn(async move { store.append(append(session, 1..=2)).await });
    }
    let outcomes = offers.join_all().await;
    let conflict = StoreError::Conflict { session, stored: 2, offered: 1 };
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(conflict.clone())).count(), 19);
    assert_eq!(store.journal(session, 0).await.unwrap(), records(1..=2));
}

async fn interleaves_competing_writers<S: SessionStore + 'static>(store: Arc<S>) {
    let sessions: Vec<_> = (0..WRITERS / 2).map(|_| Uuid::new_v4()).collect();
    let mut writers = JoinSet::new();
    for session in &sessions {
        for name in ["left", "right"] {
            writers.spawn(write_against_another(Arc::clone(&store), *session, name));
        }
    }
    let conflicts: usize = writers.join_all().await.into_iter().sum();
    assert!(conflicts > 0, "two writers of one session must get in each other's way");

    for session in sessions {
        let journal = store.journal(session, 0).await.unwrap();
        assert!(journal.iter().map(|record| record.seq).eq(1..=2 * RECORDS_A_WRITER as u64));
        for name in ["left", "right"] {
            let mine = journal.iter().filter(|record| record.event.starts_with(name));
            let expected = (0..RECORDS_A_WRITER).map(|number| format!("{name} {number}"));
            assert!(mine.map(|record| record.event.clone()).eq(expected), "each once, in order");
        }
    }
    assert_eq!(store.outbox(u32::MAX).await.unwrap().len(), WRITERS * RECORDS_A_WRITER);
}

/// Writes its records to a session that another one writes to as well; returns the conflicts it met.
async fn write_against_another<S: SessionStore>(store: Arc<S>, session: Uuid, name: &str) -> usize {
    let (mut seq, mut conflicts) = (0, 0);
    for number in 0..RECORDS_A_WRITER {
        let event = audit(name);
        loop {
            let next =
                JournalRecord { seq: seq + 1, at: moment(0), event: format!("{name} {number}") };
            let outbox = vec![event.clone()];
            match store
                .append(Append { session, records: vec![next], terminal: false, outbox })
                .await
            {
                Ok(()) => {
                    seq += 1;
                    break;
                }
                Err(StoreError::Conflict { stored, .. }) => {
                    seq = stored;
                    conflicts += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    conflicts
}
