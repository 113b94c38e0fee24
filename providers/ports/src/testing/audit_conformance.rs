//! What every [`AuditSink`] must do. [`run`] panics at the first thing that it does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::audit::{AuditRecord, AuditSink};

/// A sink with a way to see what its destination holds.
pub struct Fixture<S> {
    /// An empty sink.
    pub sink: S,
    /// The bodies at the destination, oldest first.
    pub stored: Box<dyn Fn() -> Vec<Value> + Send + Sync>,
}

impl<S> std::fmt::Debug for Fixture<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fixture").finish_non_exhaustive()
    }
}

/// Runs the suite; `fresh` answers with an empty sink each time.
pub async fn run<S: AuditSink + 'static>(fresh: impl AsyncFn() -> Fixture<S>) {
    keeps_bodies_exactly_and_in_order(fresh().await).await;
    skips_what_it_holds(fresh().await).await;
    takes_many_batches_at_once(fresh().await).await;
}

/// A record whose body carries its id, as the port demands.
pub fn record(text: &str) -> AuditRecord {
    let event_id = Uuid::new_v4();
    let body = json!({
        "version": "1.0",
        "event_type": "aiagent.response.complete",
        "event_data": {"event_id": event_id, "text": text},
    });
    AuditRecord { event_id, body }
}

fn bodies(records: &[AuditRecord]) -> Vec<Value> {
    records.iter().map(|record| record.body.clone()).collect()
}

async fn keeps_bodies_exactly_and_in_order<S: AuditSink>(fixture: Fixture<S>) {
    let Fixture { sink, stored } = fixture;
    assert!(!sink.name().is_empty());
    sink.deliver(&[]).await.expect("an empty batch is delivered at once");
    assert_eq!(stored(), [] as [Value; 0]);
    let long = "x".repeat(300_000);
    let records: Vec<_> =
        ["a", "line\nbreak\r\n", "\u{0}\u{2028}ö🜁\"\\", &long, ""].map(record).into();
    sink.deliver(&records[..3]).await.unwrap();
    sink.deliver(&records[3..]).await.unwrap();
    assert!(stored() == bodies(&records), "bodies arrive unchanged and in order");
}

async fn skips_what_it_holds<S: AuditSink>(fixture: Fixture<S>) {
    let Fixture { sink, stored } = fixture;
    let [a, b, c] = ["a", "b", "c"].map(record);
    sink.deliver(&[a.clone(), b.clone(), a.clone()]).await.unwrap();
    sink.deliver(std::slice::from_ref(&b)).await.unwrap();
    sink.deliver(&[b.clone(), c.clone(), a.clone(), c.clone()]).await.unwrap();
    assert_eq!(stored(), bodies(&[a, b, c]));
}

async fn takes_many_batches_at_once<S: AuditSink + 'static>(fixture: Fixture<S>) {
    let Fixture { sink, stored } = fixture;
    let sink = Arc::new(sink);
    let records: Vec<_> = (0..100).map(|number| record(&number.to_string())).collect();
    let mut deliveries = JoinSet::new();
    for offset in 0..20 {
        let sink = Arc::clone(&sink);
        // Every record is in three batches.
        let batch: Vec<_> = (0..15).map(|n| records[(offset * 5 + n) % 100].clone()).collect();
        deliveries.spawn(async move { sink.deliver(&batch).await });
    }
    for outcome in deliveries.join_all().await {
        outcome.unwrap();
    }
    let mut found: Vec<_> = stored().iter().map(Value::to_string).collect();
    let mut expected: Vec<_> = records.iter().map(|record| record.body.to_string()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "each record once");
}
