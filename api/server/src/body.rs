//! Reads a JSON request body within its bounds.

use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpMessage as _, HttpRequest};
use leadsman_contract::ProblemType;

use crate::problem::Problem;

/// How large a body may be and how long a client may take to send it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// Reads the whole body of a request that says it is JSON.
pub(crate) async fn read_json(
    request: &HttpRequest,
    payload: web::Payload,
    limits: BodyLimits,
) -> Result<Bytes, Problem> {
    require_json(request)?;
    require_plain(request)?;
    if announced_length(request).is_some_and(|length| length > limits.bytes as u64) {
        return Err(too_large(request, limits));
    }
    match tokio::time::timeout(limits.time, payload.to_bytes_limited(limits.bytes)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(error))) => {
            let detail = format!("body: it could not be read: {error}");
            Err(Problem::refused(ProblemType::ValidationError, detail, request))
        }
        Ok(Err(_)) => Err(too_large(request, limits)),
        Err(_) => {
            let detail = format!("body: it did not arrive within {:?}", limits.time);
            Err(Problem::refused(ProblemType::RequestTimeout, detail, request))
        }
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

fn too_large(request: &HttpRequest, limits: BodyLimits) -> Problem {
    let detail = format!("body: it is too large; expected at most {} bytes", limits.bytes);
    Problem::refused(ProblemType::PayloadTooLarge, detail, request)
}
