//! The chat-completions dialect that OpenAI defined and most servers speak.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_trait::async_trait;
use futures::StreamExt;
use leadsman_ports::chat::{ChatModel, ChatRequest, ChatResponse, DeltaSink, Message, ModelError};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::assemble::Answer;
use crate::errors::{Failure, Field};
use crate::options::{OpenAiOptions, OptionsError};
use crate::retry::Retries;
use crate::transport::{Endpoint, FaultSlot, Transport};
use crate::wire::{Body, Chunk, Settings};

/// How long a finished answer may keep its stream open to tell its usage. Some servers count only when they have
/// cleaned up, and what is not counted is not kept within the budget.
const USAGE_GRACE: Duration = Duration::from_secs(10);
/// How long a finished answer whose usage is known may keep its stream open, so that the connection can be used again.
const END_GRACE: Duration = Duration::from_secs(1);

/// A chat model behind any server that speaks chat completions: OpenAI, Azure, vLLM, llama.cpp, Ollama and
/// the gateways in front of them.
///
/// Three optional fields are left out from then on if the server refuses them and takes the request without:
/// `stream_options`, `max_tokens` (`max_completion_tokens` takes its place) and `tool_choice`. Without
/// `stream_options` a stream tells no usage, so the answer is asked for in one piece, unless somebody listens. What
/// else servers are known to do differently is read as it comes.
pub struct OpenAiCompatible {
    client: Client<Arc<dyn Config>>,
    http: reqwest::Client,
    options: OpenAiOptions,
    secrets: Vec<SecretString>,
    refused: Refused,
}

/// The optional fields that the server has refused so far.
#[derive(Debug, Default)]
struct Refused {
    stream_options: AtomicBool,
    max_tokens: AtomicBool,
    tool_choice: AtomicBool,
}

impl Refused {
    fn now(&self) -> Vec<Field> {
        let refused = |field: &Field| self.flag(*field).load(Ordering::Relaxed);
        Field::ALL.into_iter().filter(refused).collect()
    }

    const fn flag(&self, field: Field) -> &AtomicBool {
        match field {
            Field::StreamOptions => &self.stream_options,
            Field::MaxTokens => &self.max_tokens,
            Field::ToolChoice => &self.tool_choice,
        }
    }
}

/// Passes text on and remembers that it did, as an answer that somebody heard cannot be asked for again.
struct Relay<'a> {
    sink: Option<&'a dyn DeltaSink>,
    heard: AtomicBool,
}

impl Relay<'_> {
    fn text(&self, text: &str) {
        if let Some(sink) = self.sink.filter(|_| !text.is_empty()) {
            self.heard.store(true, Ordering::Relaxed);
            sink.text(text);
        }
    }

    fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }
}

/// How one attempt ended, if not with an answer.
enum Setback {
    /// The server refused an optional field; without it, the same request may pass at once.
    Refused(Field),
    /// Anything else.
    Failed(Failure),
}

impl OpenAiCompatible {
    /// Checks the options and prepares the connection pool; nothing is sent.
    ///
    /// # Errors
    /// An option is unusable; the error names it and the fix.
    pub fn new(options: OpenAiOptions) -> Result<Self, OptionsError> {
        options.validate()?;
        let http = options.http_client()?;
        let endpoint: Arc<dyn Config> = Arc::new(Endpoint {
            base: options.base_url()?,
            headers: options.header_map()?,
            no_key: SecretString::default(),
        });
        Ok(Self {
            client: Client::build(http.clone(), endpoint),
            http,
            secrets: options.secrets()?,
            options,
            refused: Refused::default(),
        })
    }

