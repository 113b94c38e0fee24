//! Answers, and what the client's `Accept` header asks of them.

use std::convert::Infallible;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde::Serialize;

use super::status::ApiError;

/// The body of an answer: whole, or a stream of watch events.
pub type ReplyBody = UnsyncBoxBody<Bytes, Infallible>;

/// An answer of the simulated server.
pub type Reply = Response<ReplyBody>;

const JSON: &str = "application/json";

/// How objects are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// As they are.
    Object,
    /// As rows of a `Table`, as `kubectl get` wants them.
    Table,
    /// Only their metadata.
    Metadata,
    /// Aggregated discovery, in this version of `apidiscovery.k8s.io`.
    Discovery(&'static str),
}

/// The first media type of the header that is spoken here; `aggregates` says whether the path has aggregated discovery.
pub(super) fn negotiate(headers: &HeaderMap, aggregates: bool) -> Result<View, ApiError> {
    let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let Some(first) = accepts.next() else { return Ok(View::Object) };
    std::iter::once(first)
        .chain(accepts)
        .flat_map(|value| value.split(','))
        .find_map(|media_type| view(media_type, aggregates))
        .ok_or_else(|| ApiError::not_acceptable(JSON))
}

fn view(media_type: &str, aggregates: bool) -> Option<View> {
    let mut parts = media_type.split(';').map(str::trim);
    let name = parts.next()?;
    if !matches!(name, "" | "*/*" | "application/*" | JSON) {
        return None;
    }
    let (mut shape, mut version, mut group) = ("", "", "");
    for part in parts {
        match part.split_once('=') {
            Some(("as", value)) => shape = value,
            Some(("v", value)) => version = value,
            Some(("g", value)) => group = value,
            Some(_) | None => {}
        }
    }
    match (shape, group, version) {
        ("", _, _) => Some(View::Object),
        ("Table", "meta.k8s.io", "v1") if !aggregates => Some(View::Table),
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1")
            if !aggregates =>
        {
            Some(View::Metadata)
        }
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") if aggregates => {
            Some(View::Discovery("v2"))
        }
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") if aggregates => {
            Some(View::Discovery("v2beta1"))
        }
        _ => None,
    }
}

pub(super) fn json_reply(status: StatusCode, body: &impl Serialize) -> Reply {
    match serde_json::to_vec(body) {
        Ok(body) => whole(status, JSON, body),
        Err(error) => {
            whole(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string().into_bytes())
        }
    }
}

pub(super) fn ok_json(body: &impl Serialize) -> Reply {
    json_reply(StatusCode::OK, body)
}

/// Aggregated discovery says in its content type what it is; clients look there, not into the body.
pub(super) fn discovery_reply(version: &str, body: &impl Serialize) -> Reply {
    let mut reply = ok_json(body);
    let content_type = format!("{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    if let Ok(value) = HeaderValue::try_from(content_type) {
        reply.headers_mut().insert(CONTENT_TYPE, value);
    }
    reply
}

pub(super) fn text_reply(body: impl Into<Bytes>) -> Reply {
    whole(StatusCode::OK, "text/plain", body)
}

fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    respond_with(status, content_type, Full::new(body.into()).boxed_unsync())
}

/// A stream of JSON lines.
pub(super) fn stream_reply(lines: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
    let frames = lines.map(|line| Ok::<_, Infallible>(Frame::data(line)));
    respond_with(StatusCode::OK, JSON, StreamBody::new(frames).boxed_unsync())
}

fn respond_with(status: StatusCode, content_type: &'static str, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
