//! What an earlier process left behind.

use std::sync::Arc;
use std::time::Duration;

use leadsman::engine::events::{Event, Phase};
use leadsman::engine::journal::JournalError;
use leadsman::sessions::State;
use leadsman_ports::store::SessionStore;
use leadsman_ports::testing::HangingModel;
use leadsman_testkit::Gate;

use super::{Obstructed, Rig, Sink, leave_behind, stored, submitted};

/// Up to the first model call, which has not been answered.
fn at_the_model() -> Vec<Event> {
    vec![
        submitted(),
        Event::PhaseStarted { phase: Phase::Triage },
        Event::TriageFailed { reason: "the cluster did not answer".to_owned() },
        Event::PhaseStarted { phase: Phase::RootCause },
    ]
}

fn rig(store: &Arc<Obstructed>) -> Rig {
    let model = Some(Arc::new(HangingModel) as Arc<_>);
    Rig::new(Arc::clone(store), Arc::new(Sink::default()), model)
}

async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_version_wrote_is_left_open_and_told() {
    let store = Arc::new(Obstructed::default());
    let mut events = stored(&at_the_model());
    events.push(r#"{"type":"approval_requested","tool":"scale"}"#.to_owned());
    let strange = leave_behind(store.as_ref(), &events).await;
    let known = leave_behind(store.as_ref(), &stored(&at_the_model())).await;
    let rig = rig(&store);
    assert_eq!(rig.sessions.recover().await.unwrap(), 2);
    settle().await;

    let head = store.head(strange).await.unwrap().unwrap();
    assert_eq!((head.finished_at, head.last_seq), (None, 5), "not a word is added");
    assert_eq!(rig.sessions.unreadable(), 1);
    assert!(rig.metrics.render().contains("leadsman_sessions_unreadable 1"));
    let asked = rig.sessions.find(strange).await;
    assert!(matches!(asked, Err(JournalError::Unreadable { .. })), "{asked:?}");
    let known = rig.sessions.find(known).await.unwrap().unwrap();
    assert_eq!(known.state(), State::Investigating, "the others go on");
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_work_ends_the_process_again_and_again_is_given_up() {
    let store = Arc::new(Obstructed::default());
    let resumed = |times: usize| {
        let events = at_the_model();
        events.into_iter().chain(vec![Event::Resumed; times]).collect::<Vec<_>>()
    };
    let guilty = leave_behind(store.as_ref(), &stored(&resumed(4))).await;
    let unlucky = leave_behind(store.as_ref(), &stored(&resumed(1))).await;
    // Restarts on purpose, and those before the last answer, say nothing about a session.
    let shut_down = [resumed(1), vec![Event::Checkpointed], resumed(1)[4..].to_vec()].concat();
    let shut_down = leave_behind(store.as_ref(), &stored(&shut_down)).await;
    let answered = [resumed(5), vec![Event::ModelFailed { reason: "down".to_owned() }]].concat();
    let answered = leave_behind(store.as_ref(), &stored(&answered)).await;
    let rig = rig(&store);
    rig.sessions.recover().await.unwrap();
    settle().await;

    let given_up = rig.sessions.find(guilty).await.unwrap().unwrap().view();
    assert_eq!(given_up.state, State::Failed);
    assert!(given_up.error.unwrap().contains("ended 5 times"));
    for session in [unlucky, shut_down] {
        let state = rig.sessions.find(session).await.unwrap().unwrap().state();
        assert_eq!(state, State::Investigating);
    }
    let ended = rig.sessions.find(answered).await.unwrap().unwrap();
    assert_eq!(ended.state(), State::Completed, "the rules answer");
}

#[tokio::test(start_paused = true)]
async fn of_several_suspects_one_goes_on_at_a_time() {
    let store = Arc::new(Obstructed::default());
    let suspect = [at_the_model(), vec![Event::Resumed]].concat();
    let mut suspects = Vec::new();
    for _ in 0..3 {
        suspects.push(leave_behind(store.as_ref(), &stored(&suspect)).await);
    }
    let innocent = leave_behind(store.as_ref(), &stored(&at_the_model())).await;
    let rig = rig(&store);
    rig.sessions.recover().await.unwrap();
    settle().await;

    let mut at_work = Vec::new();
    for session in &suspects {
        if rig.events(*session).await.iter().filter(|event| **event == Event::Resumed).count() == 2
        {
            at_work.push(*session);
        }
    }
    assert_eq!(at_work.len(), 1, "the process ends with one suspect at most");
    assert_eq!(rig.events(innocent).await.last(), Some(&Event::Resumed));
    // Who waits can be cancelled, and makes room.
    rig.sessions.cancel(at_work[0]).await.unwrap();
    settle().await;
    let mut resumed = 0;
    for session in suspects {
        resumed += rig.events(session).await.iter().filter(|e| **e == Event::Resumed).count();
    }
    assert_eq!(resumed, 5, "the next one goes on");
}

#[tokio::test(start_paused = true)]
async fn recovery_keeps_nobody_waiting() {
    let store = Arc::new(Obstructed::default());
    let mut left = Vec::new();
    for _ in 0..1_000 {
        left.push(leave_behind(store.as_ref(), &stored(&at_the_model())).await);
    }
    let gate = Gate::new();
    *store.reads_wait_for.lock().unwrap() = Some(gate.clone());
    let rig = rig(&store);
    let recovered = tokio::time::timeout(Duration::from_secs(1), rig.sessions.recover()).await;
    assert_eq!(recovered.expect("it does not wait for the journals").unwrap(), 1_000);
    assert_eq!(rig.sessions.active(), 1_000);
    gate.open();
    // Nobody finds nothing, or a wrong state, however early the question comes.
    for session in left {
        let found = rig.sessions.find(session).await.unwrap().unwrap();
        assert_eq!(found.state(), State::Investigating);
        assert_eq!(found.view().phase, Phase::RootCause);
    }
}
