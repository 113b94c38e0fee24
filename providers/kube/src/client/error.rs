//! What kube-rs and the API server report, in the port's terms.

use kube::core::Status;
use leadsman_ports::cluster::ClusterError;

use crate::redaction::Redactor;

/// Longest message that is handed on, in bytes.
const MAX_MESSAGE: usize = 600;

/// Every failure of a call. Texts are redacted and cut; nothing of a response body but its message is kept.
pub(super) fn map(redactor: &Redactor, error: kube::Error) -> ClusterError {
    match error {
        kube::Error::Api(status) => map_status(redactor, &status),
        kube::Error::ReadEvents(error) => {
            unavailable(redactor, "reading the answer failed", &error)
        }
        kube::Error::SerdeError(error) => {
            unavailable(redactor, "the answer is not valid JSON", &error)
        }
        kube::Error::Service(error) => {
            unavailable(redactor, "the connection failed", error.as_ref())
        }
        kube::Error::BuildRequest(error) => {
            ClusterError::Invalid(message(redactor, &error.to_string()))
        }
        kube::Error::HttpError(error) => {
            ClusterError::Invalid(message(redactor, &error.to_string()))
        }
        other => unavailable(redactor, "the call failed", &other),
    }
}

/// A `Status` object, or what kube-rs made of an answer that holds none.
fn map_status(redactor: &Redactor, status: &Status) -> ClusterError {
    let text = message(redactor, &status.message);
    match status.code {
        401 => ClusterError::Unauthorized,
        403 => ClusterError::Forbidden(text),
        404 => ClusterError::NotFound(text),
        410 => ClusterError::Invalid(
            "the continue token has expired; list again from the start without it".to_owned(),
        ),
        408 | 504 => ClusterError::Timeout,
        // The kubelet reports a container without a predecessor as a bad request.
        400 if text.starts_with("previous terminated container") => ClusterError::NotFound(text),
        400..=428 | 430..=499 => ClusterError::Invalid(text),
        429 => ClusterError::Unavailable(format!("the API server is rate limiting: {text}")),
        code => ClusterError::Unavailable(format!("status {code}: {text}")),
    }
}

/// With the chain of causes: the outermost error alone often says no more than "service error".
fn unavailable(
    redactor: &Redactor,
    what: &str,
    error: &(dyn std::error::Error + 'static),
) -> ClusterError {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    ClusterError::Unavailable(message(redactor, &text))
}

fn message(redactor: &Redactor, text: &str) -> String {
    let mut text = redactor.redact_text(text.trim());
    if text.len() > MAX_MESSAGE {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE));
        text.push('…');
    }
    text
}
