//! What the server answers to good requests, and to each thing that the service can say.

use std::time::Duration;

use leadsman_contract::{
    HumanReviewReason, IncidentRequest, IncidentResponse, ProblemType, SessionState,
};
use leadsman_server::ServiceError;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Running, SECRET, SESSION, Script, incident, problem};

#[tokio::test]
async fn an_incident_is_accepted_and_its_session_followed() {
    let server = Running::start(Script::default());
    let reply = server.api.analyze(incident().to_string()).await;
    assert_eq!(reply.status, 202);
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(reply.json::<Value>(), json!({"session_id": SESSION}));

    let request: IncidentRequest = serde_json::from_value(incident()).unwrap();
    assert_eq!(*server.script.accepted.lock().unwrap(), [request]);

    let status: Value = server.api.session().await.json();
    assert_eq!(status, json!({"session_id": SESSION, "status": "investigating"}));
    let cancel = format!("/api/v1/incident/session/{SESSION}/cancel");
    let cancelled = server.api.send(Method::POST, &cancel, &[], Vec::new()).await;
    assert_eq!(cancelled.status, 200);
    assert_eq!(cancelled.json::<Value>(), json!({"session_id": SESSION, "status": "cancelled"}));
    server.end().await;
}

#[tokio::test]
async fn a_result_is_brought_in_line_before_it_leaves() {
    let script = Script::default();
    *script.result.lock().unwrap() = IncidentResponse {
        incident_id: "i".into(),
        confidence: 1.5,
        needs_human_review: true,
        human_review_reason: Some(HumanReviewReason::LowConfidence),
        ..IncidentResponse::default()
    };
    let server = Running::start(script);
    let reply = server.api.get(&format!("/api/v1/incident/session/{SESSION}/result")).await;
    let expected = json!({
        "incident_id": "i", "analysis": "", "root_cause_analysis": {}, "confidence": 1.0,
        "timestamp": "", "needs_human_review": true, "human_review_reason": "low_confidence",
        "warnings": ["Human review required: low_confidence"], "degraded": false
    });
    assert_eq!(reply.json::<Value>(), expected);
    assert_eq!(reply.header("cache-control"), Some("no-cache"));
    server.end().await;
}

#[tokio::test]
async fn each_service_error_has_its_problem() {
    let id = SESSION.to_string();
    let secret = || SECRET.to_owned();
    let status = SessionState::Investigating;
    let cases = [
        (
            ServiceError::EmptyField { field: "incident_id".into() },
            ProblemType::RuleViolation,
            "incident_id is required".to_owned(),
            None,
        ),
        (
            ServiceError::NotFound { session_id: id.clone() },
            ProblemType::SessionNotFound,
            format!("session {id} not found"),
            None,
        ),
        (
            ServiceError::NotCompleted { session_id: id.clone(), status },
            ProblemType::SessionNotCompleted,
            format!("session {id} is investigating, not completed"),
            None,
        ),
        (
            ServiceError::AlreadyTerminal { session_id: id.clone(), status: SessionState::Failed },
            ProblemType::SessionAlreadyTerminal,
            format!("session {id} is already failed"),
            None,
        ),
        (
            ServiceError::AtCapacity { retry_after: Duration::from_millis(14_200) },
            ProblemType::CapacityExhausted,
            "maximum concurrent investigations reached, retry later".to_owned(),
            Some("15"),
        ),
        (
            ServiceError::ShuttingDown,
            ProblemType::ShuttingDown,
            "the service is shutting down, retry later".to_owned(),
            Some("1"),
        ),
        (
            ServiceError::Unavailable { cause: secret() },
            ProblemType::ServiceUnavailable,
            "failed to start investigation, retry later".to_owned(),
            Some("1"),
        ),
        (
            ServiceError::Internal { cause: secret() },
            ProblemType::InternalError,
            "failed to start investigation".to_owned(),
            None,
        ),
    ];
    let server = Running::start(Script::default());
    for (error, kind, detail, retry_after) in cases {
        *server.script.error.lock().unwrap() = Some(error);
        let reply = server.api.analyze(incident().to_string()).await;
        let document = problem(&reply, "/api/v1/incident/analyze");
        assert_eq!(document["type"], kind.uri());
        assert_eq!(document["title"], kind.title());
        assert_eq!(reply.status, kind.status());
        assert_eq!(document["detail"], detail);
        assert_eq!(reply.header("retry-after"), retry_after);
        assert!(!reply.text().contains(SECRET));

        let path = format!("/api/v1/incident/session/{SESSION}/result");
        let reply = server.api.get(&path).await;
        assert_eq!(problem(&reply, &path)["type"], kind.uri());
        assert!(!reply.text().contains(SECRET));
    }
    server.end().await;
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_server_lives() {
    let server = Running::start(Script { config: Some(json!("panic")), ..Script::default() });
    // One in a task of the service, one in the handler itself.
    for path in ["/api/v1/incident/session/panic", "/config"] {
        let reply = server.api.get(path).await;
        assert_eq!(reply.status, 500);
        assert_eq!(problem(&reply, path)["type"], ProblemType::InternalError.uri());
        assert!(!reply.text().contains("the test asked"));
    }
    assert_eq!(server.api.session().await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn configuration_is_shown_in_development_mode_only() {
    let server = Running::start(Script::default());
    let reply = server.api.get("/config").await;
    assert_eq!(problem(&reply, "/config")["type"], ProblemType::RouteNotFound.uri());
    server.end().await;
    let view = json!({"llm": {"api_key": "***"}});
    let server = Running::start(Script { config: Some(view.clone()), ..Script::default() });
    assert_eq!(server.api.get("/config").await.json::<Value>(), view);
    server.end().await;
}

#[tokio::test]
async fn request_ids_are_kept_or_made() {
    let server = Running::start(Script::default());
    let send = async |id: &str| {
        let headers = [("x-request-id", id)];
        server.api.send(Method::GET, "/nothing", &headers, Vec::new()).await
    };
    let kept = send("trace-1").await;
    assert_eq!(kept.header("x-request-id"), Some("trace-1"));
    assert_eq!(problem(&kept, "/nothing")["request_id"], "trace-1");
    for unusable in ["", "two words", &"x".repeat(129)] {
        let made = send(unusable).await;
        assert!(made.header("x-request-id").unwrap().parse::<uuid::Uuid>().is_ok());
    }
    server.end().await;
}
