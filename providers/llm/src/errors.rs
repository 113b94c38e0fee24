//! What can go wrong with one attempt, what helps, and how callers see it.

use std::time::Duration;

use leadsman_ports::chat::ModelError;
use serde_json::Value;

/// Longest text of a provider's error that is kept, in bytes.
const MAX_TEXT: usize = 600;

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Failure {
    /// The server answered with an error.
    #[error("status {}", .0.status)]
    Status(ServerError),
    /// No connection, or it broke.
    #[error("connection: {0}")]
    Connection(String),
    /// Silence for longer than the read timeout.
    #[error("no data for {0:?}")]
    Silence(Duration),
    /// The answer makes no sense.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The request exceeds the adapter's own ceiling.
    #[error("the request is too large")]
    RequestTooLarge,
    /// The request could not be built.
    #[error("request: {0}")]
    Request(String),
}

impl From<Failure> for async_openai::error::OpenAIError {
    fn from(failure: Failure) -> Self {
        Self::Boxed(Box::new(failure))
    }
}

/// An error as the server tells it, in the header of an answer or inside of a stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ServerError {
    /// HTTP status.
    pub(crate) status: u16,
    /// How long the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Machine codes: the error's `code` and `type`, in lower case.
    pub(crate) codes: String,
    /// The request field it complains about, if it says so.
    pub(crate) param: Option<String>,
    /// The human text, bounded.
    pub(crate) message: String,
}

/// What helps against a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Nothing.
    GiveUp,
    /// One more try.
    Once,
    /// The same again after a while; the duration is what the server asked for.
    Wait(Option<Duration>),
}

/// An optional request field that some servers refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// `stream_options`
    StreamOptions,
    /// `max_tokens`
    MaxTokens,
    /// `tool_choice`
    ToolChoice,
}

impl Field {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::StreamOptions, Self::MaxTokens, Self::ToolChoice];

    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::StreamOptions => "stream_options",
            Self::MaxTokens => "max_tokens",
            Self::ToolChoice => "tool_choice",
        }
    }
}

impl Failure {
    /// What helps.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Status(error) => error.remedy(),
            Self::Connection(_) | Self::Silence(_) => Remedy::Wait(None),
            Self::Protocol(_) => Remedy::Once,
            Self::RequestTooLarge | Self::Request(_) => Remedy::GiveUp,
        }
    }

    /// The optional field that the server refuses, if that is what it says.
    pub(crate) fn refused_field(&self) -> Option<Field> {
        match self {
            Self::Status(error) if matches!(error.status, 400 | 422) && !error.is_context() => {
                Field::ALL.into_iter().find(|field| error.names(field.name()))
            }
            _ => None,
        }
    }

    /// The port's view.
    pub(crate) fn into_model_error(self) -> ModelError {
        match self {
            Self::Status(error) => error.into_model_error(),
            Self::Connection(text) => ModelError::Unavailable(text),
            Self::Silence(limit) => ModelError::Timeout(limit),
            Self::Protocol(text) => ModelError::Protocol(text),
            Self::RequestTooLarge => ModelError::ContextTooLong,
            Self::Request(text) => ModelError::Rejected(text),
        }
    }
}

impl ServerError {
    /// Reads the error out of a body, whatever its shape.
    pub(crate) fn from_body(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let error = match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(status, &value),
            Err(_) => Self {
                status,
                message: String::from_utf8_lossy(body).into_owned(),
                ..Self::default()
            },
        };
        Self { retry_after, message: bounded(&error.message), ..error }
    }

    /// Reads an error that arrives inside of an answer whose status was fine.
    ///
    /// The status is the error's numeric `code` where it has one, or else 500.
    pub(crate) fn from_stream(value: &Value) -> Self {
        let code = value.get("error").unwrap_or(value).get("code");
        let number = code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
        let status = number.and_then(|code| u16::try_from(code).ok());
        let status = status.filter(|code| (400..600).contains(code)).unwrap_or(500);
        let error = Self::from_value(status, value);
        Self { message: bounded(&error.message), ..error }
    }

    fn from_value(status: u16, value: &Value) -> Self {
        let error = value.get("error").or_else(|| value.get("detail")).unwrap_or(value);
        let text = |key| match error.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = match error {
            Value::String(text) => text.clone(),
            _ if error.get("message").is_some_and(Value::is_string) => text("message"),
            other => other.to_string(),
        };
        Self {
            status,
            retry_after: None,
            codes: format!("{} {}", text("code"), text("type")).to_lowercase(),
            param: error.get("param").and_then(Value::as_str).map(str::to_owned),
            message,
        }
    }

    fn names(&self, field: &str) -> bool {
        self.param.as_deref().map_or_else(
            || self.message.contains(field),
            |param| param == field || param.starts_with(&format!("{field}.")),
        )
    }

    /// Whether the server says that the prompt is too long for the model. There is no standard for it:
    /// OpenAI has a code, llama.cpp a type, the others only a text.
    fn is_context(&self) -> bool {
        const CODES: [&str; 2] = ["context_length_exceeded", "exceed_context_size"];
        const TEXTS: [&str; 9] = [
            "maximum context length",
            "context_length_exceeded",
            "available context size",
            "context window",
            "exceeds the context",
            "context length exceeded",
            "prompt is too long",
            "input token count",
            "reduce the length of the messages",
        ];
        let message = self.message.to_lowercase();
        match self.status {
            413 => true,
            400 | 422 | 500 => {
                CODES.iter().any(|code| self.codes.contains(code))
                    || TEXTS.iter().any(|text| message.contains(text))
            }
            _ => false,
        }
    }

    /// A spent quota looks like a rate limit, but waiting does not refill it.
    fn is_quota(&self) -> bool {
        self.codes.contains("insufficient_quota")
    }

    fn remedy(&self) -> Remedy {
        match self.status {
            _ if self.is_context() || self.is_quota() => Remedy::GiveUp,
            501 => Remedy::GiveUp,
            408 | 409 | 429 | 500..=599 => Remedy::Wait(self.retry_after),
            _ => Remedy::GiveUp,
        }
    }

    fn into_model_error(self) -> ModelError {
        let text = format!("{}: {}", self.status, self.message);
        match self.status {
            _ if self.is_context() => ModelError::ContextTooLong,
            _ if self.is_quota() => ModelError::Rejected(text),
            401 | 403 => ModelError::Unauthorized,
            404 => ModelError::NotFound(self.message),
            429 => ModelError::RateLimited { retry_after: self.retry_after },
            500..=599 => ModelError::Unavailable(text),
            _ => ModelError::Rejected(text),
        }
    }
}

/// A provider's text on one line, cut to a bound.
fn bounded(text: &str) -> String {
    let clean = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut clean: String = clean.chars().filter(|character| !character.is_control()).collect();
    if clean.len() > MAX_TEXT {
        clean.truncate(clean.floor_char_boundary(MAX_TEXT));
        clean.push('…');
    }
    clean
}

/// An error with its causes but without its URL, which may be internal.
pub(crate) fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    bounded(&text)
}
