//! A controller's day: submit, poll, fetch the result, against a model that checks the protocol.

use leadsman_contract::{HumanReviewReason, InvestigationOutcome, SessionState, Verdict};
use serde_json::Value;

use crate::harness::{Harness, gated_model, good_model, subject};

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_goes_from_post_to_a_verified_result() {
    let model = good_model();
    let service = Harness::with_model(&model).await;
    let incident = subject().incident;
    let result = service.investigate(&incident).await;

    model.assert_clean();
    assert_eq!(result.incident_id, incident["incident_id"]);
    assert_eq!(result.verdict, Some(Verdict::Confirmed));
    assert_eq!(result.investigation_outcome, Some(InvestigationOutcome::Actionable));
    assert_eq!(result.human_review_reason, Some(HumanReviewReason::NoMatchingWorkflows));
    assert!(!result.degraded);
    assert_eq!(result.evidence.len(), 1);
    assert!(!result.root_cause_analysis.contributing_factors.is_empty());
    let usage = result.usage.unwrap();
    assert_eq!((usage.model_turns, usage.tool_calls), (2, 2));
    assert!(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_tells_progress_and_the_result_waits_for_the_end() {
    let (model, gate) = gated_model();
    let service = Harness::with_model(&model).await;
    let id = service.submit(&subject().incident).await;
    model.wait_for_requests(2).await;

    let status = service.api.session(id).await.unwrap();
    assert_eq!(status.status, SessionState::Investigating);
    let progress = status.progress.unwrap();
    assert_eq!((progress.phase.as_str(), progress.turn, progress.tool_calls), ("rca", 1, 2));
    let early = service.api.result(id).await.unwrap_err();
    let problem = early.problem().unwrap();
    assert_eq!(problem.status, 409);
    assert_eq!(problem.detail, format!("session {id} is investigating, not completed"));

    gate.open();
    let status = service.ended(id).await;
    assert_eq!(status.status, SessionState::Completed);
    assert_eq!(status.progress.unwrap().phase, "complete");
    assert!(service.api.result(id).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_session_has_its_audit_event_and_its_metrics() {
    let model = good_model();
    let service = Harness::with_model(&model).await;
    let incident = subject().incident;
    service.investigate(&incident).await;

    let audit = std::fs::read_to_string(service.directory.path().join("audit.jsonl")).unwrap();
    let events: Vec<Value> =
        audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event["event_type"], "aiagent.response.complete");
    assert_eq!(event["correlation_id"], incident["remediation_id"]);
    assert_eq!(event["event_data"]["incident_id"], incident["incident_id"]);
    assert!(event["event_data"]["total_prompt_tokens"].as_u64().unwrap() > 0);
    assert!(event["event_data"]["total_completion_tokens"].as_u64().unwrap() > 0);
    assert!(event["event_data"]["response_data"]["rootCauseAnalysis"]["summary"].is_string());

    let page = service.metrics.get("/metrics").await.unwrap().text();
    for line in [
        "aiagent_sessions_completed_total{outcome=\"completed\"} 1",
        "aiagent_audit_events_emitted_total{event_type=\"aiagent.response.complete\"} 1",
        "aiagent_api_llm_requests_total{status=\"success\"} 2",
    ] {
        assert!(page.contains(line), "{line} is missing from\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_documents_are_served() {
    let service = Harness::by_rules().await;
    assert_eq!(service.health.get("/healthz").await.unwrap().status, 200);
    service.investigate(&subject().incident).await;
    assert_eq!(service.health.get("/readyz").await.unwrap().status, 200);
    assert_eq!(service.api.get("/docs/").await.unwrap().status, 200);
    let document: Value = service.api.get("/openapi.json").await.unwrap().json().unwrap();
    assert!(document["paths"]["/api/v1/incident/analyze"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_session_answers_after_a_restart() {
    let service = Harness::by_rules().await;
    let id = service.submit(&subject().incident).await;
    service.ended(id).await;
    let before = service.api.result(id).await.unwrap();
    let directory = service.stopped().await;

    let config = crate::harness::config(directory.path(), None);
    let service = Harness::start(config, directory).await;
    assert_eq!(service.api.session(id).await.unwrap().status, SessionState::Completed);
    assert_eq!(service.api.result(id).await.unwrap(), before);
}

#[test]
fn the_committed_openapi_document_is_the_generated_one() {
    let committed = include_str!("../../api/openapi.json");
    assert!(
        committed == leadsman_server_document(),
        "api/openapi.json is stale; run `cargo run -- openapi > api/openapi.json`"
    );
}

fn leadsman_server_document() -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_leadsman"))
        .arg("openapi")
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
