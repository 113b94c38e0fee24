//! A chat-completions server on loopback that answers by a script.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::protocol::Protocol;
use crate::script::{Answer, ChatRequestView, End, Reply};

type Script = dyn Fn(&ChatRequestView) -> Reply + Send + Sync;
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How a [`FakeModel`] differs from the default.
#[derive(Debug, Clone, Default)]
pub struct FakeModelOptions {
    /// The key that requests must carry; `None` accepts any and none.
    pub api_key: Option<String>,
    /// Keep no requests, for tests with very many of them.
    pub forget_requests: bool,
}

/// The server. It runs on a thread of its own, so it works under a paused clock and beside blocking code,
/// and stops when dropped.
#[derive(Debug)]
pub struct FakeModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    script: Box<Script>,
    options: FakeModelOptions,
    requests: Mutex<Vec<Arc<ChatRequestView>>>,
    protocol: Mutex<Protocol>,
    arrived: watch::Sender<usize>,
    abandoned: watch::Sender<usize>,
    connections: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

impl FakeModel {
    /// Starts a server that asks `script` for every reply.
    ///
    /// # Panics
    /// Loopback has no free port.
    pub fn start(script: impl Fn(&ChatRequestView) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(FakeModelOptions::default(), script)
    }

    /// Like [`start`](Self::start), with options.
    ///
    /// # Panics
    /// Loopback has no free port.
    #[allow(clippy::expect_used, reason = "a test without its server has failed")]
    pub fn start_with(
        options: FakeModelOptions,
        script: impl Fn(&ChatRequestView) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let address = listener.local_addr().expect("the listener's address");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            options,
            requests: Mutex::default(),
            protocol: Mutex::default(),
            arrived: watch::Sender::new(0),
            abandoned: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime for the fake model");
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// The base URL without `/v1`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Arc<ChatRequestView>> {
        lock(&self.shared.requests).clone()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// What was wrong with the requests so far.
    pub fn violations(&self) -> Vec<String> {
        lock(&self.shared.protocol).violations().to_vec()
    }

    /// Asserts that every request kept the protocol.
    ///
    /// # Panics
    /// One did not; the message lists what was wrong.
    pub fn assert_clean(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "protocol violations:\n{}", violations.join("\n"));
    }

    /// Returns once `count` requests have arrived.
    pub async fn wait_for_requests(&self, count: usize) {
        // The sender lives as long as `self`, so this cannot end early.
        let _ = self.shared.arrived.subscribe().wait_for(|arrived| *arrived >= count).await;
    }

    /// Returns once `count` requests were abandoned by their clients before the answer was complete.
    pub async fn wait_for_disconnects(&self, count: usize) {
        let _ = self.shared.abandoned.subscribe().wait_for(|abandoned| *abandoned >= count).await;
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Locks, also after a panic in a test's script.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a request as abandoned when dropped before it was disarmed.
struct Watch {
    shared: Arc<Shared>,
    armed: bool,
}

impl Watch {
    fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), armed: true }
    }

    fn disarm(&mut self) {
        self.armed = false;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.armed {
            self.shared.abandoned.send_modify(|count| *count += 1);
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            // A connection that a client or a script breaks off is part of the test.
            let _ = connection.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let mut watch = Watch::new(&self);
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return plain(400, Vec::new(), "no body") };
        let raw = body.to_bytes();
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let view = Arc::new(ChatRequestView {
            number: *self.arrived.borrow(),
            path: parts.uri.path().to_owned(),
            headers: headers.collect(),
            body: serde_json::from_slice(&raw).unwrap_or_default(),
            raw,
        });
        let refusal = self.judge(&parts.method, &view);
        if !self.options.forget_requests {
            lock(&self.requests).push(Arc::clone(&view));
        }
        let reply = refusal.unwrap_or_else(|| (self.script)(&view));
        self.arrived.send_modify(|count| *count += 1);
        self.respond(reply, &view, &mut watch).await
    }

    /// Checks a request; one that no server would take is refused whatever the script says.
    fn judge(&self, method: &Method, view: &ChatRequestView) -> Option<Reply> {
        let mut protocol = lock(&self.protocol);
        if method != Method::POST || !view.path.ends_with("/v1/chat/completions") {
            protocol.report(view.number, format!("{method} {} does not exist", view.path));
            return Some(Reply::error(404, "not_found", "no such path"));
        }
        let expected = self.options.api_key.as_ref().map(|key| format!("Bearer {key}"));
        if expected.is_some() && view.headers.get("authorization") != expected.as_ref() {
            protocol.report(view.number, "authorization: missing or wrong");
            return Some(Reply::error(401, "invalid_api_key", "incorrect API key provided"));
        }
        if view.headers.get("content-type").is_none_or(|value| value != "application/json") {
            protocol.report(view.number, "content-type: not application/json");
        }
        protocol.check(view.number, &view.body, &view.raw);
        None
    }

    fn respond<'a>(
        self: &'a Arc<Self>,
        reply: Reply,
        view: &'a ChatRequestView,
        watch: &'a mut Watch,
    ) -> BoxFuture<'a, Response<Body>> {
        async move {
            match reply {
                Reply::After(gate, then) => {
                    gate.wait().await;
                    return self.respond(*then, view, watch).await;
                }
                Reply::Raw { content_type, pieces, end } => {
                    watch.disarm();
                    streamed(&content_type, pieces, end, Watch::new(self))
                }
                Reply::Status { status, headers, body } => {
                    watch.disarm();
                    plain(status, headers, &body)
                }
                Reply::Answer(answer) => {
                    watch.disarm();
                    let (content_type, body) = render(&answer, view);
                    plain(200, vec![("content-type".to_owned(), content_type.to_owned())], &body)
                }
            }
        }
        .boxed()
    }
}

