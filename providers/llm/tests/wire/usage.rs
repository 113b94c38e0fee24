//! What an answer cost, however a server tells it.

use std::time::Duration;

use leadsman_llm::OpenAiCompatible;
use leadsman_ports::chat::{ChatModel, TokenUsage};
use leadsman_testkit::{Answer, End, FakeModel, Gate, Reply};
use serde_json::{Value, json};

use crate::common::{Ear, options, request};

const SPENT: TokenUsage = TokenUsage { prompt: 90, completion: 7, cached: 0 };

fn usage() -> Value {
    json!({ "prompt_tokens": 90, "completion_tokens": 7 })
}

fn stream(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

fn said(text: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": { "content": text } }] })
}

fn stopped() -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })
}

#[tokio::test]
async fn usage_is_read_wherever_it_stands_in_a_stream() {
    let in_choice = json!({ "choices": [{
        "index": 0, "delta": {}, "finish_reason": "stop", "usage": usage() }] });
    let forms: [(&str, Vec<Value>); 7] = [
        ("after the end", vec![stopped(), json!({ "choices": [], "usage": usage() })]),
        ("without choices", vec![stopped(), json!({ "usage": usage() })]),
        ("in the choice", vec![in_choice]),
        (
            "under a name of its own",
            vec![stopped(), json!({ "choices": [], "x_groq": { "usage": usage() } })],
        ),
        (
            "and then emptied",
            vec![
                json!({ "choices": [], "usage": usage() }),
                json!({ "choices": stopped()["choices"], "usage": {} }),
                json!({ "choices": [], "usage": { "prompt_tokens": 0, "completion_tokens": 0 } }),
            ],
        ),
        (
            "in numbers of other forms",
            vec![
                stopped(),
                json!({ "choices": [], "usage": { "prompt_tokens": 90.0, "completion_tokens": "7" } }),
            ],
        ),
        (
            "with details that are none",
            vec![
                stopped(),
                json!({ "choices": [], "usage": {
                "prompt_tokens": 90, "completion_tokens": 7, "prompt_tokens_details": [] } }),
            ],
        ),
    ];
    for (name, mut events) in forms {
        events.insert(0, said("a"));
        let reply = Reply::sse(format!("{}data: [DONE]\n\n", stream(&events)));
        let server = FakeModel::start(move |_| reply.clone());
        let model = OpenAiCompatible::new(options(&server)).unwrap();
        let answer = model.complete(&request(), None).await.unwrap();
        assert_eq!(answer.usage, SPENT, "{name}");
    }
}

#[tokio::test]
async fn a_refusal_that_only_mentions_the_field_does_not_stop_the_question() {
    let server = FakeModel::start(|view| match view.number {
        // The request as a whole is refused, twice, for something else.
        0 | 1 => Reply::error(
            400,
            "invalid_request",
            "schema of tool get_pod refused; known fields: model, messages, stream, stream_options",
        ),
        _ => Reply::Answer(Answer { usage: Some((90, 7)), text: "a".into(), ..Answer::default() }),
    });
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    model.complete(&request(), None).await.unwrap_err();
    let answer = model.complete(&request(), None).await.unwrap();
    assert_eq!(answer.usage, SPENT);
}

#[tokio::test]
async fn a_server_that_tells_no_usage_in_streams_is_asked_without_one() {
    let server = FakeModel::start(|view| match view.body.get("stream_options") {
        Some(_) => Reply::error(400, "unsupported", "Unsupported parameter: 'stream_options'"),
        None => {
            Reply::Answer(Answer { usage: Some((90, 7)), text: "a".into(), ..Answer::default() })
        }
    });
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    for _ in 0..2 {
        assert_eq!(model.complete(&request(), None).await.unwrap().usage, SPENT);
    }
    assert_eq!(server.requests().len(), 3, "the second call must know already");
    // Somebody who listens wants the text as it comes.
    let ear = Ear::default();
    model.complete(&request(), Some(&ear)).await.unwrap();
    assert_eq!(server.requests()[3].body["stream"], true);
    server.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn usage_may_come_a_while_after_the_end() {
    let gate = Gate::new();
    let held = gate.clone();
    let server = FakeModel::start(move |_| {
        let whole = stream(&[said("a"), stopped()]);
        let late = stream(&[json!({ "choices": [], "usage": usage() })]);
        Reply::stream([whole.into()], End::Late(held.clone(), late.into()))
    });
    // As long as something blocks, the clock stands still unless it is told to go on.
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocking = tokio::task::spawn_blocking(move || blocked.recv());
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let ear = Ear::default();
    let request = request();
    let answering = model.complete(&request, Some(&ear));
    let late = async {
        ear.wait_for("a").await;
        for _ in 0..5 {
            tokio::task::yield_now().await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        gate.open();
    };
    let (answer, ()) = tokio::join!(answering, late);
    assert_eq!(answer.unwrap().usage, SPENT);
    drop(release);
    assert!(blocking.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_for_ever_for_its_usage() {
    let whole = stream(&[said("a"), stopped()]);
    let server =
        FakeModel::start(move |_| Reply::stream([whole.clone().into()], End::Hold(Gate::new())));
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let answer = model.complete(&request(), None).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.usage), ("a", TokenUsage::default()));
}
