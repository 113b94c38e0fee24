//! What a client reads when its request has no head that can be read: a problem document, like any other error.

use std::fmt::Display;

use actix_http::error::ParseError;
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, Response, ServiceConfig};
use actix_web::ResponseError as _;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::web::{Bytes, BytesMut};
use leadsman_contract::ProblemType;
use tokio_util::codec::Encoder as _;

use super::guarded::MAX_HEAD;
use crate::observe::RequestId;
use crate::problem::Problem;

/// The longest path that is told back.
const MAX_INSTANCE: usize = 1024;

/// Why a request is refused before anybody has seen it.
#[derive(Debug)]
pub(super) struct Refusal {
    kind: ProblemType,
    detail: String,
}

impl Refusal {
    /// The head cannot be parsed.
    pub(super) fn unreadable(error: &ParseError) -> Self {
        if matches!(error, ParseError::TooLarge) {
            return Self::too_large();
        }
        let what: &dyn Display = match error {
            ParseError::Method => &"the method is not one",
            ParseError::Uri(error) => &format!("the target is not a URI ({error})"),
            ParseError::Version => &"the protocol version is not known",
            ParseError::Header => &"the request line or a header is malformed, or Host is missing",
            _ => &"it cannot be understood",
        };
        let detail = format!("request head: {what}; expected HTTP/1.1");
        Self { kind: ProblemType::MalformedRequest, detail }
    }

    /// The head is larger than the server reads.
    pub(super) fn too_large() -> Self {
        let detail = format!(
            "request head: it is too large; expected at most {MAX_HEAD} bytes and 96 headers"
        );
        Self { kind: ProblemType::HeadTooLarge, detail }
    }

    /// The head did not arrive.
    pub(super) fn late(time: std::time::Duration) -> Self {
        let detail = format!("request head: it did not arrive within {time:?}");
        Self { kind: ProblemType::RequestTimeout, detail }
    }

    /// The answer as it goes over the wire. `head` is what has arrived; its path is told back if there is one.
    pub(super) fn answer(self, head: &[u8], http: &ServiceConfig) -> Bytes {
        let id = RequestId::fresh();
        tracing::debug!(request_id = id.as_str(), detail = self.detail, "a request was refused");
        let problem = Problem::at(self.kind, self.detail, path(head), Some(id.as_str().to_owned()));
        let (response, body) = problem.error_response().into_parts();
        let mut response: Response<()> = response.into();
        let body = body.try_into_bytes().unwrap_or_default();
        response.head_mut().set_connection_type(ConnectionType::Close);
        let size = BodySize::Sized(body.len() as u64);
        let (mut codec, mut bytes) = (Codec::new(http.clone()), BytesMut::new());
        let written = codec
            .encode(Message::Item((response, size)), &mut bytes)
            .and_then(|()| codec.encode(Message::Chunk(Some(body)), &mut bytes));
        if let Err(error) = written {
            tracing::warn!(%error, "a refusal could not be written");
            bytes.clear();
        }
        bytes.freeze()
    }
}

/// The path in the request line, if one is there; else that of the whole server.
fn path(head: &[u8]) -> &str {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let usable = path.starts_with(b"/")
        && path.len() <= MAX_INSTANCE
        && path.iter().all(u8::is_ascii_graphic);
    str::from_utf8(path).ok().filter(|_| usable).unwrap_or("/")
}
