//! What the wire tests share.

use std::time::Duration;

use leadsman_llm::OpenAiOptions;
use leadsman_ports::chat::{
    ChatRequest, ChatResponse, DeltaSink, Message, ToolChoice, ToolDefinition,
};
use leadsman_testkit::FakeModel;
use serde_json::json;
use tokio::sync::watch;

/// Collects the text of an answer while it streams.
#[derive(Default)]
pub(crate) struct Ear(watch::Sender<String>);

impl Ear {
    pub(crate) fn heard(&self) -> String {
        self.0.borrow().clone()
    }

    pub(crate) async fn wait_for(&self, text: &str) {
        self.0.subscribe().wait_for(|heard| heard == text).await.unwrap();
    }
}

impl DeltaSink for Ear {
    fn text(&self, delta: &str) {
        self.0.send_modify(|heard| heard.push_str(delta));
    }
}

pub(crate) fn options(server: &FakeModel) -> OpenAiOptions {
    OpenAiOptions {
        request_timeout: Duration::from_secs(20),
        ..OpenAiOptions::new(server.endpoint(), "test-model")
    }
}

pub(crate) fn request() -> ChatRequest {
    let tool = |name: &str| ToolDefinition {
        name: name.into(),
        description: "Looks something up.".into(),
        parameters: json!({ "type": "object", "properties": { "name": { "type": "string" } } }),
    };
    ChatRequest {
        messages: vec![
            Message::System { text: "Find the cause.".into() },
            Message::User { text: "cart-0 restarts.".into() },
        ],
        tools: [tool("get_pod"), tool("get_events")].into(),
        tool_choice: ToolChoice::Auto,
        max_output_tokens: None,
    }
}

/// Appends an answer and the results of its calls.
pub(crate) fn tool_turn(request: &mut ChatRequest, answer: &ChatResponse, result: &str) {
    let tool_calls = answer.tool_calls.clone();
    let results = tool_calls
        .iter()
        .map(|call| Message::Tool { call_id: call.id.clone(), text: result.into() })
        .collect::<Vec<_>>();
    request.messages.push(Message::Assistant { text: answer.text.clone(), tool_calls });
    request.messages.extend(results);
}
