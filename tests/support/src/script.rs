//! What a script sees and what it may answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::gate::Gate;

/// One request as it came over the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequestView {
    /// Its number, from 0, in the order of arrival.
    pub number: usize,
    /// Path of the URL.
    pub path: String,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body, parsed; null where it is not JSON.
    pub body: Value,
    /// The body's bytes.
    pub raw: Bytes,
}

impl ChatRequestView {
    /// The messages.
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The text of the first message of a role; empty without one.
    pub fn first(&self, role: &str) -> &str {
        let message = self.messages().iter().find(|message| message["role"] == role);
        message.and_then(|message| message["content"].as_str()).unwrap_or("")
    }

    /// How many answers the model has given in this conversation.
    pub fn turn(&self) -> usize {
        self.messages().iter().filter(|message| message["role"] == "assistant").count()
    }

    /// Names of the tools on offer, in their order.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().map_or(&[][..], Vec::as_slice);
        tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect()
    }

    /// Whether a tool is on offer.
    pub fn offers(&self, tool: &str) -> bool {
        self.tools().contains(&tool)
    }

    /// Every tool call that has been answered: tool name and what the model got to see, in order.
    pub fn tool_results(&self) -> Vec<(&str, &str)> {
        let calls = self.messages().iter().filter_map(|message| message["tool_calls"].as_array());
        let calls: Vec<&Value> = calls.flatten().collect();
        let results = self.messages().iter().filter(|message| message["role"] == "tool");
        let named = results.map(|result| {
            let call = calls.iter().rev().find(|call| call["id"] == result["tool_call_id"]);
            let name = call.and_then(|call| call["function"]["name"].as_str());
            (name.unwrap_or(""), result["content"].as_str().unwrap_or(""))
        });
        named.collect()
    }
}

/// A well-formed answer, sent as a stream or in one piece as the request asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Text; may be empty.
    pub text: String,
    /// Tool name and arguments of each call; the arguments are sent as they are.
    pub calls: Vec<(String, String)>,
    /// The finish reason; by default `tool_calls` or `stop`.
    pub finish: Option<String>,
    /// Prompt and completion tokens; by default 100 and 20.
    pub usage: Option<(u64, u64)>,
}

/// How a raw answer ends.
#[derive(Debug, Clone)]
pub enum End {
    /// Properly.
    Close,
    /// The connection breaks in the middle.
    Cut,
    /// Nothing more comes until the gate opens; then it ends properly.
    Hold(Gate),
    /// Nothing more comes until the gate opens; then these bytes, and the proper end.
    Late(Gate, Bytes),
}

/// What the server answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A well-formed answer.
    Answer(Answer),
    /// An HTTP status.
    Status {
        /// The status.
        status: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Bytes with status 200, each piece flushed on its own.
    Raw {
        /// The content type.
        content_type: String,
        /// The body.
        pieces: Vec<Bytes>,
        /// What follows.
        end: End,
    },
    /// Another reply, once the gate is open.
    After(Gate, Box<Reply>),
}

impl Reply {
    /// A text and nothing else.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Answer(Answer { text: text.into(), ..Answer::default() })
    }

    /// One tool call.
    pub fn call(tool: impl Into<String>, arguments: &Value) -> Self {
        Self::calls([(tool.into(), arguments.clone())])
    }

    /// Several tool calls at once.
    pub fn calls<T: Into<String>>(calls: impl IntoIterator<Item = (T, Value)>) -> Self {
        let calls = calls.into_iter().map(|(tool, value)| (tool.into(), value.to_string()));
        Self::Answer(Answer { calls: calls.collect(), ..Answer::default() })
    }

    /// A status with an error in OpenAI's shape.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let error = json!({ "message": message, "type": "error", "param": null, "code": code });
        Self::status(status, json!({ "error": error }).to_string())
    }

    /// A status with any body.
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::Status { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a header to a status; other replies have fixed headers.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The bytes of an event stream.
    pub fn sse(bytes: impl Into<Bytes>) -> Self {
        Self::stream([bytes.into()], End::Close)
    }

    /// An event stream in pieces.
    pub fn stream(pieces: impl IntoIterator<Item = Bytes>, end: End) -> Self {
        let content_type = "text/event-stream".to_owned();
        Self::Raw { content_type, pieces: pieces.into_iter().collect(), end }
    }

    /// No answer at all for as long as the client waits.
    pub fn hang() -> Self {
        Self::After(Gate::new(), Box::new(Self::text("")))
    }

    /// This reply, once the gate is open.
    #[must_use]
    pub fn after(self, gate: &Gate) -> Self {
        Self::After(gate.clone(), Box::new(self))
    }
}

/// A script that behaves like a sensible model in any conversation: it first calls what `look` names, all at
/// once and as far as the tools are on offer, and then answers with what `conclude` says, turn after turn.
pub fn investigator<L, C>(look: L, conclude: C) -> impl Fn(&ChatRequestView) -> Reply
where
    L: Fn(&ChatRequestView) -> Vec<(String, Value)>,
    C: Fn(&ChatRequestView) -> Reply,
{
    move |request| {
        if request.turn() > 0 {
            return conclude(request);
        }
        let mut calls = look(request);
        calls.retain(|(tool, _)| request.offers(tool));
        if calls.is_empty() { conclude(request) } else { Reply::calls(calls) }
    }
}
