//! Puts an answer together from its pieces.

use std::collections::HashSet;

use leadsman_ports::chat::{ChatResponse, FinishReason, TokenUsage, ToolCall};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::errors::{Failure, ServerError};
use crate::wire::{CallDelta, Choice, Chunk, Delta, Lenient, Usage};

/// Most tool calls that one answer may hold.
const MAX_CALLS: usize = 128;

/// Longest arguments, in bytes, that are examined for whether they are complete.
const MAX_WHOLE: usize = 16 << 10;

/// Ceiling of a token count that is believed, so that sums of many cannot overflow.
const MAX_TOKENS: u64 = u32::MAX as u64;

/// An answer in the making.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    text: String,
    calls: Vec<Call>,
    finish: Option<FinishReason>,
    usage: TokenUsage,
    model: String,
}

/// A tool call in the making.
#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Answer {
    /// Adds an event; returns the text that it brought, which may be empty.
    pub(crate) fn add(&mut self, chunk: Chunk) -> Result<String, Failure> {
        if let Some(error) = chunk.error {
            let error = ServerError::from_stream(&serde_json::json!({ "error": error }));
            return Err(Failure::Status(error));
        }
        if let Some(model) = chunk.model.filter(|model| !model.is_empty()) {
            self.model = model;
        }
        let beside = chunk.x_groq.as_ref().and_then(Lenient::known);
        for usage in [chunk.usage.as_ref(), beside.and_then(|beside| beside.usage.as_ref())] {
            self.add_usage(usage);
        }
        let mut heard = String::new();
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index.as_ref().and_then(Value::as_u64).unwrap_or(0) == 0 {
                self.add_choice(choice, &mut heard)?;
            }
        }
        Ok(heard)
    }

    /// Counts only grow while an answer comes, so the largest holds: some servers end with an empty usage.
    fn add_usage(&mut self, usage: Option<&Lenient<Usage>>) {
        if let Some(usage) = usage.and_then(Lenient::known).map(tokens) {
            self.usage.prompt = self.usage.prompt.max(usage.prompt);
            self.usage.completion = self.usage.completion.max(usage.completion);
            self.usage.cached = self.usage.cached.max(usage.cached);
        }
    }

    fn add_choice(&mut self, choice: Choice, heard: &mut String) -> Result<(), Failure> {
        self.add_usage(choice.usage.as_ref());
        if let Some(delta) = choice.delta {
            self.add_delta(delta, heard, Self::slot)?;
        }
        if let Some(message) = choice.message {
            self.add_delta(message, heard, |answer, _| answer.new_slot())?;
        }
        match choice.finish_reason.as_deref() {
            None | Some("") => {}
            Some(reason) => self.finish = Some(finish_reason(reason)),
        }
        Ok(())
    }

    fn add_delta(
        &mut self,
        delta: Delta,
        heard: &mut String,
        slot: impl Fn(&mut Self, &CallDelta) -> usize,
    ) -> Result<(), Failure> {
        let text = delta.content.map(|content| content.into_text()).unwrap_or_default();
        for piece in [text, delta.refusal.unwrap_or_default()] {
            self.text.push_str(&piece);
            heard.push_str(&piece);
        }
        for piece in delta.tool_calls.unwrap_or_default() {
            let place = slot(self, &piece);
            if self.calls.len() > MAX_CALLS {
                let text = format!("more than {MAX_CALLS} tool calls in one answer");
                return Err(Failure::Protocol(text));
            }
            if let Some(call) = self.calls.get_mut(place) {
                call.add(piece);
            }
        }
        Ok(())
    }

    fn new_slot(&mut self) -> usize {
        self.calls.push(Call::default());
        self.calls.len() - 1
    }

    /// The call that a piece belongs to. By the specification its index says so, but some servers leave the
    /// index out or give every call the same one, and some send no ids.
    fn slot(&mut self, piece: &CallDelta) -> usize {
        let index = piece.index.as_ref().and_then(Value::as_u64);
        let id = piece.id.as_deref().unwrap_or("");
        let name = piece.function.as_ref().and_then(|function| function.name.as_deref());
        let name = name.unwrap_or("");
        let found = self.calls.iter().rposition(|call| match index {
            Some(_) => {
                call.index == index && (id.is_empty() || call.id.is_empty() || call.id == id)
            }
            None => id.is_empty() || call.id == id,
        });
        let found = found.filter(|place| {
            let call = self.calls.get(*place);
            let another = |call: &Call| (index.is_none() && call.name != name) || call.is_whole();
            let begins_another = id.is_empty() && !name.is_empty() && call.is_some_and(another);
            !begins_another
        });
        found.unwrap_or_else(|| {
            self.calls.push(Call { index, ..Call::default() });
            self.calls.len() - 1
        })
    }

    /// Whether the model has said why it stopped; only usage may follow.
    pub(crate) const fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether the server has told what the answer cost.
    pub(crate) const fn is_accounted_for(&self) -> bool {
        self.usage.prompt > 0
    }

    /// The whole answer. `earlier` are the call ids of the conversation so far, `fallback` names the model
    /// where the server does not.
    pub(crate) fn finish(
        self,
        earlier: &HashSet<&str>,
        fallback: &str,
    ) -> Result<ChatResponse, Failure> {
        let Some(finish) = self.finish else {
            return Err(Failure::Protocol("the answer ends without a finish reason".to_owned()));
        };
        let tool_calls = with_unique_ids(self.calls, earlier);
        // Servers disagree on the reason beside tool calls, above all where a call was required.
        let finish = match finish {
            FinishReason::Stop if !tool_calls.is_empty() => FinishReason::ToolCalls,
            FinishReason::ToolCalls if tool_calls.is_empty() => FinishReason::Stop,
            other => other,
        };
        let model = if self.model.is_empty() { fallback.to_owned() } else { self.model };
        Ok(ChatResponse { text: self.text, tool_calls, finish, usage: self.usage, model })
    }
}

