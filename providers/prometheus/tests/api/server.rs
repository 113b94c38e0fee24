//! A server that answers every request with the same status and body and keeps what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use leadsman_ports::tool::{Tool, ToolError};
use leadsman_prometheus::{PrometheusOptions, prometheus_tools};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// Path and query of a request, and its authorization.
type Seen = (String, Option<String>);

pub(crate) struct FakePrometheus {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: AbortHandle,
}

impl Drop for FakePrometheus {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakePrometheus {
    pub(crate) async fn answering(status: u16, body: impl Into<Bytes>) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let body: Bytes = body.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, body) = (Arc::clone(&log), body.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let token = request.headers().get("authorization");
                        let token = token.map(|value| value.to_str().unwrap().to_owned());
                        log.lock().unwrap().push((request.uri().to_string(), token));
                        let response = Response::builder()
                            .status(status)
                            .header("location", "http://127.0.0.1:1/elsewhere")
                            .body(Full::new(body.clone()))
                            .unwrap();
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, seen, server: server.abort_handle() }
    }

    pub(crate) async fn succeeding(data: Value) -> Self {
        Self::answering(200, json!({"status": "success", "data": data}).to_string()).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Path and query of the last request.
    pub(crate) fn last(&self) -> String {
        self.seen().last().unwrap().0.clone()
    }

    pub(crate) fn options(&self) -> PrometheusOptions {
        PrometheusOptions::new(&self.url)
    }

    pub(crate) async fn call(&self, name: &str, arguments: Value) -> Result<String, ToolError> {
        call(self.options(), name, arguments).await
    }
}

pub(crate) async fn call(
    options: PrometheusOptions,
    name: &str,
    arguments: Value,
) -> Result<String, ToolError> {
    let tools = prometheus_tools(options).unwrap();
    let tool: &Arc<dyn Tool> = tools.iter().find(|tool| tool.spec().name == name).expect(name);
    tool.call(arguments).await
}
