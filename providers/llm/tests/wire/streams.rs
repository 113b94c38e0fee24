//! Answers in every form that servers are known to send.

use leadsman_llm::{OpenAiCompatible, OpenAiOptions};
use leadsman_ports::chat::{
    ChatModel, ChatResponse, FinishReason, Message, ModelError, TokenUsage, ToolCall,
};
use leadsman_testkit::{End, FakeModel, Reply};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{Ear, options, request};

/// The answer to a reply that is the same on every attempt.
async fn answer_to(reply: Reply) -> Result<ChatResponse, ModelError> {
    let server = FakeModel::start(move |_| reply.clone());
    OpenAiCompatible::new(options(&server)).unwrap().complete(&request(), None).await
}

/// An event stream of these events.
fn events(events: &[Value]) -> Reply {
    let mut text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    text.push_str("data: [DONE]\n\n");
    Reply::sse(text)
}

fn delta(delta: &Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta }] })
}

fn finish(reason: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
}

/// The calls that these pieces make, as name and arguments.
async fn calls(pieces: &[Value]) -> Vec<(String, String)> {
    let mut all: Vec<Value> =
        pieces.iter().map(|piece| delta(&json!({ "tool_calls": piece }))).collect();
    all.push(finish("tool_calls"));
    let answer = answer_to(events(&all)).await.unwrap();
    assert_eq!(answer.finish, FinishReason::ToolCalls);
    let ids: std::collections::HashSet<_> = answer.tool_calls.iter().map(|call| &call.id).collect();
    assert_eq!(ids.len(), answer.tool_calls.len(), "ids must be unique: {:?}", answer.tool_calls);
    answer.tool_calls.into_iter().map(|call| (call.name, call.arguments)).collect()
}

fn pair(name: &str, arguments: &str) -> (String, String) {
    (name.to_owned(), arguments.to_owned())
}

