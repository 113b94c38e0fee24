//! Checks requests against the chat-completions protocol, each by itself and as a conversation.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The parts of a request whose bytes matter.
#[derive(Deserialize)]
struct RawRequest<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

/// Everything that was wrong so far, and what is needed to judge the next request. Of earlier requests only
/// digests are kept.
#[derive(Debug, Default)]
pub(crate) struct Protocol {
    /// The first two messages of every conversation.
    beginnings: HashSet<u64>,
    /// The tools of every request, by its messages.
    tools: HashMap<u64, u64>,
    violations: Vec<String>,
}

impl Protocol {
    /// What was wrong so far.
    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Notes that request `number` is wrong.
    pub(crate) fn report(&mut self, number: usize, what: impl AsRef<str>) {
        self.violations.push(format!("request {number}: {}", what.as_ref()));
    }

    /// Judges a request.
    pub(crate) fn check(&mut self, number: usize, body: &Value, raw: &[u8]) {
        let mut wrong = Vec::new();
        check_options(body, &mut wrong);
        check_tools(body, &mut wrong);
        check_messages(body, &mut wrong);
        match serde_json::from_slice::<RawRequest<'_>>(raw) {
            Ok(request) => self.check_prefix(body, &request, &mut wrong),
            Err(error) => wrong.push(format!("not a chat request: {error}")),
        }
        for what in wrong {
            self.report(number, what);
        }
    }

    /// A request either begins a conversation or continues one: up to the model's latest answer, it repeats
    /// the request that was answered byte by byte, and so it does with the tools. A conversation whose beginning
    /// was never seen may begin in the middle, as one that is resumed does.
    fn check_prefix(&mut self, body: &Value, request: &RawRequest<'_>, wrong: &mut Vec<String>) {
        let messages: Vec<&str> = request.messages.iter().map(|message| message.get()).collect();
        let tools = digest(&[request.tools.map_or("", RawValue::get)]);
        let known = !self.beginnings.insert(digest(messages.get(..2).unwrap_or(&messages)));
        let parsed = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let answered = parsed.iter().rposition(|message| message["role"] == "assistant");
        if let Some(answered) = answered.and_then(|place| messages.get(..place)) {
            match self.tools.get(&digest(answered)) {
                Some(earlier) if *earlier != tools => {
                    wrong.push("the tools differ from those of the turn before".to_owned());
                }
                None if known => {
                    let text = "the messages do not begin with those of the turn before";
                    wrong.push(text.to_owned());
                }
                Some(_) | None => {}
            }
        }
        self.tools.insert(digest(&messages), tools);
    }
}

fn digest(texts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

fn check_options(body: &Value, wrong: &mut Vec<String>) {
    if body["model"].as_str().is_none_or(str::is_empty) {
        wrong.push("model: missing".to_owned());
    }
    if !body["stream_options"].is_null() && body["stream"] != true {
        wrong.push("stream_options: only allowed with stream".to_owned());
    }
    if !body["tool_choice"].is_null() && body["tools"].is_null() {
        wrong.push("tool_choice: only allowed with tools".to_owned());
    }
}

fn check_tools(body: &Value, wrong: &mut Vec<String>) {
    let tools = match &body["tools"] {
        Value::Null => return,
        Value::Array(tools) if !tools.is_empty() => tools,
        _ => return wrong.push("tools: not an array of tools".to_owned()),
    };
    let mut names = HashSet::new();
    for tool in tools {
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or("");
        if tool["type"] != "function" || !is_name(name) {
            wrong.push(format!("tools: `{name}` is not a function with a valid name"));
        }
        if !names.insert(name) {
            wrong.push(format!("tools: `{name}` is offered twice"));
        }
        if function["description"].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("tools: `{name}` has no description"));
        }
        if function["parameters"]["type"] != "object" {
            wrong.push(format!("tools: the parameters of `{name}` are not an object schema"));
        }
    }
}

fn check_messages(body: &Value, wrong: &mut Vec<String>) {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.first().is_none_or(|first| first["role"] != "system") {
        wrong.push("messages: the first is not a system message".to_owned());
    }
    if !messages.last().is_some_and(|last| last["role"] == "user" || last["role"] == "tool") {
        wrong.push("messages: the last is neither from the user nor a tool's answer".to_owned());
    }
    let mut calls = Calls::default();
    for (place, message) in messages.iter().enumerate() {
        check_message(place, message, &mut calls, wrong);
    }
    calls.expect_none_open(messages.len(), wrong);
}

fn check_message(place: usize, message: &Value, calls: &mut Calls, wrong: &mut Vec<String>) {
    let has_text = message["content"].is_string();
    match message["role"].as_str().unwrap_or("") {
        "system" if place == 0 && has_text => {}
        "user" => {
            calls.expect_none_open(place, wrong);
            if !has_text {
                wrong.push(format!("message {place}: no text"));
            }
        }
        "assistant" => {
            calls.expect_none_open(place, wrong);
            match &message["tool_calls"] {
                Value::Null if has_text => {}
                Value::Array(made) if !made.is_empty() => calls.make(place, made, wrong),
                _ => wrong.push(format!("message {place}: neither text nor tool calls")),
            }
        }
        "tool" => {
            let id = message["tool_call_id"].as_str().unwrap_or("");
            if !calls.open.remove(id) {
                wrong.push(format!("message {place}: answers `{id}`, which no open call has"));
            }
            if !has_text {
                wrong.push(format!("message {place}: no text"));
            }
        }
        role => wrong.push(format!("message {place}: `{role}` is not allowed here")),
    }
}

/// The tool calls of a conversation.
#[derive(Default)]
struct Calls {
    open: HashSet<String>,
    made: HashSet<String>,
}

impl Calls {
    fn make(&mut self, place: usize, calls: &[Value], wrong: &mut Vec<String>) {
        for call in calls {
            let id = call["id"].as_str().unwrap_or("");
            if id.is_empty() || !self.made.insert(id.to_owned()) {
                wrong.push(format!("message {place}: the call id `{id}` is empty or repeated"));
            }
            self.open.insert(id.to_owned());
            let name = call["function"]["name"].as_str().unwrap_or("");
            if call["type"] != "function" || !is_name(name) {
                wrong.push(format!("message {place}: `{name}` is not a valid function call"));
            }
            let arguments =
                call["function"]["arguments"].as_str().map(serde_json::from_str::<Value>);
            if !matches!(arguments, Some(Ok(Value::Object(_)))) {
                wrong.push(format!(
                    "message {place}: the arguments of `{name}` are not an object in a string"
                ));
            }
        }
    }

    fn expect_none_open(&mut self, place: usize, wrong: &mut Vec<String>) {
        for id in self.open.drain() {
            wrong.push(format!("message {place}: the call `{id}` before it has no answer"));
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
