//! The problem catalogue: one entry for every way in which a request can go wrong, and the document
//! (RFC 9457) that tells the client.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::decode::FieldError;

/// The URI that every problem type of the catalogue starts with.
pub const TYPE_PREFIX: &str = "https://kubernaut.ai/problems/";
/// The type of a problem that its status and title describe fully.
pub const ABOUT_BLANK: &str = "about:blank";

/// Declares the catalogue, one row an entry: status, slug (none means `about:blank`), title.
macro_rules! catalogue {
    ($($(#[$meta:meta])* $variant:ident => $status:literal, $slug:expr, $title:literal;)+) => {
        /// Every way in which a request can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemType { $($(#[$meta])* $variant,)+ }

        impl ProblemType {
            /// The whole catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// The short human title.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            fn slug(self) -> Option<&'static str> {
                match self { $(Self::$variant => $slug,)+ }
            }
        }
    };
}

catalogue! {
    /// The request does not have the documented shape.
    ValidationError => 400, Some("validation-error"), "Validation Error";
    /// The shape is right, but a value that must say something does not.
    RuleViolation => 422, Some("validation-error"), "Validation Error";
    /// There is no HTTP request in what was sent.
    MalformedRequest => 400, Some("malformed-request"), "Malformed Request";
    /// No credentials, or none that hold.
    Unauthorized => 401, None, "Unauthorized";
    /// The credentials do not suffice.
    Forbidden => 403, None, "Forbidden";
    /// Credentials could not be checked.
    AuthUnavailable => 500, None, "Internal Server Error";
    /// No such path.
    RouteNotFound => 404, Some("route-not-found"), "Not Found";
    /// No such session, or not the caller's.
    SessionNotFound => 404, Some("not-found"), "Session Not Found";
    /// The path exists, but not with this method.
    MethodNotAllowed => 405, Some("method-not-allowed"), "Method Not Allowed";
    /// The head or the body of the request did not arrive in time.
    RequestTimeout => 408, Some("request-timeout"), "Request Timeout";
    /// The result is not there yet.
    SessionNotCompleted => 409, Some("session-not-completed"), "Session Not Completed";
    /// There is nothing left to cancel.
    SessionAlreadyTerminal => 409, Some("session-already-terminal"), "Session Already Terminal";
    /// The session has to end first.
    SessionInProgress => 409, Some("session-in-progress"), "Session In Progress";
    /// The body is larger than the server reads.
    PayloadTooLarge => 413, Some("payload-too-large"), "Payload Too Large";
    /// The body is not JSON, or does not say so.
    UnsupportedMediaType => 415, Some("unsupported-media-type"), "Unsupported Media Type";
    /// Too many requests at once, or in a short time.
    TooManyRequests => 429, Some("too-many-requests"), "Too Many Requests";
    /// The head of the request is larger than the server reads.
    HeadTooLarge => 431, Some("request-header-fields-too-large"), "Request Header Fields Too Large";
    /// The server is at fault.
    InternalError => 500, Some("internal-error"), "Internal Server Error";
    /// Too many live sessions; 500 because the clients of this contract expect that.
    CapacityExhausted => 500, Some("capacity-exhausted"), "Capacity Exhausted";
    /// Something that the server needs does not answer.
    ServiceUnavailable => 503, Some("service-unavailable"), "Service Unavailable";
    /// The server is about to end.
    ShuttingDown => 503, Some("shutting-down"), "Shutting Down";
}

impl ProblemType {
    /// The type URI.
    pub fn uri(self) -> String {
        match self.slug() {
            Some(slug) => format!("{TYPE_PREFIX}{slug}"),
            None => ABOUT_BLANK.to_owned(),
        }
    }

    /// The catalogue entry of a received document; `None` for a document of another catalogue.
    pub fn of(type_uri: &str, status: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|problem| problem.status() == status && problem.uri() == type_uri)
    }
}

/// A problem document as it stands on the wire, with media type `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = HTTPError)]
pub struct ProblemDocument {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and what would be right.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The request, for finding it in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The complaint again, under the name that older clients look for; only when a request was refused unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error_message: Option<String>,
    /// One entry for every bad field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl ProblemDocument {
    /// The catalogue entry; `None` for a document of another catalogue.
    pub fn kind(&self) -> Option<ProblemType> {
        ProblemType::of(&self.problem_type, self.status)
    }
}

impl std::fmt::Display for ProblemDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.title, self.status, self.detail)
    }
}