#[tokio::test]
async fn tool_calls_arrive_in_many_ways() {
    let two = vec![pair("get_pod", r#"{"a":1}"#), pair("get_events", r#"{"b":2}"#)];
    let by_index = [
        json!([{ "index": 0, "id": "a", "function": { "name": "get_pod", "arguments": "" } }]),
        json!([{ "index": 1, "id": "b", "function": { "name": "get_events", "arguments": "" } }]),
        json!([{ "index": 1, "function": { "arguments": "{\"b\"" } }]),
        json!([{ "index": 0, "function": { "arguments": "{\"a\"" } }]),
        json!([{ "index": 0, "function": { "arguments": ":1}" } },
               { "index": 1, "function": { "arguments": ":2}" } }]),
    ];
    assert_eq!(calls(&by_index).await, two, "interleaved by index");

    let repeated = [
        json!([{ "index": 0, "id": "a", "function": { "name": "get_pod", "arguments": "{\"a\"" } }]),
        json!([{ "index": 0, "id": "a", "function": { "name": "get_pod", "arguments": ":1}" } }]),
        json!([{ "index": 1, "id": "a", "function": { "name": "get_events", "arguments": "{\"b\":2}" } }]),
    ];
    assert_eq!(calls(&repeated).await, two, "id and name with every piece, one id for both calls");

    let no_index = [
        json!([{ "id": "a", "function": { "name": "get_pod", "arguments": "{\"a\"" } }]),
        json!([{ "function": { "arguments": ":1}" } }]),
        json!([{ "id": "b", "function": { "name": "get_events" } }]),
        json!([{ "id": "b", "function": { "arguments": "{\"b\":2}" } }]),
    ];
    assert_eq!(calls(&no_index).await, two, "no index");

    let whole = [json!([
        { "function": { "name": "get_pod", "arguments": { "a": 1 } } },
        { "id": "", "function": { "name": "get_events", "arguments": { "b": 2 } } },
    ])];
    assert_eq!(calls(&whole).await, two, "whole calls, no index, no id, objects as arguments");

    let same_index = [
        json!([{ "index": 0, "id": "a", "function": { "name": "get_pod", "arguments": "{\"a\":1}" } }]),
        json!([{ "index": 0, "id": "b", "function": { "name": "get_events", "arguments": "{\"b\":2}" } }]),
    ];
    assert_eq!(calls(&same_index).await, two, "one index for all");

    let no_ids = [
        json!([{ "index": 0, "function": { "name": "get_pod", "arguments": "{\"a\":1}" } }]),
        json!([{ "index": 0, "function": { "name": "get_events", "arguments": "{\"b\"" } }]),
        json!([{ "index": 0, "function": { "name": "get_events", "arguments": ":2}" } }]),
    ];
    assert_eq!(calls(&no_ids).await, two, "one index for all, no ids");

    let bare =
        [json!([{ "function": { "name": "get_pod" } }, { "function": { "name": "get_events" } }])];
    let expected = [pair("get_pod", ""), pair("get_events", "")];
    assert_eq!(calls(&bare).await, expected, "nothing but names");

    let split_name = [
        json!([{ "index": 0, "id": "a", "function": { "name": "get_" } }]),
        json!([{ "index": 0, "id": null, "function": { "name": "pod", "arguments": null } }]),
    ];
    assert_eq!(calls(&split_name).await, [pair("get_pod", "")], "name in pieces, no arguments");
}

#[tokio::test]
async fn made_up_ids_avoid_those_of_the_conversation() {
    let whole = delta(&json!({ "tool_calls": [
        { "id": "a", "function": { "name": "get_pod", "arguments": "{}" } },
        { "function": { "name": "get_pod", "arguments": "{}" } },
    ]}));
    let reply = events(&[whole, finish("stop")]);
    let server = FakeModel::start(move |_| reply.clone());
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let mut request = request();
    for _ in 0..3 {
        let answer = model.complete(&request, None).await.unwrap();
        crate::common::tool_turn(&mut request, &answer, "fine");
    }
    server.assert_clean();
}

#[tokio::test]
async fn text_arrives_in_many_ways() {
    let pieces = [
        delta(&json!({ "role": "assistant", "content": null, "reasoning_content": "hm" })),
        delta(&json!({ "content": "one " })),
        delta(&json!({ "content": [{ "type": "text", "text": "two " }, { "type": "thinking" }] })),
        json!({ "choices": null, "usage": { "prompt_tokens": 1, "completion_tokens": 1 } }),
        json!({ "choices": [{ "index": 1, "delta": { "content": "another choice" } }] }),
        delta(&json!({ "content": "three" })),
        finish("because"),
        json!({ "model": "served-7b", "choices": [], "usage": {
            "prompt_tokens": 90, "completion_tokens": 7, "prompt_tokens_details": { "cached_tokens": 64 } } }),
    ];
    let reply = events(&pieces);
    let server = FakeModel::start(move |_| reply.clone());
    let ear = Ear::default();
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let answer = model.complete(&request(), Some(&ear)).await.unwrap();
    assert_eq!(answer.text, "one two three");
    assert_eq!(ear.heard(), "one two three");
    assert_eq!(answer.finish, FinishReason::Other);
    assert_eq!(answer.usage, TokenUsage { prompt: 90, completion: 7, cached: 64 });
    assert_eq!(answer.model, "served-7b");
}

#[tokio::test]
async fn event_streams_come_in_dialects() {
    let event = delta(&json!({ "content": "hello" }));
    let end = finish("stop");
    let forms = [
        format!(
            ": PROCESSING\r\n\r\ndata: {event}\r\n\r\n: ping\r\n\r\ndata: {end}\r\n\r\ndata: [DONE]\r\n\r\n"
        ),
        format!("event: message\nid: 1\ndata:{event}\n\ndata:\n\ndata:{end}\n\n"),
        format!("\u{feff}retry: 5\ndata: {event}\n\nevent: keepalive\ndata: x\n\ndata: {end}\n"),
    ];
    for form in forms {
        // In pieces of three bytes, so that lines and characters are torn apart.
        let pieces = form.as_bytes().chunks(3).map(bytes::Bytes::copy_from_slice);
        let answer = answer_to(Reply::stream(pieces, End::Close)).await;
        assert_eq!(answer.unwrap().text, "hello", "{form}");
    }
    let whole =
        json!({ "choices": [{ "message": { "content": "hello" }, "finish_reason": "stop" }] });
    let pretty = serde_json::to_string_pretty(&whole).unwrap();
    let reply =
        Reply::status(200, pretty).header("content-type", "application/json; charset=utf-8");
    assert_eq!(answer_to(reply).await.unwrap().text, "hello", "one piece instead of a stream");
}

#[tokio::test]
async fn broken_answers_are_asked_for_once_more() {
    let start = bytes::Bytes::from(format!("data: {}\n\n", delta(&json!({ "content": "a" }))));
    let html = Reply::status(200, "<html>").header("content-type", "text/html; charset=utf-8");
    let no_json = Reply::status(200, "{").header("content-type", "application/json");
    let broken = [
        Reply::sse(start),
        Reply::sse(""),
        Reply::sse("data: {\"choices\":\n\n"),
        Reply::sse("data: {\"choices\":7}\n\n"),
        Reply::sse(&b"data: \xff\xfe\n\n"[..]),
        html,
        no_json,
    ];
    // Side by side, as each waits before it asks again.
    futures::future::join_all(broken.into_iter().map(async |reply| {
        let shown = format!("{reply:?}");
        let server = FakeModel::start(move |view| match view.number {
            0 => reply.clone(),
            _ => Reply::text("whole"),
        });
        let model = OpenAiCompatible::new(options(&server)).unwrap();
        let answer = model.complete(&request(), None).await;
        assert_eq!(answer.expect(&shown).text, "whole", "{shown}");
    }))
    .await;
    let server = FakeModel::start(|_| Reply::sse(""));
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let error = model.complete(&request(), None).await.unwrap_err();
    assert!(matches!(error, ModelError::Protocol(_)), "{error:?}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_answer_that_somebody_heard_is_not_asked_for_again() {
    let start = bytes::Bytes::from(format!("data: {}\n\n", delta(&json!({ "content": "a" }))));
    let server = FakeModel::start(move |_| Reply::stream([start.clone()], End::Cut));
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let ear = Ear::default();
    let error = model.complete(&request(), Some(&ear)).await.unwrap_err();
    assert!(matches!(error, ModelError::Unavailable(_)), "{error:?}");
    assert_eq!((ear.heard().as_str(), server.requests().len()), ("a", 1));
}

#[tokio::test]
async fn an_answer_is_whole_once_it_has_a_finish_reason() {
    let text =
        format!("data: {}\n\ndata: {}\n\n", delta(&json!({ "content": "a" })), finish("stop"));
    let answer = answer_to(Reply::stream([text.into()], End::Cut)).await;
    assert_eq!(answer.unwrap().text, "a");
}

#[tokio::test]
async fn errors_inside_of_a_stream_count_like_a_status() {
    let error = |code: u16, message: &str| {
        events(&[json!({ "error": { "code": code, "message": message } })])
    };
    let long = "maximum context length is 4096 tokens";
    assert_eq!(answer_to(error(400, long)).await.unwrap_err(), ModelError::ContextTooLong);
    assert_eq!(answer_to(error(401, "no")).await.unwrap_err(), ModelError::Unauthorized);
    let server = FakeModel::start(move |view| match view.number {
        0 => error(502, "upstream"),
        _ => Reply::text("whole"),
    });
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    assert_eq!(model.complete(&request(), None).await.unwrap().text, "whole");
}

#[tokio::test]
async fn answers_are_bounded() {
    let text = "x".repeat(5 << 20);
    let reply = events(&[delta(&json!({ "content": text })), finish("stop")]);
    let error = answer_to(reply).await.unwrap_err();
    assert!(matches!(error, ModelError::Protocol(_)), "{error:?}");

    let many: Vec<Value> = (0..500)
        .map(
            |index| json!({ "index": index, "function": { "name": "get_pod", "arguments": "{}" } }),
        )
        .collect();
    let error = answer_to(events(&[delta(&json!({ "tool_calls": many }))])).await.unwrap_err();
    assert!(matches!(error, ModelError::Protocol(_)), "{error:?}");
}

/// Anything that might stand in a field of an event.
fn junk() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{ "text": "t" }])),
    ]
}

