//! Cancel tells the truth, whatever it races with.

use std::sync::Arc;
use std::time::Duration;

use leadsman::engine::incident::Incident;
use leadsman::sessions::{CancelError, State};
use leadsman_ports::testing::HangingModel;
use leadsman_testkit::Gate;

use super::{Obstructed, Rig, Sink};

#[tokio::test(start_paused = true)]
async fn a_session_whose_end_is_on_its_way_to_the_store_is_not_called_cancelled() {
    let gate = Gate::new();
    let store = Arc::new(Obstructed::default());
    *store.ends_wait_for.lock().unwrap() = Some(gate.clone());
    let rig = Rig::new(store, Arc::new(Sink::default()), None);
    let session = rig.sessions.submit(Incident::default()).await.unwrap();
    // Without a model it comes to its end by itself, and waits there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = rig.sessions.cancel(session.id()).await;
    assert!(matches!(answer, Err(CancelError::Pending)), "{answer:?}");
    gate.open();
    session.finished().await;
    assert_eq!(session.state(), State::Completed);
    let answer = rig.sessions.cancel(session.id()).await;
    assert!(matches!(answer, Err(CancelError::Ended(State::Completed))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_for_its_audit_event_is_not_called_cancelled() {
    let gate = Gate::new();
    let sink = Arc::new(Sink { gate: Some(gate.clone()), ..Sink::default() });
    let rig = Rig::new(Arc::new(Obstructed::default()), sink, None);
    let session = rig.sessions.submit(Incident::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(session.state(), State::Investigating, "it is not shown before its audit event");
    let answer = rig.sessions.cancel(session.id()).await;
    assert!(matches!(answer, Err(CancelError::Ended(State::Completed))), "{answer:?}");
    gate.open();
    session.finished().await;
    assert_eq!(session.state(), State::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_seen_by_everybody_once_it_is_answered() {
    // The sink never answers, and still the answer and the next poll agree.
    let sink = Arc::new(Sink { gate: Some(Gate::new()), ..Sink::default() });
    let model = Some(Arc::new(HangingModel) as Arc<_>);
    let rig = Rig::new(Arc::new(Obstructed::default()), sink, model);
    let session = rig.sessions.submit(Incident::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    rig.sessions.cancel(session.id()).await.unwrap();
    session.finished().await;
    let found = rig.sessions.find(session.id()).await.unwrap().unwrap();
    assert_eq!(found.state(), State::Cancelled);
    let again = rig.sessions.cancel(session.id()).await;
    assert!(matches!(again, Err(CancelError::Ended(State::Cancelled))), "{again:?}");
}
