//! Shutdown: refuse, drain, checkpoint; the next process goes on.

use leadsman_contract::SessionState;

use crate::harness::{self, Harness, gated_model, subject};

#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_the_grace_is_checkpointed_and_goes_on_after_a_restart() {
    let (model, gate) = gated_model();
    let directory = leadsman_testkit::temp_dir().unwrap();
    let mut config = harness::config(directory.path(), Some(&model));
    config.server.shutdown_grace_seconds = 0;
    let service = Harness::start(config, directory).await;
    let id = service.submit(&subject().incident).await;
    model.wait_for_requests(2).await;
    let directory = service.stopped().await;

    gate.open();
    let config = harness::config(directory.path(), Some(&model));
    let service = Harness::start(config, directory).await;
    assert_eq!(service.ended(id).await.status, SessionState::Completed);
    let usage = service.api.result(id).await.unwrap().usage.unwrap();
    // The first turn and its tool calls were not repeated: the journal had them.
    assert_eq!((usage.model_turns, usage.tool_calls), (2, 2));
    assert_eq!(model.requests().len(), 3);
    model.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_service_is_not_ready_and_refuses_incidents() {
    let (model, gate) = gated_model();
    let directory = leadsman_testkit::temp_dir().unwrap();
    let mut config = harness::config(directory.path(), Some(&model));
    config.server.shutdown_grace_seconds = 60;
    let service = Harness::start(config, directory).await;
    let id = service.submit(&subject().incident).await;
    model.wait_for_requests(2).await;
    service.ask_to_stop();
    while !service.sessions.is_draining() {
        tokio::task::yield_now().await;
    }

    let ready = service.health.get("/readyz").await.unwrap();
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("shutting_down"), "{}", ready.text());
    let body = subject().incident.to_string();
    let refused =
        service.api.post("/api/v1/incident/analyze", "application/json", body).await.unwrap();
    assert_eq!(refused.status, 503);
    gate.open();
    let directory = service.stopped().await;
    let service = Harness::start(harness::config(directory.path(), None), directory).await;
    assert_eq!(service.ended(id).await.status, SessionState::Completed);
}
