//! Chat models with tool calling, independent of any provider's wire dialect.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// Instructions; always the first message.
    System {
        /// Plain text.
        text: String,
    },
    /// What the service says to the model.
    User {
        /// Plain text.
        text: String,
    },
    /// What the model answered, replayed verbatim on later turns.
    Assistant {
        /// Text beside the tool calls; may be empty.
        text: String,
        /// Tool calls in the order the model made them.
        tool_calls: Vec<ToolCall>,
    },
    /// The answer to one tool call.
    Tool {
        /// The id of the call that it answers.
        call_id: String,
        /// What the model gets to see.
        text: String,
    },
}

/// A tool call as the model made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within the conversation; adapters make one up where the server sent none or a repeated one.
    pub id: String,
    /// Tool name, unchecked.
    pub name: String,
    /// The arguments exactly as sent: untrusted text that may not be JSON.
    pub arguments: String,
}

/// What a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// `[a-z_]+`, unique in the request.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of an object.
    pub parameters: Value,
}

/// How free the model is to call tools.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// Text or tools.
    #[default]
    Auto,
    /// Some tool must be called.
    Required,
}

/// One request. Prefix (messages so far, tools) is byte-stable between turns so that provider caching works.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The conversation, system message first.
    pub messages: Vec<Message>,
    /// The tools offered, in a stable order.
    pub tools: Arc<[ToolDefinition]>,
    /// See [`ToolChoice`].
    pub tool_choice: ToolChoice,
    /// Ceiling of the answer in tokens; `None` leaves it to the provider.
    pub max_output_tokens: Option<u32>,
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It said all it wanted.
    Stop,
    /// It wants tools run.
    ToolCalls,
    /// The output ceiling cut it.
    Length,
    /// The provider's filter withheld the answer.
    ContentFilter,
    /// A value that no specification names.
    Other,
}

/// Tokens of one call; zero where the server reports nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens read.
    pub prompt: u64,
    /// Tokens written.
    pub completion: u64,
    /// Part of `prompt` that came from the provider's cache.
    pub cached: u64,
}

impl std::ops::AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        self.prompt += other.prompt;
        self.completion += other.completion;
        self.cached += other.cached;
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// Text; may be empty.
    pub text: String,
    /// Tool calls in the model's order; may be empty.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish: FinishReason,
    /// Spend.
    pub usage: TokenUsage,
    /// The model that answered, as the server names it.
    pub model: String,
}

/// Why a model call failed after the adapter's own retries.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// 401/403: the key is wrong or lacks rights.
    #[error("the model endpoint refused the credentials")]
    Unauthorized,
    /// 404: no such model or path.
    #[error("the model or endpoint does not exist: {0}")]
    NotFound(String),
    /// 429 until the retries ran out.
    #[error("the model endpoint is rate limiting")]
    RateLimited {
        /// What the server asked for, if anything.
        retry_after: Option<Duration>,
    },
    /// The prompt is larger than the model's context window.
    #[error("the conversation exceeds the model's context window")]
    ContextTooLong,
    /// Any other 4xx; the text is the provider's and for logs only.
    #[error("the model endpoint rejected the request: {0}")]
    Rejected(String),
    /// No answer within the deadline.
    #[error("the model did not answer within {0:?}")]
    Timeout(Duration),
    /// 5xx, connection refused, connection lost.
    #[error("the model endpoint is unavailable: {0}")]
    Unavailable(String),
    /// An answer that the protocol does not allow, such as a stream that ends in the middle.
    #[error("the model's answer breaks the protocol: {0}")]
    Protocol(String),
}

/// Receives an answer's text while it is being written.
pub trait DeltaSink: Send + Sync {
    /// A further piece of the answer's text.
    fn text(&self, delta: &str);
}

/// A chat model. Dropping the future of a call cancels the request on the wire.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// The configured model name.
    fn model(&self) -> &str;

    /// One turn. Retries what is worth retrying; `deltas` hears text as it streams.
    async fn complete(
        &self,
        request: &ChatRequest,
        deltas: Option<&dyn DeltaSink>,
    ) -> Result<ChatResponse, ModelError>;
}