impl Call {
    /// Whether the arguments are complete. Long ones count as incomplete, as reading them again and again costs.
    fn is_whole(&self) -> bool {
        (2..=MAX_WHOLE).contains(&self.arguments.len())
            && serde_json::from_str::<IgnoredAny>(&self.arguments).is_ok()
    }

    fn add(&mut self, piece: CallDelta) {
        if let Some(id) = piece.id.filter(|_| self.id.is_empty()) {
            self.id = id;
        }
        let Some(function) = piece.function else { return };
        match function.name {
            // A name comes whole, in pieces, or again with every piece.
            Some(name) if name != self.name => self.name.push_str(&name),
            Some(_) | None => {}
        }
        match function.arguments {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => self.arguments.push_str(&text),
            Some(value) => self.arguments = value.to_string(),
        }
    }
}

/// Gives an id to every call that has none or somebody else's. Nine letters and digits please every server.
fn with_unique_ids(calls: Vec<Call>, earlier: &HashSet<&str>) -> Vec<ToolCall> {
    let mut own: HashSet<String> = HashSet::new();
    let mut number = earlier.len();
    let mut finished = Vec::with_capacity(calls.len());
    for mut call in calls {
        while call.id.is_empty() || earlier.contains(call.id.as_str()) || own.contains(&call.id) {
            call.id = format!("call{number:05}");
            number += 1;
        }
        own.insert(call.id.clone());
        finished.push(ToolCall { id: call.id, name: call.name, arguments: call.arguments });
    }
    finished
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "stop" | "end_turn" | "eos" => FinishReason::Stop,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "length" | "max_tokens" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

fn tokens(usage: &Usage) -> TokenUsage {
    let number = |value: &Option<Value>| count(value.as_ref()?).map(|count| count.min(MAX_TOKENS));
    let details = usage.prompt_tokens_details.as_ref().and_then(Lenient::known);
    let cached = details.and_then(|details| number(&details.cached_tokens));
    TokenUsage {
        prompt: number(&usage.prompt_tokens).unwrap_or(0),
        completion: number(&usage.completion_tokens).unwrap_or(0),
        cached: cached.or_else(|| number(&usage.prompt_cache_hit_tokens)).unwrap_or(0),
    }
}

/// A count, as a whole number, as a fraction without a remainder, or as text.
fn count(value: &Value) -> Option<u64> {
    match value {
        // A cast from a fraction saturates.
        Value::Number(number) => number.as_u64().or_else(|| Some(number.as_f64()? as u64)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
