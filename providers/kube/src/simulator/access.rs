//! Access reviews: everything may be read, nothing may be changed.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use serde_json::{Value, json};

use super::BoxError;
use super::reply::{Reply, json_reply};
use super::routing::Route;
use super::status::ApiError;

/// Largest review in bytes; real ones have a few hundred.
const MAX_REVIEW: usize = 64 << 10;

/// Whether a POST to this path is a question and not a change.
pub(super) fn is_review(route: &Route) -> bool {
    matches!(route, Route::Resource(target)
        if target.group == "authorization.k8s.io"
            && target.version == "v1"
            && target.plural == "selfsubjectaccessreviews"
            && target.name.is_none())
}

/// Answers a SelfSubjectAccessReview.
pub(super) async fn review<B>(headers: &HeaderMap, body: B) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let is_json = headers
        .get(CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return Err(ApiError::unsupported_media_type());
    }
    let unreadable = || ApiError::bad_request("the body is not a SelfSubjectAccessReview in JSON");
    let body = Limited::new(body, MAX_REVIEW).collect().await.map_err(|_| unreadable())?;
    let mut review: Value = serde_json::from_slice(&body.to_bytes()).map_err(|_| unreadable())?;
    let verb = ["/spec/resourceAttributes/verb", "/spec/nonResourceAttributes/verb"]
        .iter()
        .find_map(|pointer| review.pointer(pointer)?.as_str())
        .ok_or_else(|| ApiError::bad_request("spec.resourceAttributes.verb is missing"))?;
    let allowed = matches!(verb, "get" | "list" | "watch");
    let mut status = json!({"allowed": allowed});
    if let (false, Some(status)) = (allowed, status.as_object_mut()) {
        status.insert("reason".to_owned(), "the snapshot is read-only".into());
    }
    if let Some(fields) = review.as_object_mut() {
        fields.insert("status".to_owned(), status);
    }
    Ok(json_reply(StatusCode::CREATED, &review))
}
