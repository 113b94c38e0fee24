//! Reads a JSON request body within its bounds.

use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{self, Bytes, BytesMut};
use actix_web::{HttpMessage as _, HttpRequest};
use futures::StreamExt as _;
use leadsman_contract::ProblemType;
use tokio::sync::Semaphore;

use crate::config::ServerConfig;
use crate::problem::Problem;

/// Bytes of each body that need no share of the common memory. Incidents are smaller, so large bodies that do not
/// come to an end cannot keep them out.
const FREE: usize = 16 * 1024;

/// How large a body may be, how long a client may take to send it, and what all of them may hold.
#[derive(Debug)]
pub(crate) struct BodyLimits {
    bytes: usize,
    time: Duration,
    memory: Semaphore,
}

impl BodyLimits {
    pub(crate) fn of(config: &ServerConfig) -> Self {
        let memory = Semaphore::new(config.body_memory.min(Semaphore::MAX_PERMITS));
        Self { bytes: config.body_limit, time: config.body_timeout, memory }
    }
}

/// Reads the whole body of a request that says it is JSON.
pub(crate) async fn read_json(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &BodyLimits,
) -> Result<Bytes, Problem> {
    require_json(request)?;
    require_plain(request)?;
    if announced_length(request).is_some_and(|length| length > limits.bytes as u64) {
        return Err(too_large(request, limits));
    }
    let late = |detail| Problem::refused(ProblemType::RequestTimeout, detail, request);
    tokio::time::timeout(limits.time, read(request, payload, limits))
        .await
        .unwrap_or_else(|_| Err(late(format!("body: it did not arrive within {:?}", limits.time))))
}

async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
    limits: &BodyLimits,
) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    let mut shares = Vec::new();
    let pause = limits.time / 2;
    loop {
        let chunk = match tokio::time::timeout(pause, payload.next()).await {
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(error))) => {
                let detail = format!("body: it could not be read: {error}");
                return Err(Problem::refused(ProblemType::ValidationError, detail, request));
            }
            Err(_) => {
                let detail = format!("body: nothing of it arrived for {pause:?}");
                return Err(Problem::refused(ProblemType::RequestTimeout, detail, request));
            }
        };
        if chunk.len() > limits.bytes - body.len() {
            return Err(too_large(request, limits));
        }
        let beyond = (body.len() + chunk.len()).saturating_sub(FREE.max(body.len()));
        if beyond > 0 {
            let share =
                u32::try_from(beyond).ok().and_then(|n| limits.memory.try_acquire_many(n).ok());
            let Some(share) = share else {
                let detail = "too many large bodies are arriving, retry later";
                return Err(Problem::refused(ProblemType::TooManyRequests, detail, request));
            };
            shares.push(share);
        }
        body.extend_from_slice(&chunk);
    }
}

fn require_json(request: &HttpRequest) -> Result<(), Problem> {
    let sent = request.content_type();
    if sent.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let found = match (sent, request.headers().contains_key(header::CONTENT_TYPE)) {
        ("", false) => "it is missing".to_owned(),
        _ => format!("it is {:?}", sent.chars().take(60).collect::<String>()),
    };
    let detail = format!("Content-Type: {found}; expected application/json");
    Err(Problem::refused(ProblemType::UnsupportedMediaType, detail, request))
}

/// A compressed body could unpack to any size, and no client of this contract sends one.
fn require_plain(request: &HttpRequest) -> Result<(), Problem> {
    match request.headers().get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            let detail = format!("Content-Encoding: it is {encoding:?}; expected none");
            Err(Problem::refused(ProblemType::UnsupportedMediaType, detail, request))
        }
        _ => Ok(()),
    }
}

fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(request: &HttpRequest, limits: &BodyLimits) -> Problem {
    let detail = format!("body: it is too large; expected at most {} bytes", limits.bytes);
    Problem::refused(ProblemType::PayloadTooLarge, detail, request)
}
