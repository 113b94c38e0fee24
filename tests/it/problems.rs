//! Bad input: a problem document that names the field and the fix.

use serde_json::{Value, json};

use crate::harness::{Harness, subject};

const ANALYZE: &str = "/api/v1/incident/analyze";

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_gets_a_problem_document() {
    let service = Harness::by_rules().await;
    let mut wrong_severity = subject().incident;
    wrong_severity["severity"] = json!("catastrophic");
    let mut missing = subject().incident;
    missing.as_object_mut().unwrap().remove("signal_name");
    let mut empty = subject().incident;
    empty["incident_id"] = json!("");
    let valid = subject().incident.to_string();
    for (content_type, body, status, says) in [
        ("application/json", wrong_severity.to_string(), 400, "severity"),
        ("application/json", missing.to_string(), 400, "signal_name"),
        ("application/json", empty.to_string(), 422, "incident_id"),
        ("application/json", "{".to_owned(), 400, "body"),
        ("application/json", String::new(), 400, "body"),
        ("text/plain", valid.clone(), 415, "application/json"),
        ("application/json", " ".repeat((1 << 20) + 1), 413, "1048576"),
    ] {
        let reply = service.api.post(ANALYZE, content_type, body).await.unwrap();
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        let problem: Value = reply.json().unwrap();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], ANALYZE);
        assert!(problem["type"].is_string() && problem["title"].is_string());
        assert!(reply.text().contains(says), "{says} is not in {}", reply.text());
    }
    assert_eq!(service.sessions.active(), 0);
    for (path, status) in [("/nowhere", 404), (ANALYZE, 405), ("/config", 404)] {
        let reply = service.api.get(path).await.unwrap();
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
}
