//! The API server's own error documents.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::reply::{Reply, json_reply};
use crate::snapshot::ResourceKind;

/// Why a request gets no answer; becomes a `Status` document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl ApiError {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    /// No object of that name.
    pub(super) fn not_found(kind: &ResourceKind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.qualified());
        let mut details = Map::new();
        details.insert("name".to_owned(), name.into());
        if !kind.group.is_empty() {
            details.insert("group".to_owned(), kind.group.clone().into());
        }
        details.insert("kind".to_owned(), kind.plural.clone().into());
        let error = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        Self { details: Some(Value::Object(details)), ..error }
    }

    /// A real server has it, this snapshot has not.
    pub(super) fn not_recorded(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// No such path, or no such kind.
    pub(super) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        let error = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        Self { details: Some(json!({})), ..error }
    }

    /// The request makes no sense.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// A parameter has an impossible value.
    pub(super) fn invalid(kind: &str, field: &str, problem: &str) -> Self {
        let message = format!("{kind} {:?} is invalid: {field}: {problem}", "");
        let causes = json!([{"reason": "FieldValueInvalid", "message": problem, "field": field}]);
        let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        Self { details: Some(json!({"kind": kind, "causes": causes})), ..error }
    }

    /// A continue token that does not belong to this snapshot.
    pub(super) fn expired_continue() -> Self {
        let message = "The provided continue parameter is not a token of this snapshot. \
                       You must start a new list without the continue parameter.";
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// The server of an aggregated API is down.
    pub(super) fn unavailable() -> Self {
        let message = "the server is currently unable to handle the request";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// Anything that would change the cluster.
    pub(super) fn read_only(what: &str) -> Self {
        let message = format!("the snapshot is read-only: {what} is not possible");
        let error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        Self { details: Some(json!({})), ..error }
    }

    /// The client accepts nothing that is spoken here.
    pub(super) fn not_acceptable(spoken: &str) -> Self {
        let message = format!("only the following media types are accepted: {spoken}");
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// The client sends what is not understood here.
    pub(super) fn unsupported_media_type() -> Self {
        let message = "the body of the request must be application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// The `Status` document.
    pub(super) fn document(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if let (Some(details), Some(fields)) = (&self.details, status.as_object_mut()) {
            fields.insert("details".to_owned(), details.clone());
        }
        status
    }

    pub(super) fn into_reply(self) -> Reply {
        json_reply(self.code, &self.document())
    }
}
