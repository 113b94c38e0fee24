//! HTTP below a dialect: headers, size limits, and errors that keep their status.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::config::Config;
use async_openai::middleware::HttpRequestFactory;
use bytes::BytesMut;
use futures::StreamExt;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Body, Response};
use secrecy::SecretString;
use serde::de::IgnoredAny;

use crate::errors::{Failure, ServerError, causes};
use crate::lines::Lines;
use crate::retry::retry_after;

/// Largest request that is sent, in bytes.
const MAX_REQUEST: usize = 16 << 20;
/// Largest answer that is read, in bytes after decompression.
const MAX_RESPONSE: usize = 4 << 20;
/// How long a body may take to end after its last event.
const END_GRACE: Duration = Duration::from_millis(250);
/// How much of an error's body is read, in bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// Where requests go and with which headers; validated, so that nothing here can fail.
pub(crate) struct Endpoint {
    /// Base URL without a trailing slash.
    pub(crate) base: String,
    /// Sent with every request.
    pub(crate) headers: HeaderMap,
    /// The client library asks for a key; the real one is in `headers`.
    pub(crate) no_key: SecretString,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.no_key
    }
}

/// Where a body that breaks while it streams leaves its reason; the client library would only keep a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultSlot(Arc<Mutex<Option<Failure>>>);

impl FaultSlot {
    fn set(&self, failure: Failure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// Takes the reason out.
    pub(crate) fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The HTTP service of one attempt.
///
/// Whatever the server answers leaves as an event stream: an answer in one piece becomes a stream of one
/// event, so that the dialect has one way to read.
#[derive(Clone)]
pub(crate) struct Transport {
    /// Shared client.
    pub(crate) http: reqwest::Client,
    /// See [`FaultSlot`].
    pub(crate) fault: FaultSlot,
    /// The client's read timeout, for the error.
    pub(crate) read_timeout: Duration,
}

impl tower::Service<HttpRequestFactory> for Transport {
    type Response = Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move { transport.send(factory).await })
    }
}

impl Transport {
    async fn send(self, factory: HttpRequestFactory) -> Result<Response, Failure> {
        let request = factory.build().await.map_err(|error| Failure::Request(error.to_string()))?;
        let size = request.body().and_then(Body::as_bytes).map_or(0, <[u8]>::len);
        if size > MAX_REQUEST {
            return Err(Failure::RequestTooLarge);
        }
        let response =
            self.http.execute(request).await.map_err(|error| self.connection_failure(error))?;
        if !response.status().is_success() {
            return Err(self.status_failure(response).await);
        }
        match media_type(response.headers()).as_str() {
            "text/html" => Err(Failure::Protocol(
                "an HTML page instead of an answer; check the endpoint".to_owned(),
            )),
            "application/json" => self.single_event(response).await,
            _ => Ok(self.bounded_stream(response)),
        }
    }

    async fn status_failure(&self, response: Response) -> Failure {
        let status = response.status();
        let wait = retry_after(response.headers());
        if status.is_redirection() {
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let message = format!(
                "the endpoint redirects to {}; set that as the endpoint",
                target.unwrap_or("an unnamed place")
            );
            return Failure::Status(ServerError {
                status: status.as_u16(),
                message,
                ..ServerError::default()
            });
        }
        // The status is worth more than a body that breaks off.
        let body = read_up_to(response, MAX_ERROR_BODY).await.unwrap_or_else(|(body, _)| body);
        Failure::Status(ServerError::from_body(status.as_u16(), wait, &body))
    }

    async fn single_event(&self, response: Response) -> Result<Response, Failure> {
        let body = match read_up_to(response, MAX_RESPONSE + 1).await {
            Ok(body) => body,
            Err((_, error)) => return Err(self.connection_failure(error)),
        };
        if body.len() > MAX_RESPONSE {
            let text = format!("the answer is larger than {MAX_RESPONSE} bytes");
            return Err(Failure::Protocol(text));
        }
        if serde_json::from_slice::<IgnoredAny>(&body).is_err() {
            return Err(Failure::Protocol("the answer is not JSON".to_owned()));
        }
        let mut event = BytesMut::with_capacity(body.len() + 8);
        event.extend_from_slice(b"data: ");
        // Line breaks in valid JSON are white space between tokens, but would end the event's line.
        event.extend(
            body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }),
        );
        event.extend_from_slice(b"\n\n");
        Ok(http::Response::new(Body::from(event.freeze())).into())
    }

    /// The answer line by line, with a limit on its size and with its faults recorded.
    fn bounded_stream(self, response: Response) -> Response {
        let start = (Box::pin(response.bytes_stream()), Lines::new(MAX_RESPONSE), self);
        let lines = futures::stream::unfold(Some(start), async |state| {
            let (mut pieces, mut lines, transport) = state?;
            let cut = match pieces.next().await {
                Some(Ok(piece)) => lines.push(&piece),
                Some(Err(error)) => Err(transport.connection_failure(error)),
                None => return Some((Ok(lines.finish()), None)),
            };
            Some(match cut {
                Ok(cut) if Lines::are_last(&cut) => {
                    // Only a body that was read to its end leaves its connection for the next turn.
                    let rest = async { while let Some(Ok(_)) = pieces.next().await {} };
                    let _ = tokio::time::timeout(END_GRACE, rest).await;
                    (Ok(cut), None)
                }
                Ok(cut) => (Ok(cut), Some((pieces, lines, transport))),
                Err(failure) => (Err(transport.broken(failure)), None),
            })
        });
        http::Response::new(Body::wrap_stream(lines)).into()
    }

    fn broken(&self, failure: Failure) -> std::io::Error {
        self.fault.set(failure);
        std::io::Error::other("the answer broke off")
    }

    /// The failure behind an error of the HTTP client.
    pub(crate) fn connection_failure(&self, error: reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            Failure::Silence(self.read_timeout)
        } else if error.is_builder() {
            Failure::Request(causes(error))
        } else {
            Failure::Connection(causes(error))
        }
    }
}

/// The content type without its parameters, in lower case.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Reads a body until it ends or `limit` is reached; an error comes with what was read before it.
async fn read_up_to(
    mut response: Response,
    limit: usize,
) -> Result<BytesMut, (BytesMut, reqwest::Error)> {
    let mut body = BytesMut::new();
    while body.len() < limit {
        match response.chunk().await {
            Ok(Some(piece)) => {
                let room = limit - body.len();
                body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            }
            Ok(None) => break,
            Err(error) => return Err((body, error)),
        }
    }
    Ok(body)
}
