//! A server on free ports with a scripted service.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use leadsman_contract::{
    AnalyzeAccepted, CancelSessionResponse, IncidentRequest, IncidentResponse, SessionState,
    SessionStatus,
};
use leadsman_server::{
    InvestigationService, MetricsPort, Readiness, RunError, Server, ServerConfig, ServiceError,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The one session that the service knows.
pub(crate) const SESSION: Uuid = Uuid::from_u128(7);
/// What an error's cause must never be: visible to a client.
pub(crate) const SECRET: &str = "postgres://user:hunter2@db";

/// Answers as it is told to.
#[derive(Default)]
pub(crate) struct Script {
    /// What every call fails with.
    pub(crate) error: Mutex<Option<ServiceError>>,
    /// The result.
    pub(crate) result: Mutex<IncidentResponse>,
    /// Why it is not ready.
    pub(crate) not_ready: Mutex<Option<String>>,
    /// What `/config` shows.
    pub(crate) config: Option<Value>,
    /// Makes `submit` wait for `release` after it has told `entered`.
    pub(crate) hold: bool,
    pub(crate) entered: Notify,
    pub(crate) release: Notify,
    /// What was accepted, in order.
    pub(crate) accepted: Mutex<Vec<IncidentRequest>>,
}

impl Script {
    fn check(&self, session_id: &str) -> Result<(), ServiceError> {
        if let Some(error) = self.error.lock().unwrap().clone() {
            return Err(error);
        }
        assert_ne!(session_id, "panic", "the test asked for a panic");
        if session_id == SESSION.to_string() {
            return Ok(());
        }
        Err(ServiceError::NotFound { session_id: session_id.to_owned() })
    }
}

#[async_trait]
impl InvestigationService for Script {
    async fn submit(&self, incident: IncidentRequest) -> Result<AnalyzeAccepted, ServiceError> {
        self.check(&SESSION.to_string())?;
        if self.hold {
            self.entered.notify_one();
            self.release.notified().await;
        }
        self.accepted.lock().unwrap().push(incident);
        self.entered.notify_one();
        Ok(AnalyzeAccepted { session_id: SESSION })
    }

    async fn status(&self, session_id: &str) -> Result<SessionStatus, ServiceError> {
        self.check(session_id)?;
        Ok(SessionStatus::new(session_id, SessionState::Investigating))
    }

    async fn result(&self, session_id: &str) -> Result<IncidentResponse, ServiceError> {
        self.check(session_id)?;
        Ok(self.result.lock().unwrap().clone())
    }

    async fn cancel(&self, session_id: &str) -> Result<CancelSessionResponse, ServiceError> {
        self.check(session_id)?;
        let status = SessionState::Cancelled;
        Ok(CancelSessionResponse { session_id: session_id.to_owned(), status })
    }

    fn readiness(&self) -> Readiness {
        match self.not_ready.lock().unwrap().clone() {
            Some(reason) => Readiness::NotReady { reason },
            None => Readiness::Ready { details: Vec::new() },
        }
    }

    fn config_view(&self) -> Option<Value> {
        assert_ne!(self.config, Some(json!("panic")), "the test asked for a panic");
        self.config.clone()
    }
}

/// An answer as it came.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends requests to one listener.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    fn new(addr: SocketAddr) -> Self {
        let redirects = reqwest::redirect::Policy::none();
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(redirects);
        Self { http: builder.build().unwrap(), base: format!("http://{addr}") }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) async fn analyze_as(&self, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let headers = [("content-type", content_type)];
        self.send(Method::POST, "/api/v1/incident/analyze", &headers, body.into()).await
    }

    pub(crate) async fn analyze(&self, body: impl Into<Vec<u8>>) -> Reply {
        self.analyze_as("application/json", body).await
    }

    /// Where the one known session stands.
    pub(crate) async fn session(&self) -> Reply {
        self.get(&format!("/api/v1/incident/session/{SESSION}")).await
    }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) script: Arc<Script>,
    pub(crate) api: Client,
    pub(crate) health: Client,
    pub(crate) metrics: Client,
    pub(crate) api_addr: SocketAddr,
    pub(crate) health_addr: SocketAddr,
    pub(crate) metrics_addr: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<Result<(), RunError>>,
}

impl Running {
    pub(crate) fn start(script: Script) -> Self {
        Self::start_with(script, |_| {})
    }

    pub(crate) fn start_with(script: Script, adjust: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = local();
        adjust(&mut config);
        let script = Arc::new(script);
        let server = Server::bind(config, Arc::clone(&script) as _, metrics_port()).unwrap();
        let (api, health) = (Client::new(server.api_addr()), Client::new(server.health_addr()));
        let metrics = Client::new(server.metrics_addr());
        let (api_addr, stop) = (server.api_addr(), CancellationToken::new());
        let (health_addr, metrics_addr) = (server.health_addr(), server.metrics_addr());
        let ended = tokio::spawn(server.run(stop.clone()));
        Self { script, api, health, metrics, api_addr, health_addr, metrics_addr, stop, ended }
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn end(self) {
        drop((self.api, self.health, self.metrics));
        self.stop.cancel();
        self.ended.await.unwrap().unwrap();
    }
}

/// A connection that speaks bytes. What takes longer than this on it is a hang.
pub(crate) const HANG: Duration = Duration::from_secs(10);

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.set_write_timeout(Some(HANG)).unwrap();
    stream
}

/// Sends bytes as they are and reads to the end of the connection.
pub(crate) async fn raw(addr: SocketAddr, request: impl Into<Vec<u8>>) -> String {
    let request = request.into();
    blocking(move || {
        let mut stream = connect(addr);
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(&request);
        to_the_end(&mut stream)
    })
    .await
}

/// Everything that still comes.
pub(crate) fn to_the_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads one answer with a length and leaves the connection open.
pub(crate) fn one_answer(stream: &mut TcpStream) -> String {
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&answer).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap_or("0").parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    answer.extend_from_slice(&body);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Off the runtime's thread, which the server needs.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub(crate) fn local() -> ServerConfig {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    ServerConfig {
        api_addr: free,
        health_addr: free,
        metrics_addr: free,
        workers: 1,
        ..ServerConfig::default()
    }
}

pub(crate) fn metrics_port() -> MetricsPort {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&leadsman_server::metrics::HTTP_DURATION_BUCKETS)
        .unwrap()
        .build_recorder();
    let handle = recorder.handle();
    MetricsPort { recorder: Arc::new(recorder), render: Arc::new(move || handle.render()) }
}

pub(crate) fn incident() -> Value {
    json!({
        "incident_id": "web-1", "remediation_id": "rr-1", "signal_name": "OOMKilled",
        "severity": "critical", "signal_source": "kubernaut", "resource_namespace": "shop",
        "resource_kind": "Deployment", "resource_name": "web", "resource_api_version": "apps/v1",
        "error_message": "", "environment": "production", "priority": "P0",
        "risk_tolerance": "medium", "business_category": "standard", "cluster_name": "default"
    })
}

/// Checks everything that every problem document has in common, and returns it.
pub(crate) fn problem(reply: &Reply, path: &str) -> Value {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", reply.text());
    let document: Value = reply.json();
    assert_eq!(document["status"], reply.status);
    assert_eq!(document["instance"], path, "{document}");
    for member in ["type", "title", "detail"] {
        assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{document}");
    }
    assert_eq!(document["request_id"].as_str(), reply.header("x-request-id"));
    document
}
