//! The audit pipeline: who waits hears of it, and nothing holds everything up.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadsman_ports::audit::AuditRecord;
use leadsman_ports::store::{Append, JournalRecord, SessionStore};
use serde_json::json;
use uuid::Uuid;

use super::{Obstructed, Rig, Sink};

fn event() -> AuditRecord {
    let event_id = Uuid::new_v4();
    let body = json!({"event_type": "t", "event_data": {"event_id": event_id}});
    AuditRecord { event_id, body }
}

async fn end_with(store: &dyn SessionStore, event: &AuditRecord) {
    let record = JournalRecord { seq: 1, at: Timestamp::now(), event: "{}".to_owned() };
    let (records, outbox) = (vec![record], vec![event.clone()]);
    store
        .append(Append { session: Uuid::new_v4(), records, terminal: true, outbox })
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_that_leaves_in_the_batch_of_another_session_is_heard_of() {
    let rig = Rig::new(Arc::new(Obstructed::default()), Arc::new(Sink::default()), None);
    let (mine, other) = (event(), event());
    let waits = rig.audit.expect(mine.event_id);
    end_with(rig.store.as_ref(), &mine).await;
    end_with(rig.store.as_ref(), &other).await;
    // The other session's end has both delivered before the first one asks.
    rig.audit.expect(other.event_id).arrived().await;
    let asked = tokio::time::Instant::now();
    waits.arrived().await;
    assert_eq!(asked.elapsed(), Duration::ZERO);
    assert_eq!(rig.audit.expected(), 0, "nobody is left waiting");
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_is_forgotten() {
    let rig = Rig::new(Arc::new(Obstructed::default()), Arc::new(Sink::default()), None);
    drop(rig.audit.expect(Uuid::new_v4()));
    assert_eq!(rig.audit.expected(), 0);
    rig.stop.cancel();
    rig.audit.expect(Uuid::new_v4()).arrived().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_sink_refuses_blocks_none_behind_it_and_is_kept() {
    let store = Arc::new(Obstructed::default());
    let [first, refused, behind] = [event(), event(), event()];
    for event in [&first, &refused, &behind] {
        end_with(store.as_ref(), event).await;
    }
    let sink = Arc::new(Sink::default());
    sink.refuses.lock().unwrap().insert(refused.event_id);
    let rig = Rig::new(Arc::clone(&store), Arc::clone(&sink), None);
    let delivered = async {
        while sink.held.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), delivered).await.expect("no event is held up");
    assert_eq!(*sink.held.lock().unwrap(), [first.event_id, behind.event_id]);
    let page = rig.metrics.render();
    assert!(page.contains("leadsman_audit_events_refused_total{event_type=\"t\"} 1"), "{page}");
    assert_eq!(store.purge(Timestamp::MAX).await.unwrap(), 2, "the refused one is kept");
}
