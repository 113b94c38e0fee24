//! Requests that are wrong in every way that HTTP allows.

use leadsman_contract::ProblemType;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Running, SESSION, Script, incident, problem, raw};

const ANALYZE: &str = "/api/v1/incident/analyze";
const JSON: &str = "application/json";

#[tokio::test]
async fn bad_bodies_are_refused_with_the_field_and_the_fix() {
    let server = Running::start(Script::default());
    let mut two_errors = incident();
    two_errors["severity"] = json!("medium");
    two_errors.as_object_mut().unwrap().remove("signal_name");
    let mut no_remediation = incident();
    no_remediation["remediation_id"] = json!("");
    let cases: [(String, &[&str]); 5] = [
        (String::new(), &["body"]),
        ("{\"incident_id\": ".to_owned(), &["body"]),
        (format!("{}!", incident()), &["body"]),
        (two_errors.to_string(), &["signal_name", "severity"]),
        (no_remediation.to_string(), &["remediation_id"]),
    ];
    for (body, fields) in cases {
        let reply = server.api.analyze(body).await;
        assert_eq!(reply.status, 400);
        let document = problem(&reply, ANALYZE);
        assert_eq!(document["type"], ProblemType::ValidationError.uri());
        let errors = document["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|e| e["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields);
        let message = document["error_message"].as_str().unwrap();
        assert!(message.starts_with(
            "operation IncidentAnalyzeEndpointAPIV1IncidentAnalyzePost: decode request: "
        ));
        for field in fields {
            assert!(
                message.contains(field) && document["detail"].as_str().unwrap().contains(field)
            );
        }
    }
    assert!(server.script.accepted.lock().unwrap().is_empty());
    server.end().await;
}

#[tokio::test]
async fn an_empty_incident_id_is_a_422() {
    let server = Running::start(Script::default());
    let mut body = incident();
    body["incident_id"] = json!("");
    let reply = server.api.analyze(body.to_string()).await;
    assert_eq!(reply.status, 422);
    let document = problem(&reply, ANALYZE);
    assert_eq!(document["type"], ProblemType::RuleViolation.uri());
    assert_eq!(document["detail"], "incident_id is required");
    server.end().await;
}

