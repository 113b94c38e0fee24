//! A Kubernetes API server, one of whose aggregated APIs is out of order: a proxy on loopback before a sound one.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::oneshot;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// The API group and version that is out of order: the one that is in most clusters.
const GROUP: &str = "metrics.k8s.io";
const VERSION: &str = "v1beta1";

/// How an aggregated API behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The cluster has none of it, or a sound one.
    None,
    /// The API server answers 503 for it at once.
    Dead,
    /// It never answers.
    Hung,
    /// It answers after so long.
    Slow(Duration),
}

/// What a [`FaultyApi`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultyApiOptions {
    /// How `metrics.k8s.io/v1beta1` behaves.
    pub fault: Fault,
    /// Whether the API server speaks aggregated discovery (Kubernetes 1.26 and newer). Servers that are dead or
    /// hung are marked stale there, a slow one is not.
    pub aggregated: bool,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// Without the query.
    pub path: String,
    /// `User-Agent`, empty where there is none.
    pub user_agent: String,
}

/// The server. It runs on a thread of its own and stops when dropped.
#[derive(Debug)]
pub struct FaultyApi {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<ApiRequest>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Proxy {
    upstream: SocketAddr,
    options: FaultyApiOptions,
    seen: Arc<Mutex<Vec<ApiRequest>>>,
}

impl FaultyApi {
    /// Starts a server that passes on to `upstream` what is not out of order.
    ///
    /// # Panics
    /// Loopback has no free port.
    #[allow(clippy::expect_used, reason = "a test without its server has failed")]
    pub fn start(upstream: SocketAddr, options: FaultyApiOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let address = listener.local_addr().expect("the listener's address");
        let seen = Arc::new(Mutex::default());
        let proxy = Arc::new(Proxy { upstream, options, seen: Arc::clone(&seen) });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime for the API server");
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, proxy) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<ApiRequest> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a kubeconfig for this server into `directory`.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn kubeconfig(&self, directory: &Path) -> io::Result<PathBuf> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.address)}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "users": [{"name": "test", "user": {}}],
        });
        let path = directory.join(format!("kubeconfig-{}", self.address.port()));
        std::fs::write(&path, config.to_string())?;
        Ok(path)
    }
}

/// Stops the server and waits for its thread.
impl Drop for FaultyApi {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, proxy: Arc<Proxy>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let proxy = Arc::clone(&proxy);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let proxy = Arc::clone(&proxy);
                async move { Ok::<_, Infallible>(proxy.answer(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

impl Proxy {
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let header = |name| {
            let value: Option<&HeaderValue> = request.headers().get(name);
            value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let seen = ApiRequest { path: path.clone(), user_agent: header(USER_AGENT) };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        if path.strip_prefix("/apis/").is_some_and(|rest| rest.starts_with(GROUP)) {
            match self.options.fault {
                Fault::None => {}
                // As the aggregation layer says it.
                Fault::Dead => {
                    return plain(StatusCode::SERVICE_UNAVAILABLE, "service unavailable\n");
                }
                Fault::Hung => return std::future::pending().await,
                Fault::Slow(delay) => tokio::time::sleep(delay).await,
            }
        }
        let discovers = matches!(path.as_str(), "/api" | "/apis");
        if discovers && !self.options.aggregated {
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        match self.pass_on(request).await {
            Ok(answer) if path == "/apis" => self.with_group(answer).await,
            Ok(answer) => answer.map(BodyExt::boxed_unsync),
            Err(error) => plain(StatusCode::BAD_GATEWAY, &error.to_string()),
        }
    }

    async fn pass_on(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
        let socket = tokio::net::TcpStream::connect(self.upstream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        let host = HeaderValue::from_str(&self.upstream.to_string())?;
        request.headers_mut().insert(HOST, host);
        Ok(sender.send_request(request).await?)
    }

    /// The list of groups, with the broken one as the API server tells of it.
    async fn with_group(&self, answer: Response<Incoming>) -> Response<Body> {
        let (mut parts, body) = answer.into_parts();
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes);
        let mut list: Value =
            bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let (field, is_it): (_, fn(&Value) -> bool) = if list["kind"] == "APIGroupDiscoveryList" {
            ("items", |item| item["metadata"]["name"] == GROUP)
        } else {
            ("groups", |group| group["name"] == GROUP)
        };
        let known = list[field].as_array().into_iter().flatten().any(is_it);
        let (sound, stale) = match self.options.fault {
            Fault::None => (true, false),
            Fault::Dead | Fault::Hung => (false, true),
            Fault::Slow(_) => (false, false),
        };
        if let Some(groups) = list[field].as_array_mut().filter(|_| !sound) {
            if field == "items" && (stale || !known) {
                groups.retain(|group| !is_it(group));
                let freshness = if stale { "Stale" } else { "Current" };
                groups.push(json!({"metadata": {"name": GROUP},
                    "versions": [{"version": VERSION, "resources": [], "freshness": freshness}]}));
            } else if !known {
                let version =
                    json!({"groupVersion": format!("{GROUP}/{VERSION}"), "version": VERSION});
                groups.push(
                    json!({"name": GROUP, "versions": [version], "preferredVersion": version}),
                );
            }
        }
        remove_length(&mut parts.headers);
        Response::from_parts(parts, whole(list.to_string()))
    }
}

fn remove_length(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(whole(text.to_owned()));
    *response.status_mut() = status;
    response
}

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}
