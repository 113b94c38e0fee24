//! The client against a server that says exactly what each case needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use leadsman_client::{Client, ClientError};
use leadsman_contract::{IncidentRequest, ProblemType, SessionState};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Answers one request with a status and a body; gives back what was asked.
async fn server(status: &str, body: &str) -> (Client, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nx-kind: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !complete(&bytes) {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(bytes).unwrap()
    });
    (client, asked)
}

fn complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn incident() -> IncidentRequest {
    let body = json!({
        "incident_id": "web-1", "remediation_id": "rr-1", "signal_name": "OOMKilled",
        "severity": "critical", "signal_source": "kubernaut", "resource_namespace": "shop",
        "resource_kind": "Deployment", "resource_name": "web", "resource_api_version": "apps/v1",
        "error_message": "", "environment": "production", "priority": "P0",
        "risk_tolerance": "medium", "business_category": "standard", "cluster_name": "default"
    });
    IncidentRequest::decode(body.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn an_incident_is_sent_as_the_contract_says() {
    let id = "00000000-0000-0000-0000-000000000007";
    let (client, asked) = server("202 Accepted", &json!({"session_id": id}).to_string()).await;
    assert_eq!(client.analyze(&incident()).await.unwrap().session_id.to_string(), id);
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("POST /api/v1/incident/analyze HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("content-type: application/json\r\n"), "{asked}");
    let (_, body) = asked.split_once("\r\n\r\n").unwrap();
    assert_eq!(IncidentRequest::decode(body.as_bytes()).unwrap(), incident());
}

#[tokio::test]
async fn session_ids_are_encoded_into_the_path() {
    let body = json!({"session_id": "a/b", "status": "cancelled"}).to_string();
    let (client, asked) = server("200 OK", &body).await;
    let answer = client.cancel("a/b ?").await.unwrap();
    assert_eq!(answer.status, SessionState::Cancelled);
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("POST /api/v1/incident/session/a%2Fb%20%3F/cancel "), "{asked}");
}

#[tokio::test]
async fn a_problem_document_is_read() {
    let body = json!({
        "type": ProblemType::SessionNotFound.uri(), "title": "Session Not Found", "status": 404,
        "detail": "session s not found", "instance": "/api/v1/incident/session/s"
    });
    let (client, asked) = server("404 Not Found", &body.to_string()).await;
    let error = client.session("s").await.unwrap_err();
    let kind = error.problem().and_then(|document| document.kind());
    assert_eq!(kind, Some(ProblemType::SessionNotFound));
    assert_eq!(error.to_string(), "Session Not Found (404): session s not found");
    asked.await.unwrap();
}

#[tokio::test]
async fn foreign_answers_keep_their_status() {
    let (client, asked) = server("502 Bad Gateway", "<html>no</html>").await;
    let error = client.result("s").await.unwrap_err();
    assert_eq!(error.to_string(), "unexpected answer 502: \"<html>no</html>\"");
    asked.await.unwrap();
    let (client, asked) = server("200 OK", "{}").await;
    let error = client.session("s").await.unwrap_err();
    assert!(matches!(error, ClientError::Decode { status: 200, .. }), "{error}");
    asked.await.unwrap();
}

#[tokio::test]
async fn plain_requests_give_everything_back() {
    let (client, asked) = server("418 I'm a teapot", "short").await;
    let reply = client.post("/kettle", "text/plain", "water").await.unwrap();
    assert_eq!((reply.status, reply.header("x-kind")), (418, Some("test")));
    assert_eq!(reply.text(), "short");
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("POST /kettle ") && asked.ends_with("\r\n\r\nwater"), "{asked}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::new(&format!("http://{addr}")).unwrap();
    let error = client.get("/healthz").await.unwrap_err().to_string();
    assert!(error.starts_with("no answer: ") && error.contains("refused"), "{error}");
}

#[test]
fn unusable_urls_are_named() {
    for url in ["", "127.0.0.1:8443", "localhost:8443", "ftp://h/", "http://"] {
        let error = Client::new(url).unwrap_err();
        assert!(matches!(error, ClientError::BaseUrl { .. }), "{url}: {error}");
        assert!(error.to_string().contains("http://127.0.0.1:8443"), "{error}");
    }
}