prop_compose! {
    fn hostile_event()(
        content in junk(), index in junk(), id in junk(), name in junk(), arguments in junk(),
        reason in junk(), tokens in junk(), choice in junk(),
    ) -> Value {
        let call = json!({ "index": index, "id": id, "function": { "name": name, "arguments": arguments } });
        json!({
            "choices": [{ "index": choice, "delta": { "content": content, "tool_calls": [call] }, "finish_reason": reason }],
            "usage": { "prompt_tokens": tokens },
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]

    #[test]
    fn hostile_streams_end_in_an_answer_or_an_error(
        hostile in proptest::collection::vec(hostile_event(), 0..5),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut body: Vec<u8> =
            hostile.iter().flat_map(|event| format!("data: {event}\n\n").into_bytes()).collect();
        body.extend(noise);
        let server = FakeModel::start(move |_| Reply::sse(body.clone()));
        let options = OpenAiOptions { max_retries: 0, ..options(&server) };
        let model = OpenAiCompatible::new(options).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(model.complete(&request(), None));
        match answer {
            Ok(answer) => {
                let mut request = request();
                crate::common::tool_turn(&mut request, &answer, "fine");
                request.messages.push(Message::User { text: "Go on.".into() });
                let replayed = runtime.block_on(model.complete(&request, None));
                prop_assert!(replayed.is_ok());
                server.assert_clean();
            }
            Err(error) => prop_assert!(
                matches!(error, ModelError::Protocol(_) | ModelError::Unavailable(_)), "{:?}", error
            ),
        }
    }

    #[test]
    fn arguments_survive_any_cut(text in ".{0,60}", cuts in proptest::collection::vec(0_usize..60, 0..6)) {
        let characters: Vec<char> = text.chars().collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(characters.len())).collect();
        cuts.extend([0, characters.len()]);
        cuts.sort_unstable();
        let mut all = vec![delta(&json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "f" } }] }))];
        all.extend(cuts.windows(2).map(|cut| {
            let piece: String = characters[cut[0]..cut[1]].iter().collect();
            delta(&json!({ "tool_calls": [{ "index": 0, "function": { "arguments": piece } }] }))
        }));
        all.push(finish("tool_calls"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(answer_to(events(&all))).unwrap();
        let expected = ToolCall { id: "a".into(), name: "f".into(), arguments: text };
        prop_assert_eq!(answer.tool_calls, vec![expected]);
    }
}
