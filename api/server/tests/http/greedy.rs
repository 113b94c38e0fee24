//! Clients that take connections, memory and places, and give nothing back.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use leadsman_contract::ProblemType;

use crate::support::{
    HANG, Running, SESSION, Script, blocking, connect, incident, one_answer, problem, raw,
    to_the_end,
};

const SUBMIT: &str =
    "POST /api/v1/incident/analyze HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_connection() {
    for path in ["/openapi.json", "/docs/swagger-ui-bundle.js"] {
        let server = Running::start_with(Script::default(), |config| {
            config.write_timeout = Duration::from_millis(200);
        });
        let addr = server.api_addr;
        let ended = blocking(move || {
            let mut stream = connect(addr);
            // Goes through as long as somebody reads.
            loop {
                let sent = write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
                if let Err(error) = sent {
                    return error.kind();
                }
            }
        })
        .await;
        let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(closed.contains(&ended), "{path}: {ended:?}");
        server.end().await;
    }
}

#[tokio::test]
async fn requests_that_are_sent_at_once_are_answered_one_by_one() {
    let server = Running::start(Script::default());
    let session = format!("GET /api/v1/incident/session/{SESSION} HTTP/1.1\r\nhost: x\r\n");
    let chunked = format!("{SUBMIT}transfer-encoding: chunked\r\n\r\n");
    let body = incident().to_string();
    let (one, two) = body.split_at(body.len() / 2);
    let mut all = format!("{session}\r\n").repeat(100);
    all += &format!("{chunked}{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", one.len(), two.len());
    all += &format!("{SUBMIT}content-length: {}\r\n\r\n{body}", body.len());
    all += &format!("{SUBMIT}expect: 100-continue\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    all += &"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
    all += &format!("{session}connection: close\r\n\r\n");
    let answers = raw(server.api_addr, all).await;
    for (status, count) in [("200 OK", 151), ("202 Accepted", 3), ("100 Continue", 1)] {
        assert_eq!(answers.matches(&format!("HTTP/1.1 {status}\r\n")).count(), count, "{status}");
    }
    assert_eq!(server.script.accepted.lock().unwrap().len(), 3);
    server.end().await;
}

/// How many requests the server says are at work.
async fn in_flight(server: &Running) -> usize {
    let page = server.metrics.get("/metrics").await.text();
    let line = page.lines().find_map(|line| line.strip_prefix("aiagent_http_requests_in_flight "));
    line.unwrap().parse().unwrap()
}

/// Waits until so many requests have come in.
async fn until_in_flight(server: &Running, count: usize) {
    let all = async { while in_flight(server).await < count {} };
    tokio::time::timeout(HANG, all).await.unwrap();
}

#[tokio::test]
async fn bodies_that_do_not_arrive_keep_nobody_from_work() {
    let server = Running::start_with(Script::default(), |config| config.max_in_flight = 2);
    let stalled: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = connect(server.api_addr);
            write!(stream, "{SUBMIT}content-length: 1000\r\n\r\n{{").unwrap();
            stream
        })
        .collect();
    until_in_flight(&server, stalled.len()).await;
    assert_eq!(server.api.session().await.status, 200);
    assert_eq!(server.api.analyze(incident().to_string()).await.status, 202);
    let cancel = format!("/api/v1/incident/session/{SESSION}/cancel");
    let cancelled = server.api.send(reqwest::Method::POST, &cancel, &[], Vec::new()).await;
    assert_eq!(cancelled.status, 200);
    drop(stalled);
    server.end().await;
}

#[tokio::test]
async fn large_bodies_share_a_bounded_memory_and_small_ones_need_none() {
    let server = Running::start_with(Script::default(), |config| config.body_memory = 100_000);
    let addr = server.api_addr;
    let padded = |size: usize| format!("{}{}", incident(), " ".repeat(size));
    // All but the end of a body that may have most of the memory.
    let stalled = padded(90_000);
    let (most, rest) = stalled.split_at(stalled.len() - 10);
    let mut first = connect(addr);
    let head = format!("{SUBMIT}content-length: {}\r\n\r\n", stalled.len());
    first.write_all(format!("{head}{most}").as_bytes()).unwrap();
    until_in_flight(&server, 1).await;
    assert_eq!(server.api.analyze(incident().to_string()).await.status, 202);
    first.write_all(rest.as_bytes()).unwrap();
    let answer = blocking(move || one_answer(&mut first)).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");

    let refused = server.api.analyze(padded(150_000)).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    let document = problem(&refused, "/api/v1/incident/analyze");
    assert_eq!(document["type"], ProblemType::TooManyRequests.uri());
    assert_eq!(document["detail"], "too many large bodies are arriving, retry later");
    // What a body had is given back, however it ended.
    for _ in 0..3 {
        assert_eq!(server.api.analyze(padded(90_000)).await.status, 202);
    }
    let page = server.metrics.get("/metrics").await.text();
    assert!(page.contains("aiagent_http_rate_limited_total 1"), "{page}");
    server.end().await;
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_not_awaited_for_ever() {
    let server = Running::start_with(Script::default(), |config| {
        config.body_timeout = Duration::from_millis(200);
    });
    let addr = server.api_addr;
    let head = "POST /nothing/here HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let rest = blocking(move || {
        let mut stream = connect(addr);
        stream.write_all(format!("{head}1\r\nx\r\n").as_bytes()).unwrap();
        let answer = one_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        to_the_end(&mut stream)
    })
    .await;
    assert_eq!(rest, "");
    server.end().await;
}

#[tokio::test]
async fn a_body_without_end_is_cut_off_also_when_it_never_pauses() {
    let server = Running::start_with(Script::default(), |config| {
        config.body_timeout = Duration::from_millis(200);
    });
    let addr = server.api_addr;
    let ended = blocking(move || {
        let mut stream = connect(addr);
        let head = "POST /nothing/here HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let chunks = "1\r\nx\r\n".repeat(1000);
        let started = Instant::now();
        while started.elapsed() < HANG {
            if stream.write_all(chunks.as_bytes()).is_err() {
                return true;
            }
        }
        false
    })
    .await;
    assert!(ended, "the server still takes it");
    server.end().await;
}

#[tokio::test]
async fn idle_connections_make_room_when_there_is_little() {
    let server = Running::start_with(Script::default(), |config| {
        config.max_connections = 8;
        config.crowded_keep_alive = Duration::from_millis(200);
    });
    let addr = server.api_addr;
    let request =
        format!("GET /api/v1/incident/session/{SESSION} HTTP/1.1\r\nhost: x\r\nfiller: x\r\n\r\n");
    let answer = blocking(move || {
        let ask = || {
            let mut stream = connect(addr);
            stream.write_all(request.as_bytes()).unwrap();
            let answer = one_answer(&mut stream);
            (stream, answer)
        };
        let idle: Vec<_> = (0..8).map(|_| ask()).collect();
        let (_, answer) = ask();
        drop(idle);
        answer
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.end().await;
}