    async fn with_retries(
        &self,
        request: &ChatRequest,
        relay: &Relay<'_>,
        deadline: Instant,
    ) -> Result<ChatResponse, Failure> {
        let mut retries = Retries::new(self.options.max_retries);
        let mut refused = self.refused.now();
        loop {
            let failure = match self.attempt(request, relay, &refused).await {
                Ok(answer) => {
                    // Only now it is sure that the field was what the server did not like.
                    for field in refused {
                        self.refused.flag(field).store(true, Ordering::Relaxed);
                    }
                    return Ok(answer);
                }
                Err(Setback::Refused(field)) => {
                    debug!(field = field.name(), "the model endpoint refuses a field");
                    refused.push(field);
                    continue;
                }
                Err(Setback::Failed(failure)) => failure,
            };
            let remaining = deadline.saturating_duration_since(Instant::now());
            let wait = retries.next_wait(&failure, remaining).filter(|_| !relay.was_heard());
            debug!(%failure, ?wait, "an attempt to reach the model failed");
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(failure),
            }
        }
    }

    async fn attempt(
        &self,
        request: &ChatRequest,
        relay: &Relay<'_>,
        refused: &[Field],
    ) -> Result<ChatResponse, Setback> {
        let tells_usage = !refused.contains(&Field::StreamOptions);
        let settings = Settings {
            model: &self.options.model,
            stream: self.options.stream && (tells_usage || relay.sink.is_some()),
            temperature: self.options.temperature,
        };
        let body = Body::new(settings, request, |field| refused.contains(&field));
        self.exchange(&body, request, relay).await.map_err(|failure| {
            match failure.refused_field().filter(|field| body.carries(*field) && !relay.was_heard())
            {
                Some(field) => Setback::Refused(field),
                None => Setback::Failed(failure),
            }
        })
    }

    /// Sends one request and reads its answer.
    async fn exchange(
        &self,
        body: &Body<'_>,
        request: &ChatRequest,
        relay: &Relay<'_>,
    ) -> Result<ChatResponse, Failure> {
        let transport = Transport {
            http: self.http.clone(),
            fault: FaultSlot::default(),
            read_timeout: self.options.read_timeout,
        };
        let client = self.client.clone().with_http_service(transport.clone());
        let opened = client.chat().create_stream_byot::<_, Chunk>(body).await;
        let mut events = opened.map_err(|error| failure(error, &transport))?;
        let mut answer = Answer::default();
        loop {
            let event = match (answer.is_finished(), answer.is_accounted_for()) {
                (false, _) => events.next().await,
                (true, false) => timeout(USAGE_GRACE, events.next()).await.unwrap_or(None),
                (true, true) => timeout(END_GRACE, events.next()).await.unwrap_or(None),
            };
            match event {
                None => break,
                Some(Ok(chunk)) => relay.text(&answer.add(chunk)?),
                // Some servers keep the connection alive with events that are empty.
                Some(Err(OpenAIError::JSONDeserialize(_, text))) if text.trim().is_empty() => {}
                // The answer is whole, whatever happens to its connection.
                Some(Err(_)) if answer.is_finished() => break,
                Some(Err(error)) => return Err(failure(error, &transport)),
            }
        }
        answer.finish(&earlier_ids(request), &self.options.model)
    }

    /// Cuts secrets out of a server's text, as some servers repeat them.
    fn scrub(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Status(mut error) => {
                for secret in &self.secrets {
                    error.message = error.message.replace(secret.expose_secret(), "[redacted]");
                }
                Failure::Status(error)
            }
            other => other,
        }
    }
}

#[async_trait]
impl ChatModel for OpenAiCompatible {
    fn model(&self) -> &str {
        &self.options.model
    }

    async fn complete(
        &self,
        request: &ChatRequest,
        deltas: Option<&dyn DeltaSink>,
    ) -> Result<ChatResponse, ModelError> {
        let limit = self.options.request_timeout;
        let deadline = Instant::now() + limit;
        let relay = Relay { sink: deltas, heard: AtomicBool::new(false) };
        match timeout_at(deadline, self.with_retries(request, &relay, deadline)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => Err(self.scrub(failure).into_model_error()),
            Err(_) => Err(ModelError::Timeout(limit)),
        }
    }
}

impl fmt::Debug for OpenAiCompatible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OpenAiCompatible")
            .field("options", &self.options)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// What an error of the client library stands for.
fn failure(error: OpenAIError, transport: &Transport) -> Failure {
    match error {
        OpenAIError::Boxed(error) => match error.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(error) => Failure::Connection(error.to_string()),
        },
        OpenAIError::Reqwest(error) => transport.connection_failure(error),
        OpenAIError::StreamError(_) => transport.fault.take().unwrap_or_else(|| {
            Failure::Protocol("the answer is not an event stream in UTF-8".to_owned())
        }),
        OpenAIError::JSONDeserialize(error, _) => {
            // Its text may quote the answer, so only the place is told.
            Failure::Protocol(format!(
                "an event is not a chat completion from column {}",
                error.column()
            ))
        }
        OpenAIError::ApiError(error) => Failure::Protocol(error.status_code.to_string()),
        OpenAIError::InvalidArgument(text)
        | OpenAIError::FileSaveError(text)
        | OpenAIError::FileReadError(text) => Failure::Request(text),
    }
}

/// The ids of the tool calls that the conversation already holds.
fn earlier_ids(request: &ChatRequest) -> HashSet<&str> {
    let calls = request.messages.iter().flat_map(|message| match message {
        Message::Assistant { tool_calls, .. } => tool_calls.as_slice(),
        Message::System { .. } | Message::User { .. } | Message::Tool { .. } => &[],
    });
    calls.map(|call| call.id.as_str()).collect()
}
