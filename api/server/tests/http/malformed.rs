//! Bytes that are no HTTP request, on all three listeners.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadsman_contract::ProblemType;
use serde_json::Value;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::{Running, SESSION, Script, blocking, connect, one_answer, raw, to_the_end};

/// Checks that the last thing on a connection is a whole problem document, and returns it.
fn refused(answer: &str, kind: ProblemType, instance: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let head = head.to_lowercase();
    let mut lines = head.lines();
    let status = format!("http/1.1 {} ", kind.status());
    assert!(lines.next().unwrap().starts_with(&status), "{head}");
    let header = |name: &str| {
        let mut values = head.lines().filter_map(|line| line.split_once(": "));
        values.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
    };
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"), "{head}");
    assert_eq!(header("content-length"), Some(body.len().to_string()), "{head}");
    assert_eq!(header("connection").as_deref(), Some("close"), "{head}");
    assert!(header("date").is_some(), "{head}");
    let document: Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["status"], kind.status());
    assert_eq!(document["type"], kind.uri());
    assert_eq!(document["title"], kind.title());
    assert_eq!(document["instance"], instance, "{document}");
    assert_eq!(document["request_id"].as_str(), header("x-request-id").as_deref());
    assert!(document["detail"].as_str().unwrap().starts_with("request head: "), "{document}");
    document
}

fn listeners(server: &Running) -> [SocketAddr; 3] {
    [server.api_addr, server.health_addr, server.metrics_addr]
}

#[tokio::test]
async fn what_is_no_request_gets_a_problem_document() {
    let server = Running::start(Script::default());
    let cases: [(&[u8], &str); 12] = [
        (b"GARBAGE\r\n\r\n", "/"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "/"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "/"),
        (b"GET /readyz HTTP/9.9\r\nhost: x\r\n\r\n", "/readyz"),
        (b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", "/a"),
        (b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n", "/"),
        (b"G@T /x?secret=1 HTTP/1.1\r\n\r\n", "/x"),
        (b"GET /x HTTP/1.1\r\n\r\n", "/x"),
        (b"GET /x?secret=1 HTTP/1.1\r\nno colon\r\n\r\n", "/x"),
        (b"GET /\"<x> HTTP/1.1\r\nna me: x\r\n\r\n", "/%22%3Cx%3E"),
        (b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n", "/x"),
        (b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "/x"),
    ];
    for addr in listeners(&server) {
        for (bytes, instance) in cases {
            let answer = raw(addr, bytes).await;
            let shown = String::from_utf8_lossy(bytes);
            assert!(answer.starts_with("HTTP/1.1 400 "), "{shown:?}: {answer:?}");
            refused(&answer, ProblemType::MalformedRequest, instance);
        }
    }
    server.end().await;
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_told_from_others() {
    let server = Running::start(Script::default());
    let head = format!("GET /x?{} HTTP/1.1\r\nhost: x\r\n", "q".repeat(40));
    let long = format!("{head}filler: {}\r\n\r\n", "x".repeat(40 * 1024));
    let endless = format!("{head}filler: {}", "x".repeat(2 * 1024 * 1024));
    let many = format!("{head}{}\r\n", "a: b\r\n".repeat(200));
    for addr in listeners(&server) {
        for request in [&long, &endless, &many] {
            let answer = raw(addr, request.clone()).await;
            let document = refused(&answer, ProblemType::HeadTooLarge, "/x");
            assert_eq!(
                document["detail"],
                "request head: it is too large; expected at most 32768 bytes and 96 headers"
            );
        }
    }
    let path = format!("/api/v1/incident/session/{SESSION}");
    let fits = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nfiller: {}\r\n\r\n",
        "x".repeat(31 * 1024)
    );
    let answer = raw(server.api_addr, fits).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_arrive_is_given_up_on_also_behind_a_whole_request() {
    let server = Running::start_with(Script::default(), |config| {
        config.header_timeout = Duration::from_millis(200);
    });
    let path = format!("/api/v1/incident/session/{SESSION}");
    let late = "request head: it did not arrive within 200ms";
    let addr = server.api_addr;
    for sent in ["", "GET /x HTTP/1.1\r\nhos"] {
        let answer = raw(addr, sent).await;
        let instance = if sent.is_empty() { "/" } else { "/x" };
        let document = refused(&answer, ProblemType::RequestTimeout, instance);
        assert_eq!(document["detail"], late);
    }
    let second = blocking(move || {
        let mut stream = connect(addr);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let first = one_answer(&mut stream);
        assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
        write!(stream, "GET /y HTTP/1.1\r\nhos").unwrap();
        to_the_end(&mut stream)
    })
    .await;
    refused(&second, ProblemType::RequestTimeout, "/y");
    server.end().await;
}

#[tokio::test]
async fn a_request_behind_which_is_none_is_answered_first() {
    let server = Running::start(Script::default());
    let both = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n";
    let answer = raw(server.api_addr, both).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let at = answer.find("HTTP/1.1 400 ").unwrap();
    assert!(answer[..at].ends_with("}\n"), "the first answer is whole");
    refused(&answer[at..], ProblemType::MalformedRequest, "/");
    server.end().await;
}

/// Errors that the HTTP library has logged in this process.
static LIBRARY_ERRORS: AtomicUsize = AtomicUsize::new(0);

/// Counts them.
struct Counting;

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR && metadata.target().starts_with("actix")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        LIBRARY_ERRORS.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn what_clients_do_wrong_is_no_error_of_the_service() {
    static START: Once = Once::new();
    START.call_once(|| tracing::subscriber::set_global_default(Counting).unwrap());
    let server = Running::start(Script::default());
    let analyze = "POST /api/v1/incident/analyze HTTP/1.1\r\nhost: x\r\n\
                   content-type: application/json\r\nconnection: close\r\n";
    let head_too_large = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(200 * 1024));
    let bad_chunk = format!("{analyze}transfer-encoding: chunked\r\n\r\nzz\r\n");
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
        (head_too_large, "431"),
        (bad_chunk, "400"),
    ] {
        let answer = raw(server.api_addr, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        // One answer, and it is a document.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.to_lowercase().contains("application/problem+json"), "{answer}");
    }
    server.end().await;
    assert_eq!(LIBRARY_ERRORS.load(Ordering::SeqCst), 0);
}
