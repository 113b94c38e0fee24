//! Readiness, limits under load, clients that go away, and the end.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadsman_contract::ProblemType;
use leadsman_server::Server;
use serde_json::{Value, json};

use crate::support::{
    Running, SESSION, Script, connect, incident, local, metrics_port, one_answer, problem,
};

#[tokio::test]
async fn health_is_always_and_readiness_sometimes() {
    let server = Running::start(Script::default());
    let health: Value = server.health.get("/healthz").await.json();
    assert_eq!(health["status"], "healthy");
    assert!(health["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let ready = server.health.get("/readyz").await;
    assert_eq!((ready.status, ready.json::<Value>()), (200, json!({"status": "ready"})));

    *server.script.not_ready.lock().unwrap() = Some("llm_client_not_configured".into());
    let not_ready = server.health.get("/readyz").await;
    assert_eq!(not_ready.status, 503);
    let body = json!({"status": "not_ready", "reason": "llm_client_not_configured"});
    assert_eq!(not_ready.json::<Value>(), body);
    // The listeners keep to their own routes.
    assert_eq!(server.api.get("/healthz").await.status, 404);
    assert_eq!(server.health.get("/metrics").await.status, 404);
    server.end().await;
}

#[tokio::test]
async fn more_requests_than_allowed_are_turned_away_and_counted() {
    let script = Script { hold: true, ..Script::default() };
    let server = Running::start_with(script, |config| config.max_in_flight = 1);
    let before = server.metrics.get("/metrics").await.text();
    assert!(before.contains("# HELP aiagent_http_rate_limited_total "), "{before}");
    assert!(before.contains("aiagent_http_rate_limited_total 0"), "{before}");

    let api = server.api.clone();
    let held = tokio::spawn(async move { api.analyze(incident().to_string()).await });
    server.script.entered.notified().await;
    let reply = server.api.analyze(incident().to_string()).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("1"));
    let document = problem(&reply, "/api/v1/incident/analyze");
    assert_eq!(document["type"], ProblemType::TooManyRequests.uri());
    // Questions have places of their own.
    assert_eq!(server.api.session().await.status, 200);
    let during = server.metrics.get("/metrics").await.text();
    assert!(during.contains("aiagent_http_requests_in_flight 1"), "{during}");

    server.script.release.notify_one();
    assert_eq!(held.await.unwrap().status, 202);
    let after = server.metrics.get("/metrics").await.text();
    assert!(after.contains("aiagent_http_rate_limited_total 1"), "{after}");
    assert!(after.contains("aiagent_http_requests_in_flight 0"), "{after}");
    let labels = "endpoint=\"/api/v1/incident/session/{id}\",method=\"GET\",status=\"200\"";
    assert!(
        after.contains(&format!("aiagent_http_request_duration_seconds_count{{{labels}}} 1")),
        "{after}"
    );
    assert!(!after.contains(&SESSION.to_string()));
    server.end().await;
}

#[tokio::test]
async fn an_incident_is_kept_when_its_client_goes_away() {
    let server = Running::start(Script { hold: true, ..Script::default() });
    let body = incident().to_string();
    let mut stream = TcpStream::connect(server.api_addr).unwrap();
    let head =
        "POST /api/v1/incident/analyze HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    server.script.entered.notified().await;
    drop(stream);
    // The next request proves that the worker has gone on since.
    server.api.session().await;
    server.script.release.notify_one();
    server.script.entered.notified().await;
    assert_eq!(server.script.accepted.lock().unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_on() {
    let script = Script { hold: true, ..Script::default() };
    let server = Running::start_with(script, |config| {
        config.service_timeout = Duration::from_millis(20);
    });
    let reply = server.api.analyze(incident().to_string()).await;
    assert_eq!(reply.status, 503);
    let document = problem(&reply, "/api/v1/incident/analyze");
    assert_eq!(document["detail"], "failed to start investigation, retry later");
    server.script.release.notify_one();
    server.end().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up_on() {
    let server = Running::start_with(Script::default(), |config| {
        config.body_timeout = Duration::from_millis(20);
    });
    let addr = server.api_addr;
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut stream = TcpStream::connect(addr).unwrap();
        let head = "POST /api/v1/incident/analyze HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}connection: close\r\ncontent-length: 10\r\n\r\n{{").unwrap();
        let mut answer = [0; 512];
        let read = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.to_lowercase().contains("application/problem+json"));
    server.end().await;
}

#[tokio::test]
async fn the_end_waits_for_open_calls_and_reports_not_ready() {
    let server = Running::start(Script { hold: true, ..Script::default() });
    let api = server.api.clone();
    let held = tokio::spawn(async move { api.analyze(incident().to_string()).await });
    server.script.entered.notified().await;
    server.stop.cancel();
    let reply = server.health.get("/readyz").await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json::<Value>()["reason"], "shutting_down");
    assert!(!server.ended.is_finished());
    server.script.release.notify_one();
    assert_eq!(held.await.unwrap().status, 202);
    server.end().await;
}

#[tokio::test]
async fn the_end_is_bounded() {
    let script = Script { hold: true, ..Script::default() };
    let server = Running::start_with(script, |config| {
        config.shutdown_timeout = Duration::from_secs(1);
    });
    let api = server.api.clone();
    let held = tokio::spawn(async move { api.analyze(incident().to_string()).await });
    server.script.entered.notified().await;
    let started = Instant::now();
    server.end().await;
    assert!(started.elapsed() < Duration::from_secs(10));
    held.abort();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let server = Running::start(Script::default());
    server.api.session().await;
    let idle = TcpStream::connect(server.api_addr).unwrap();
    let kept = server.api.clone();
    let started = Instant::now();
    server.end().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop((idle, kept));
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_setting() {
    let taken = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let mut config = local();
    config.health_addr = taken.local_addr().unwrap();
    let error = Server::bind(config, Arc::new(Script::default()), metrics_port()).unwrap_err();
    assert_eq!(error.setting, "health_addr");
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
}

#[tokio::test]
async fn probes_are_answered_from_the_moment_they_are_bound_whatever_else_is_busy() {
    let server = Server::bind(local(), Arc::new(Script::default()), metrics_port()).unwrap();
    // This thread is the whole runtime, and it waits here: nothing else of the process gets on.
    for (addr, path) in [
        (server.health_addr(), "/healthz"),
        (server.health_addr(), "/readyz"),
        (server.metrics_addr(), "/metrics"),
    ] {
        let mut stream = connect(addr);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let answer = one_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
}
