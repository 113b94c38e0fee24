//! A store that cannot be written for a while.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use leadsman::engine::incident::Incident;
use leadsman::sessions::{State, SubmitError};
use leadsman_ports::store::SessionStore;
use leadsman_ports::testing::HangingModel;
use leadsman_testkit::Gate;

use super::{Obstructed, Rig, Sink};

#[tokio::test(start_paused = true)]
async fn sessions_wait_for_space_and_go_on_when_there_is_some() {
    let rig = Rig::new(Arc::new(Obstructed::default()), Arc::new(Sink::default()), None);
    rig.store.full.store(true, Ordering::SeqCst);
    let refused = rig.sessions.submit(Incident::default()).await;
    assert!(matches!(refused, Err(SubmitError::Journal(_))), "who submits is told at once");
    assert!(rig.sessions.store().in_trouble());

    rig.store.full.store(false, Ordering::SeqCst);
    rig.sessions.store().ping().await.unwrap();
    assert!(!rig.sessions.store().in_trouble());
    let gate = Gate::new();
    *rig.store.ends_wait_for.lock().unwrap() = Some(gate.clone());
    let accepted = rig.sessions.submit(Incident::default()).await.unwrap();
    rig.store.full.store(true, Ordering::SeqCst);
    gate.open();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!accepted.state().is_terminal(), "it is not called failed");
    assert!(rig.sessions.store().in_trouble());
    let found = rig.sessions.find(accepted.id()).await.unwrap().unwrap();
    assert!(!found.state().is_terminal());

    rig.store.full.store(false, Ordering::SeqCst);
    accepted.finished().await;
    assert_eq!(accepted.state(), State::Completed, "it goes on without a restart");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_for_space_does_not_hold_up_the_shutdown() {
    let model = Some(Arc::new(HangingModel) as Arc<_>);
    let rig = Rig::new(Arc::new(Obstructed::default()), Arc::new(Sink::default()), model);
    let accepted = rig.sessions.submit(Incident::default()).await.unwrap();
    rig.store.full.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    rig.sessions.shut_down(Duration::from_secs(1)).await;
    let head = rig.store.head(accepted.id()).await.unwrap().unwrap();
    assert_eq!(head.finished_at, None, "the next process goes on with it");
}

#[tokio::test(start_paused = true)]
async fn finished_sessions_answer_from_the_store() {
    let rig = Rig::new(Arc::new(Obstructed::default()), Arc::new(Sink::default()), None);
    let mut sessions = Vec::new();
    for _ in 0..600 {
        let session = rig.sessions.submit(Incident::default()).await.unwrap();
        session.finished().await;
        sessions.push((session.id(), session.view()));
    }
    assert_eq!(rig.sessions.active(), 0);
    for (id, view) in sessions {
        let found = rig.sessions.find(id).await.unwrap().unwrap();
        assert_eq!(found.view(), view);
    }
}