#[tokio::test]
async fn only_json_is_read() {
    let server = Running::start(Script::default());
    for accepted in [JSON, "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"] {
        let reply = server.api.analyze_as(accepted, incident().to_string()).await;
        assert_eq!(reply.status, 202, "{accepted}: {}", reply.text());
    }
    for refused in ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", ""] {
        let reply = server.api.analyze_as(refused, incident().to_string()).await;
        assert_eq!(reply.status, 415, "{refused}");
        let document = problem(&reply, ANALYZE);
        assert_eq!(document["type"], ProblemType::UnsupportedMediaType.uri());
        assert!(document["error_message"].is_string());
    }
    let body = incident().to_string().into_bytes();
    let reply = server.api.send(Method::POST, ANALYZE, &[], body).await;
    let document = problem(&reply, ANALYZE);
    assert_eq!(document["detail"], "Content-Type: it is missing; expected application/json");
    server.end().await;
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let server = Running::start(Script::default());
    let headers = [("content-type", JSON), ("content-encoding", "gzip")];
    let reply = server.api.send(Method::POST, ANALYZE, &headers, vec![0x1f, 0x8b]).await;
    assert_eq!(reply.status, 415);
    let document = problem(&reply, ANALYZE);
    assert_eq!(document["detail"], "Content-Encoding: it is \"gzip\"; expected none");
    server.end().await;
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_whether_announced_or_not() {
    let server = Running::start(Script::default());
    let big = vec![b' '; 1024 * 1024 + 1];
    let reply = server.api.analyze(big.clone()).await;
    assert_eq!(reply.status, 413);
    let document = problem(&reply, ANALYZE);
    assert_eq!(document["type"], ProblemType::PayloadTooLarge.uri());
    assert_eq!(document["detail"], "body: it is too large; expected at most 1048576 bytes");

    let chunked = format!(
        "POST {ANALYZE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {JSON}\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        big.len(),
        String::from_utf8(big).unwrap()
    );
    let answer = raw(server.api_addr, chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let mut largest = incident().to_string().into_bytes();
    largest.resize(1024 * 1024, b' ');
    assert_eq!(server.api.analyze(largest).await.status, 202);
    server.end().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_named() {
    let server = Running::start(Script::default());
    for path in [
        "/",
        "/api/v1/incident/analyze/",
        "/api/v1/incident/session/",
        "/%ff",
        "/a//b",
        "/docs/nope.js",
    ] {
        let reply = server.api.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(problem(&reply, path)["type"], ProblemType::RouteNotFound.uri());
    }
    let session = format!("/api/v1/incident/session/{SESSION}");
    let cancel = format!("{session}/cancel");
    for (method, path, allow) in [
        (Method::GET, ANALYZE, "POST, OPTIONS"),
        (Method::DELETE, &session, "GET, HEAD, OPTIONS"),
        (Method::GET, &cancel, "POST, OPTIONS"),
        (Method::POST, "/docs/", "GET, HEAD, OPTIONS"),
        (Method::PUT, "/openapi.json", "GET, HEAD, OPTIONS"),
    ] {
        let reply = server.api.send(method, path, &[], Vec::new()).await;
        assert_eq!(reply.status, 405, "{path}");
        assert_eq!(reply.header("allow"), Some(allow));
        assert_eq!(problem(&reply, path)["type"], ProblemType::MethodNotAllowed.uri());

        let reply = server.api.send(Method::OPTIONS, path, &[], Vec::new()).await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("allow"), Some(allow));
        assert_eq!(reply.header("access-control-allow-methods"), Some(allow));
    }
    let head = server.api.send(Method::HEAD, &session, &[], Vec::new()).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for client in [&server.health, &server.metrics] {
        let reply = client.get("/nope").await;
        assert_eq!(reply.status, 404);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
    server.end().await;
}

#[tokio::test]
async fn odd_session_ids_are_not_found_and_never_break_the_answer() {
    let server = Running::start(Script::default());
    for id in [
        "x",
        "%00",
        "%ff%fe",
        "%zz",
        "%",
        "..%2f..",
        "%3Cscript%3E",
        "a%20b",
        "%F0%9F%92%A9",
        "'\"|^`",
    ] {
        for path in [
            format!("/api/v1/incident/session/{id}"),
            format!("/api/v1/incident/session/{id}/result"),
        ] {
            let answer = raw(
                server.api_addr,
                format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            )
            .await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.to_lowercase().contains("application/problem+json"), "{path}: {head}");
            let document: Value = serde_json::from_str(body).unwrap();
            let kind = match document["status"].as_u64() {
                Some(404) => ProblemType::SessionNotFound,
                _ => ProblemType::MalformedRequest,
            };
            assert_eq!(document["type"], kind.uri(), "{path}");
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", kind.status())), "{path}: {head}");
        }
    }
    server.end().await;
}

#[tokio::test]
async fn any_bytes_get_a_problem_document_and_never_a_5xx() {
    let server = Running::start(Script::default());
    let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
    let valid = incident().to_string().into_bytes();
    let spoilt = (0..valid.len(), any::<u8>()).prop_map(move |(at, byte)| {
        let mut body = valid.clone();
        body[at] = byte;
        body
    });
    let bodies = prop_oneof![prop::collection::vec(any::<u8>(), 0..300), spoilt];
    for _ in 0..200 {
        let body = bodies.new_tree(&mut runner).unwrap().current();
        let reply = server.api.analyze(body.clone()).await;
        // One changed byte may leave a valid incident behind.
        if reply.status != 202 {
            assert!([400, 422].contains(&reply.status), "{body:?}: {}", reply.text());
            problem(&reply, ANALYZE);
        }
    }
    server.end().await;
}
