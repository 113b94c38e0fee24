//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use leadsman_server::{openapi, openapi_json};
use serde_json::{Value, json};

use crate::support::{Running, Script};

/// Required keys of the schemas of Kubernaut Agent 1.5.7, without `resource_api_version`, which Leadsman
/// does not insist on.
const REQUIRED: [(&str, &[&str]); 9] = [
    ("AnalyzeAccepted", &["session_id"]),
    ("SessionStatus", &["session_id", "status"]),
    ("CancelSessionResponse", &["session_id", "status"]),
    ("HTTPError", &["type", "title", "detail", "status", "instance"]),
    (
        "IncidentRequest",
        &[
            "incident_id",
            "remediation_id",
            "signal_name",
            "severity",
            "signal_source",
            "resource_namespace",
            "resource_kind",
            "resource_name",
            "error_message",
            "environment",
            "priority",
            "risk_tolerance",
            "business_category",
            "cluster_name",
        ],
    ),
    (
        "IncidentResponse",
        &["incident_id", "analysis", "root_cause_analysis", "confidence", "timestamp"],
    ),
    ("AlternativeWorkflow", &["workflow_id", "confidence", "rationale"]),
    ("ValidationAttempt", &["attempt", "is_valid", "timestamp"]),
    ("AlignmentVerdict", &["result", "flagged", "total"]),
];

/// Operations of Kubernaut Agent 1.5.7 with the statuses that its clients read.
const OPERATIONS: [(&str, &str, &str, &[&str]); 4] = [
    (
        "/api/v1/incident/analyze",
        "post",
        "incident_analyze_endpoint_api_v1_incident_analyze_post",
        &["202", "400", "422", "500"],
    ),
    (
        "/api/v1/incident/session/{session_id}",
        "get",
        "incident_session_status_endpoint_api_v1_incident_session__session_id__get",
        &["200", "404", "500"],
    ),
    (
        "/api/v1/incident/session/{session_id}/result",
        "get",
        "incident_session_result_endpoint_api_v1_incident_session__session_id__result_get",
        &["200", "404", "409", "500"],
    ),
    (
        "/api/v1/incident/session/{session_id}/cancel",
        "post",
        "cancel_session_api_v1_incident_session__session_id__cancel_post",
        &["200", "404", "409"],
    ),
];

fn written() -> Value {
    serde_json::from_str(&openapi_json().unwrap()).unwrap()
}

#[test]
fn the_document_is_the_same_every_time() {
    let first = openapi_json().unwrap();
    assert_eq!(first, openapi_json().unwrap());
    assert!(first.ends_with("}\n"));
    assert!(openapi() == openapi());
}

#[test]
fn the_document_says_who_it_is() {
    let document = written();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Leadsman");
    assert_eq!(document["info"]["license"]["name"], "Apache-2.0");
}

#[test]
fn the_required_keys_are_those_of_the_contract() {
    let document = written();
    for (name, keys) in REQUIRED {
        let schema = &document["components"]["schemas"][name];
        let required: BTreeSet<_> =
            schema["required"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect();
        assert_eq!(required, keys.iter().copied().collect(), "{name}");
    }
}

#[test]
fn the_operations_are_those_of_the_contract() {
    let document = written();
    for (path, method, id, statuses) in OPERATIONS {
        let operation = &document["paths"][path][method];
        assert_eq!(operation["operationId"], id);
        for status in statuses {
            assert!(
                operation["responses"][status].is_object(),
                "{path} does not document {status}"
            );
        }
    }
}

#[test]
fn every_api_operation_documents_what_the_layers_around_it_answer() {
    let document = written();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].to_string()), "{path}");
            if ["/healthz", "/readyz", "/metrics"].contains(&path.as_str()) {
                assert!(operation["servers"].is_array(), "{path} is on another listener");
                continue;
            }
            for status in ["429", "500"] {
                let content = &operation["responses"][status]["content"];
                let schema = &content["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/HTTPError", "{path} {status}");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(target)) => found.push(target.clone()),
                _ => walk(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let document = written();
    let mut references = Vec::new();
    walk(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn enums_are_written_out() {
    let schemas = &written()["components"]["schemas"];
    assert_eq!(
        schemas["Severity"]["enum"],
        json!(["critical", "high", "warning", "info", "unknown"])
    );
    assert_eq!(schemas["HumanReviewReason"]["enum"].as_array().unwrap().len(), 11);
}

#[tokio::test]
async fn the_document_is_served() {
    let server = Running::start(Script::default());
    let reply = server.api.get("/openapi.json").await;
    assert_eq!(reply.text(), openapi_json().unwrap());
    server.end().await;
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let server = Running::start(Script::default());
    let moved = server.api.get("/docs").await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("/docs/")));

    let page = server.api.get("/docs/").await;
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let text = page.text();
    let assets: Vec<_> = text
        .split(['"', '\''])
        .filter(|part| part.ends_with(".js") || part.ends_with(".css") || part.ends_with(".png"))
        .collect();
    assert!(assets.len() >= 3, "{text}");
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} is not local");
        let reply = server.api.get(&format!("/docs/{}", asset.trim_start_matches("./"))).await;
        assert_eq!(reply.status, 200, "{asset}");
        assert!(!reply.body.is_empty());
    }
    let start = server.api.get("/docs/swagger-initializer.js").await.text();
    assert!(start.contains("\"/openapi.json\""), "{start}");
    assert!(start.contains("\"validatorUrl\": \"none\""), "{start}");
    server.end().await;
}
