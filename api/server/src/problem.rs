//! Turns everything that can go wrong into one problem document.

use std::fmt;
use std::time::Duration;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use http::{StatusCode, Uri};
use leadsman_contract::{FieldError, InvalidIncident, ProblemType, Rejection};
use problem_details::ProblemDetails;
use serde::Serialize;

use crate::observe::{REQUEST_ID, RequestId};
use crate::service::ServiceError;

/// The operation name in the complaints that older clients look for.
const DECODE_PREFIX: &str =
    "operation IncidentAnalyzeEndpointAPIV1IncidentAnalyzePost: decode request: ";
/// Seconds after which it is worth trying again when nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A problem on its way to a client.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ProblemType,
    detail: String,
    instance: String,
    members: Members,
    retry_after: Option<Duration>,
    allow: Option<String>,
}

/// The members of the document beyond RFC 9457.
#[derive(Debug, Default, Serialize)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with the request at hand.
    pub(crate) fn new(kind: ProblemType, detail: impl Into<String>, request: &HttpRequest) -> Self {
        let id = request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned());
        Self::at(kind, detail, request.uri().path(), id)
    }

    /// A problem with a request that is out of reach.
    pub(crate) fn at(
        kind: ProblemType,
        detail: impl Into<String>,
        instance: &str,
        request_id: Option<String>,
    ) -> Self {
        let retry_after = match kind {
            ProblemType::TooManyRequests
            | ProblemType::CapacityExhausted
            | ProblemType::ServiceUnavailable
            | ProblemType::ShuttingDown => Some(RETRY_AFTER),
            _ => None,
        };
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            instance: instance.to_owned(),
            members: Members { request_id, ..Members::default() },
            retry_after,
            allow: None,
        }))
    }

    /// Names the methods that would have worked.
    pub(crate) fn allowing(mut self, methods: &str) -> Self {
        self.0.allow = Some(methods.to_owned());
        self
    }

    /// A refusal before the request was read, told under the old name too.
    pub(crate) fn refused(
        kind: ProblemType,
        detail: impl Into<String>,
        request: &HttpRequest,
    ) -> Self {
        let mut problem = Self::new(kind, detail, request);
        problem.0.members.error_message = Some(format!("{DECODE_PREFIX}{}", problem.0.detail));
        problem
    }

    /// An incident that cannot be accepted.
    pub(crate) fn invalid(invalid: InvalidIncident, request: &HttpRequest) -> Self {
        let mut problem = match invalid.rejection {
            Rejection::Schema => {
                let texts: Vec<_> = invalid.errors.iter().map(ToString::to_string).collect();
                Self::refused(ProblemType::ValidationError, texts.join("; "), request)
            }
            Rejection::Rule => {
                let names: Vec<_> = invalid.errors.iter().map(|e| e.field.as_str()).collect();
                let detail = format!("{} is required", names.join(", "));
                Self::new(ProblemType::RuleViolation, detail, request)
            }
        };
        problem.0.members.errors = invalid.errors;
        problem
    }

    /// What the service said, in words fit for a client; the cause goes to the log.
    pub(crate) fn from_service(
        error: &ServiceError,
        what_failed: &str,
        request: &HttpRequest,
    ) -> Self {
        let (kind, detail) = match error {
            ServiceError::EmptyField { .. } => (ProblemType::RuleViolation, error.to_string()),
            ServiceError::NotFound { .. } => (ProblemType::SessionNotFound, error.to_string()),
            ServiceError::NotCompleted { .. } => {
                (ProblemType::SessionNotCompleted, error.to_string())
            }
            ServiceError::AlreadyTerminal { .. } => {
                (ProblemType::SessionAlreadyTerminal, error.to_string())
            }
            ServiceError::AtCapacity { .. } => (ProblemType::CapacityExhausted, error.to_string()),
            ServiceError::ShuttingDown => (ProblemType::ShuttingDown, error.to_string()),
            ServiceError::Unavailable { .. } => {
                (ProblemType::ServiceUnavailable, format!("{what_failed}, retry later"))
            }
            ServiceError::Internal { .. } => (ProblemType::InternalError, what_failed.to_owned()),
        };
        let mut problem = Self::new(kind, detail, request);
        if let ServiceError::AtCapacity { retry_after } = error {
            problem.0.retry_after = Some(*retry_after);
        }
        if let ServiceError::Unavailable { cause } | ServiceError::Internal { cause } = error {
            let Inner { instance, members, .. } = &*problem.0;
            let request_id = members.request_id.as_deref().unwrap_or_default();
            tracing::error!(cause, instance, request_id, "{what_failed}");
        }
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.title(), self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> actix_web::http::StatusCode {
        actix_web::http::StatusCode::from_u16(self.0.kind.status())
            .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let inner = &*self.0;
        let status =
            StatusCode::from_u16(inner.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut document = ProblemDetails::from_status_code(status)
            .with_title(inner.kind.title())
            .with_detail(inner.detail.as_str())
            .with_instance(instance_uri(&inner.instance))
            .with_extensions(&inner.members);
        if let Ok(uri) = inner.kind.uri().parse::<Uri>() {
            document = document.with_type(uri);
        }
        let mut response = document.error_response();
        let headers = response.headers_mut();
        if let Some(wait) = inner.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(value) = inner.allow.as_deref().and_then(|m| HeaderValue::from_str(m).ok()) {
            headers.insert(header::ALLOW, value);
        }
        // Said here too, because a panic's answer leaves without passing the middleware again.
        let id = inner.members.request_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok());
        if let Some(id) = id {
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}

/// Rounds up to at least one second, because `Retry-After: 0` invites a busy loop.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

/// The path as a URI reference. Bytes that a URI may not hold are percent-encoded.
fn instance_uri(path: &str) -> Uri {
    let encoded = path.bytes().fold(String::with_capacity(path.len()), |mut out, byte| {
        use fmt::Write as _;
        if byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    });
    encoded.parse().unwrap_or_else(|_| Uri::from_static("/"))
}