fn plain(status: u16, headers: Vec<(String, String)>, body: &str) -> Response<Body> {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::try_from(name), http::HeaderValue::try_from(value))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn streamed(content_type: &str, pieces: Vec<Bytes>, end: End, mut watch: Watch) -> Response<Body> {
    let pieces = stream::iter(pieces).then(|piece| async {
        // The server writes out what it has whenever the body pauses.
        tokio::task::yield_now().await;
        Ok(Frame::data(piece))
    });
    let tail = stream::once(async move {
        tokio::task::yield_now().await;
        let result = match end {
            End::Close => Ok(Bytes::new()),
            End::Cut => Err(io::Error::other("cut by the script")),
            End::Hold(gate) => {
                gate.wait().await;
                Ok(Bytes::new())
            }
            End::Late(gate, bytes) => {
                gate.wait().await;
                Ok(bytes)
            }
        };
        watch.disarm();
        result.map(Frame::data)
    });
    let mut response = plain(200, vec![("content-type".to_owned(), content_type.to_owned())], "");
    *response.body_mut() = StreamBody::new(pieces.chain(tail)).boxed_unsync();
    response
}

/// The answer as content type and body, in the form that the request asks for.
fn render(answer: &Answer, view: &ChatRequestView) -> (&'static str, String) {
    let calls: Vec<Value> = answer
        .calls
        .iter()
        .enumerate()
        .map(|(place, (name, arguments))| {
            let id = format!("call_{}_{place}", view.number);
            json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
        })
        .collect();
    let by_default = if calls.is_empty() { "stop" } else { "tool_calls" };
    let finish = answer.finish.as_deref().unwrap_or(by_default);
    let (prompt, completion) = answer.usage.unwrap_or((100, 20));
    let usage = json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
    });
    let envelope = json!({
        "id": format!("chatcmpl-{}", view.number),
        "created": 1,
        "model": view.body["model"],
    });
    if view.body["stream"] == true {
        return (
            "text/event-stream",
            render_stream(answer, &calls, finish, &usage, &envelope, view),
        );
    }
    let mut body = envelope;
    let mut message = json!({ "role": "assistant", "content": answer.text });
    if !calls.is_empty() {
        message["tool_calls"] = Value::Array(calls);
    }
    body["object"] = json!("chat.completion");
    body["usage"] = usage;
    body["choices"] = json!([{ "index": 0, "message": message, "finish_reason": finish }]);
    ("application/json", body.to_string())
}

fn render_stream(
    answer: &Answer,
    calls: &[Value],
    finish: &str,
    usage: &Value,
    envelope: &Value,
    view: &ChatRequestView,
) -> String {
    let mut events = String::new();
    let mut event = |choices: Value, usage: Option<&Value>| {
        let mut chunk = envelope.clone();
        chunk["object"] = json!("chat.completion.chunk");
        chunk["choices"] = choices;
        if let Some(usage) = usage {
            chunk["usage"] = usage.clone();
        }
        events.push_str(&format!("data: {chunk}\n\n"));
    };
    let delta = |delta: Value| json!([{ "index": 0, "delta": delta, "finish_reason": null }]);
    event(delta(json!({ "role": "assistant", "content": "" })), None);
    for piece in halves(&answer.text) {
        event(delta(json!({ "content": piece })), None);
    }
    for (index, call) in calls.iter().enumerate() {
        let mut head = call.clone();
        head["index"] = json!(index);
        head["function"]["arguments"] = json!("");
        event(delta(json!({ "tool_calls": [head] })), None);
        for piece in halves(call["function"]["arguments"].as_str().unwrap_or("")) {
            let piece = json!({ "index": index, "function": { "arguments": piece } });
            event(delta(json!({ "tool_calls": [piece] })), None);
        }
    }
    event(json!([{ "index": 0, "delta": {}, "finish_reason": finish }]), None);
    if view.body["stream_options"]["include_usage"] == true {
        event(json!([]), Some(usage));
    }
    events.push_str("data: [DONE]\n\n");
    events
}

/// A text in two pieces, empty ones left out.
fn halves(text: &str) -> impl Iterator<Item = &str> {
    let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
    [first, second].into_iter().filter(|piece| !piece.is_empty())
}
