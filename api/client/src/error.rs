//! Why a call to the server did not give what was asked for.

use leadsman_contract::ProblemDocument;

use crate::Reply;

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be used.
    #[error("{url:?} is not a usable URL: {problem}; expected one such as http://127.0.0.1:8443")]
    BaseUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {}", chain(source))]
    Setup {
        /// The library's reason.
        source: reqwest::Error,
    },
    /// There was no answer, or it broke off.
    #[error("no answer: {}", chain(source))]
    Transport {
        /// The library's reason.
        source: reqwest::Error,
    },
    /// The server said why not.
    #[error("{0}")]
    Problem(Box<ProblemDocument>),
    /// The server said no without a problem document.
    #[error("unexpected answer {status}: {excerpt:?}")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// The beginning of the body.
        excerpt: String,
    },
    /// The server said yes in an unknown shape.
    #[error("the answer {status} does not have the documented shape: {source}")]
    Decode {
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl ClientError {
    /// The problem document, when the server sent one.
    pub fn problem(&self) -> Option<&ProblemDocument> {
        match self {
            Self::Problem(document) => Some(document),
            _ => None,
        }
    }

    pub(crate) fn unexpected(reply: &Reply) -> Self {
        let excerpt = reply.text().chars().take(200).collect();
        Self::Unexpected { status: reply.status, excerpt }
    }
}

/// reqwest's own text leaves the reason to its sources.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
