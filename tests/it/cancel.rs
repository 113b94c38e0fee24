//! Cancel is real: it stops the model call and keeps the partial result.

use leadsman_contract::SessionState;
use leadsman_testkit::{FakeModel, Reply};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{Harness, look, subject};

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_drops_the_model_call_and_keeps_what_is_known() {
    let model = FakeModel::start(leadsman_testkit::investigator(|_| look(), |_| Reply::hang()));
    let service = Harness::with_model(&model).await;
    let id = service.submit(&subject().incident).await;
    model.wait_for_requests(2).await;

    let cancelled = service.api.cancel(id).await.unwrap();
    assert_eq!(cancelled.status, SessionState::Cancelled);
    model.wait_for_disconnects(1).await;
    assert_eq!(service.ended(id).await.status, SessionState::Cancelled);
    let result = service.api.result(id).await.unwrap();
    assert_eq!(result.analysis, "Investigation cancelled");
    assert!(!result.needs_human_review);
    assert!(result.root_cause.is_some(), "the best verdict so far is kept");
    assert!(result.partial.unwrap().reason.contains("cancelled"));

    let again = service.api.cancel(id).await.unwrap_err();
    assert_eq!(again.problem().unwrap().status, 409);
    let audit = std::fs::read_to_string(service.directory.path().join("audit.jsonl")).unwrap();
    let event: Value = serde_json::from_str(audit.trim()).unwrap();
    assert_eq!(event["event_type"], "aiagent.response.failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_session_cannot_be_cancelled() {
    let service = Harness::by_rules().await;
    for id in [Uuid::new_v4().to_string(), "nonsense".to_owned()] {
        let problem = service.api.cancel(&id).await.unwrap_err();
        assert_eq!(problem.problem().unwrap().detail, format!("session {id} not found"));
    }
}
