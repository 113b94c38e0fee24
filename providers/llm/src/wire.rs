//! The chat-completions wire format: strict in what is sent, lenient in what is read.

use std::borrow::Cow;

use leadsman_ports::chat::{ChatRequest, Message, ToolCall, ToolChoice, ToolDefinition};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::errors::Field;

/// A request. Messages come last, so that the bytes of one turn begin with those of the turn before.
#[derive(Debug, Serialize)]
pub(crate) struct Body<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    messages: Vec<WireMessage<'a>>,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Debug, Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: &'a ToolDefinition,
}

#[derive(Debug, Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum WireMessage<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<WireCall<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: &'a str,
    },
}

#[derive(Debug, Serialize)]
struct WireCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WireFunction<'a>,
}

#[derive(Debug, Serialize)]
struct WireFunction<'a> {
    name: Cow<'a, str>,
    arguments: &'a str,
}

/// What a dialect adds to a port's request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<'a> {
    /// Model name.
    pub(crate) model: &'a str,
    /// Whether to ask for a stream.
    pub(crate) stream: bool,
    /// Sampling temperature.
    pub(crate) temperature: Option<f32>,
}

impl<'a> Body<'a> {
    /// The request without the fields that the server is known to `refuse`.
    pub(crate) fn new(
        settings: Settings<'a>,
        request: &'a ChatRequest,
        refused: impl Fn(Field) -> bool,
    ) -> Self {
        let options = settings.stream && !refused(Field::StreamOptions);
        let limit = request.max_output_tokens;
        let newer_limit = refused(Field::MaxTokens);
        let required = request.tool_choice == ToolChoice::Required
            && !request.tools.is_empty()
            && !refused(Field::ToolChoice);
        Self {
            model: settings.model,
            stream: settings.stream,
            stream_options: options.then_some(StreamOptions { include_usage: true }),
            temperature: settings.temperature,
            max_tokens: limit.filter(|_| !newer_limit),
            max_completion_tokens: limit.filter(|_| newer_limit),
            tool_choice: required.then_some("required"),
            tools: request.tools.iter().map(Tool::new).collect(),
            messages: request.messages.iter().map(WireMessage::new).collect(),
        }
    }

    /// Whether the request carries the field.
    pub(crate) fn carries(&self, field: Field) -> bool {
        match field {
            Field::StreamOptions => self.stream_options.is_some(),
            Field::MaxTokens => self.max_tokens.is_some(),
            Field::ToolChoice => self.tool_choice.is_some(),
        }
    }
}

impl<'a> Tool<'a> {
    const fn new(function: &'a ToolDefinition) -> Self {
        Self { r#type: "function", function }
    }
}

impl<'a> WireMessage<'a> {
    fn new(message: &'a Message) -> Self {
        match message {
            Message::System { text } => Self::System { content: text },
            Message::User { text } => Self::User { content: text },
            Message::Assistant { text, tool_calls } => Self::Assistant {
                // Null is what servers send themselves beside tool calls; some refuse an empty text.
                content: Some(text.as_str()).filter(|t| !t.is_empty() || tool_calls.is_empty()),
                tool_calls: tool_calls.iter().map(WireCall::new).collect(),
            },
            Message::Tool { call_id, text } => Self::Tool { tool_call_id: call_id, content: text },
        }
    }
}

impl<'a> WireCall<'a> {
    /// A call as it is replayed.
    ///
    /// Servers check names and parse arguments of earlier turns, so a name or arguments that the model got wrong
    /// would fail every later turn. The tool's answer tells the model what was wrong with them.
    fn new(call: &'a ToolCall) -> Self {
        let arguments = call.arguments.trim_ascii_start().starts_with('{')
            && serde_json::from_str::<IgnoredAny>(&call.arguments).is_ok();
        let function = WireFunction {
            name: replayable_name(&call.name),
            arguments: if arguments { &call.arguments } else { "{}" },
        };
        Self { id: &call.id, r#type: "function", function }
    }
}

fn replayable_name(name: &str) -> Cow<'_, str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() {
        return Cow::Borrowed("unnamed");
    }
    if name.len() <= 64 && name.bytes().all(allowed) {
        return Cow::Borrowed(name);
    }
    let characters = name.chars().take(64);
    Cow::Owned(characters.map(|c| if c.is_ascii() && allowed(c as u8) { c } else { '_' }).collect())
}

/// One event of an answer, or a whole answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) model: Option<String>,
    pub(crate) choices: Option<Vec<Choice>>,
    pub(crate) usage: Option<Lenient<Usage>>,
    /// Another place of the usage.
    pub(crate) x_groq: Option<Lenient<Beside>>,
    /// An error in the middle of a stream, or behind a status of 200.
    pub(crate) error: Option<Value>,
}

/// One of the alternatives of an answer; only the first is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Choice {
    pub(crate) index: Option<Value>,
    /// A piece, in a stream.
    pub(crate) delta: Option<Delta>,
    /// The whole, in an answer without a stream.
    pub(crate) message: Option<Delta>,
    pub(crate) finish_reason: Option<String>,
    /// Another place of the usage.
    pub(crate) usage: Option<Lenient<Usage>>,
}

/// A part that must not spoil the answer when its form is none that is known.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Lenient<T> {
    /// As it should be.
    Known(T),
    /// Something else.
    Other(IgnoredAny),
}

impl<T> Lenient<T> {
    /// The part, where its form is known.
    pub(crate) fn known(&self) -> Option<&T> {
        match self {
            Self::Known(part) => Some(part),
            Self::Other(_) => None,
        }
    }
}

/// What a server adds in a field of its own.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Beside {
    pub(crate) usage: Option<Lenient<Usage>>,
}

/// A piece of an answer. Reasoning that servers send beside it is not read.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Delta {
    pub(crate) content: Option<Content>,
    pub(crate) refusal: Option<String>,
    pub(crate) tool_calls: Option<Vec<CallDelta>>,
}

/// Text, as such or in parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    /// As such.
    Text(String),
    /// In parts, of which only text counts.
    Parts(Vec<Part>),
    /// Something else, which is not text.
    Other(IgnoredAny),
}

/// A part of a content.
#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    text: Option<String>,
}

impl Content {
    /// The text of it.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
            Self::Other(_) => String::new(),
        }
    }
}

/// A piece of a tool call.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CallDelta {
    pub(crate) index: Option<Value>,
    pub(crate) id: Option<String>,
    pub(crate) function: Option<FunctionDelta>,
}

/// A piece of what is called.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct FunctionDelta {
    pub(crate) name: Option<String>,
    /// Text by the specification; some servers send the object itself.
    pub(crate) arguments: Option<Value>,
}

/// Tokens spent so far.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: Option<Value>,
    pub(crate) completion_tokens: Option<Value>,
    pub(crate) prompt_tokens_details: Option<Lenient<PromptDetails>>,
    /// Another name for the cached part.
    pub(crate) prompt_cache_hit_tokens: Option<Value>,
}

/// Where the prompt's tokens came from.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PromptDetails {
    pub(crate) cached_tokens: Option<Value>,
}
