//! Calls as a whole: requests, retries, errors, deadlines.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::{Ear, options, request, tool_turn};
use leadsman_llm::{OpenAiCompatible, OpenAiOptions};
use leadsman_ports::chat::{
    ChatModel, FinishReason, Message, ModelError, TokenUsage, ToolCall, ToolChoice,
};
use leadsman_testkit::{Answer, End, FakeModel, FakeModelOptions, Gate, Reply};
use secrecy::SecretString;
use serde_json::json;

#[tokio::test]
async fn answers_alike_with_and_without_a_stream() {
    for stream in [true, false] {
        let server = FakeModel::start(|_| {
            Reply::Answer(Answer {
                text: "Looking at both.".into(),
                calls: vec![
                    ("get_pod".into(), r#"{"name":"cart-0"}"#.into()),
                    ("get_events".into(), r#"{"limit":5}"#.into()),
                ],
                usage: Some((1234, 56)),
                finish: None,
            })
        });
        let options = OpenAiOptions { stream, ..options(&server) };
        let model = OpenAiCompatible::new(options).unwrap();
        let ear = Ear::default();
        let answer = model.complete(&request(), Some(&ear)).await.unwrap();
        assert_eq!(answer.text, "Looking at both.");
        assert_eq!(ear.heard(), "Looking at both.");
        assert_eq!(answer.finish, FinishReason::ToolCalls);
        assert_eq!(answer.usage, TokenUsage { prompt: 1234, completion: 56, cached: 0 });
        let calls: Vec<_> =
            answer.tool_calls.iter().map(|call| (&*call.name, &*call.arguments)).collect();
        assert_eq!(calls, [("get_pod", r#"{"name":"cart-0"}"#), ("get_events", r#"{"limit":5}"#)]);
        assert_eq!(server.requests()[0].body["stream"], stream);
        server.assert_clean();
    }
}

#[tokio::test]
async fn a_later_turn_repeats_the_bytes_of_the_earlier_one() {
    let server = FakeModel::start(|view| match view.turn() {
        0 => Reply::call("get_pod", &json!({ "name": "cart-0" })),
        _ => Reply::text("It is out of memory."),
    });
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let mut request = request();
    let answer = model.complete(&request, None).await.unwrap();
    tool_turn(&mut request, &answer, "OOMKilled");
    model.complete(&request, None).await.unwrap();
    let seen = server.requests();
    let first = seen[0].raw.strip_suffix(b"]}").expect("messages come last");
    assert!(seen[1].raw.starts_with(first));
    assert_eq!(seen[1].tool_results(), [("get_pod", "OOMKilled")]);
    server.assert_clean();
}

#[tokio::test]
async fn sends_what_is_configured_and_nothing_else() {
    let with_key = FakeModelOptions { api_key: Some("s3cret-key".into()), ..Default::default() };
    let server = FakeModel::start_with(with_key, |_| Reply::text("ok"));
    let model = OpenAiCompatible::new(OpenAiOptions {
        endpoint: format!("{}/llm/", server.endpoint()),
        api_key: Some(SecretString::from("  s3cret-key\n")),
        temperature: Some(0.2),
        headers: vec![("x-team".into(), SecretString::from("sre"))],
        ..options(&server)
    })
    .unwrap();
    let mut full = request();
    full.max_output_tokens = Some(300);
    full.tool_choice = ToolChoice::Required;
    model.complete(&full, None).await.unwrap();
    server.assert_clean();
    let seen = &server.requests()[0];
    assert_eq!(seen.path, "/llm/v1/chat/completions");
    assert_eq!(seen.headers["x-team"], "sre");
    assert_eq!(seen.body["temperature"], json!(0.2));
    assert_eq!(seen.body["max_tokens"], 300);
    assert_eq!(seen.body["tool_choice"], "required");
    assert_eq!(seen.body["stream_options"], json!({ "include_usage": true }));

    let plain = OpenAiCompatible::new(OpenAiOptions {
        api_key: Some(SecretString::from("s3cret-key")),
        stream: false,
        ..options(&server)
    });
    plain.unwrap().complete(&request(), None).await.unwrap();
    let seen = &server.requests()[1];
    for field in
        ["temperature", "max_tokens", "max_completion_tokens", "tool_choice", "stream_options"]
    {
        assert!(seen.body.get(field).is_none(), "{field}");
    }
}

#[tokio::test]
async fn leaves_out_fields_that_the_server_refuses_and_remembers_it() {
    let server = FakeModel::start(|view| {
        let refuse = |name: &str| {
            Reply::status(
                400,
                json!({ "error": { "message": format!("Unsupported parameter: '{name}'") } })
                    .to_string(),
            )
        };
        let fields = ["stream_options", "max_tokens", "tool_choice"];
        match fields.iter().find(|field| view.body.get(**field).is_some()) {
            Some(field) => refuse(field),
            None => Reply::text("ok"),
        }
    });
    let model =
        OpenAiCompatible::new(OpenAiOptions { max_retries: 0, ..options(&server) }).unwrap();
    let mut request = request();
    request.max_output_tokens = Some(300);
    request.tool_choice = ToolChoice::Required;
    model.complete(&request, None).await.unwrap();
    assert_eq!(server.requests().len(), 4);
    assert_eq!(server.requests()[3].body["max_completion_tokens"], 300);
    model.complete(&request, None).await.unwrap();
    assert_eq!(server.requests().len(), 5, "the second call must know already");
    server.assert_clean();
}

#[tokio::test]
async fn errors_keep_their_meaning() {
    let cases: Vec<(Reply, ModelError)> = vec![
        (Reply::error(401, "invalid_api_key", "no"), ModelError::Unauthorized),
        (Reply::status(403, "<html>"), ModelError::Unauthorized),
        (
            Reply::error(404, "model_not_found", "no such model"),
            ModelError::NotFound("no such model".into()),
        ),
        (Reply::error(429, "insufficient_quota", "pay"), ModelError::Rejected("429: pay".into())),
        (
            Reply::status(400, r#"{"detail":"bad role"}"#),
            ModelError::Rejected("400: bad role".into()),
        ),
        (
            Reply::status(400, r#"{"error":"no tools here"}"#),
            ModelError::Rejected("400: no tools here".into()),
        ),
        (Reply::status(413, "too big"), ModelError::ContextTooLong),
        (Reply::error(400, "context_length_exceeded", "x"), ModelError::ContextTooLong),
        (
            Reply::status(
                400,
                r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested max_tokens","type":"BadRequestError","param":null,"code":400}"#,
            ),
            ModelError::ContextTooLong,
        ),
        (
            Reply::status(
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            ),
            ModelError::ContextTooLong,
        ),
        (
            Reply::status(307, "").header("location", "https://elsewhere/v1"),
            ModelError::Rejected(
                "307: the endpoint redirects to https://elsewhere/v1; set that as the endpoint"
                    .into(),
            ),
        ),
    ];
    for (reply, expected) in cases {
        let server = FakeModel::start(move |_| reply.clone());
        let model = OpenAiCompatible::new(options(&server)).unwrap();
        assert_eq!(model.complete(&request(), None).await.unwrap_err(), expected);
        assert_eq!(server.requests().len(), 1, "{expected:?} must not be retried");
    }
}

#[tokio::test]
async fn retries_what_passes_and_reports_what_does_not() {
    let count = AtomicUsize::new(0);
    let server = FakeModel::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(429, "slow down").header("retry-after", "0"),
        1 => Reply::status(503, "").header("retry-after-ms", "1"),
        2 => Reply::status(408, "").header("retry-after", "0"),
        _ => Reply::text("there"),
    });
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    assert_eq!(model.complete(&request(), None).await.unwrap().text, "there");
    assert_eq!(server.requests().len(), 4);

    let server = FakeModel::start(|_| {
        Reply::status(429, r#"{"error":{"code":429}}"#).header("retry-after", "0")
    });
    let model =
        OpenAiCompatible::new(OpenAiOptions { max_retries: 2, ..options(&server) }).unwrap();
    let error = model.complete(&request(), None).await.unwrap_err();
    assert_eq!(error, ModelError::RateLimited { retry_after: Some(Duration::ZERO) });
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn does_not_wait_for_what_the_deadline_cannot_cover() {
    let server = FakeModel::start(|_| {
        Reply::status(429, "")
            .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .header("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT")
    });
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let error = model.complete(&request(), None).await.unwrap_err();
    assert_eq!(error, ModelError::RateLimited { retry_after: Some(Duration::from_secs(3600)) });
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_unavailable() {
    let endpoint = FakeModel::start(|_| Reply::hang()).endpoint();
    let options = OpenAiOptions { max_retries: 0, ..OpenAiOptions::new(endpoint, "m") };
    let error =
        OpenAiCompatible::new(options).unwrap().complete(&request(), None).await.unwrap_err();
    assert!(matches!(error, ModelError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn deadlines_hold() {
    let server = FakeModel::start(|_| Reply::hang());
    let limit = Duration::from_millis(100);
    let model = OpenAiCompatible::new(OpenAiOptions { request_timeout: limit, ..options(&server) });
    let error = model.unwrap().complete(&request(), None).await.unwrap_err();
    assert_eq!(error, ModelError::Timeout(limit));

    let event = r#"data: {"choices":[{"delta":{"content":"a"}}]}"#;
    let piece = bytes::Bytes::from(format!("{event}\n\n"));
    let server = FakeModel::start(move |_| Reply::stream([piece.clone()], End::Hold(Gate::new())));
    let model = OpenAiCompatible::new(OpenAiOptions {
        read_timeout: limit,
        max_retries: 0,
        ..options(&server)
    });
    let error = model.unwrap().complete(&request(), None).await.unwrap_err();
    assert_eq!(error, ModelError::Timeout(limit));
}

#[tokio::test]
async fn dropping_a_call_closes_the_connection() {
    let event = bytes::Bytes::from("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n");
    let silent = Reply::hang();
    let streaming = Reply::stream([event], End::Hold(Gate::new()));
    for (reply, heard) in [(silent, ""), (streaming, "a")] {
        let server = FakeModel::start(move |_| reply.clone());
        let model = OpenAiCompatible::new(options(&server)).unwrap();
        let ear = Ear::default();
        let request = request();
        {
            let mut call = model.complete(&request, Some(&ear));
            tokio::select! {
                answer = &mut call => panic!("no answer is due: {answer:?}"),
                () = async { server.wait_for_requests(1).await; ear.wait_for(heard).await } => {}
            }
        }
        let dropped = Instant::now();
        server.wait_for_disconnects(1).await;
        assert!(dropped.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn replays_only_what_servers_accept() {
    let server = FakeModel::start(|_| Reply::text("ok"));
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let mut request = request();
    let odd = ["not json", "", "[1]", "{\"a\":", "{\"a\":1} x"];
    let calls = odd.iter().enumerate().map(|(place, arguments)| ToolCall {
        id: format!("c{place}"),
        name: ["get_pod", "", "bad name!", "ünï", "x"][place].into(),
        arguments: (*arguments).into(),
    });
    let tool_calls: Vec<_> = calls.collect();
    request
        .messages
        .push(Message::Assistant { text: String::new(), tool_calls: tool_calls.clone() });
    for call in &tool_calls {
        request.messages.push(Message::Tool { call_id: call.id.clone(), text: "invalid".into() });
    }
    model.complete(&request, None).await.unwrap();
    server.assert_clean();
}

#[tokio::test]
async fn a_huge_request_is_refused_before_it_is_sent() {
    let server = FakeModel::start(|_| Reply::text("ok"));
    let model = OpenAiCompatible::new(options(&server)).unwrap();
    let mut request = request();
    request.messages.push(Message::User { text: "x".repeat(17 << 20) });
    assert_eq!(model.complete(&request, None).await.unwrap_err(), ModelError::ContextTooLong);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn secrets_stay_out_of_errors_and_debug_output() {
    let server = FakeModel::start(|_| Reply::error(400, "bad", "the key sk-very-secret is odd"));
    let model = OpenAiCompatible::new(OpenAiOptions {
        api_key: Some(SecretString::from("sk-very-secret")),
        headers: vec![("api-key".into(), SecretString::from("other-secret"))],
        ..options(&server)
    })
    .unwrap();
    let error = model.complete(&request(), None).await.unwrap_err();
    assert_eq!(error, ModelError::Rejected("400: the key [redacted] is odd".into()));
    let debug = format!("{model:?}");
    assert!(!debug.contains("sk-very-secret") && !debug.contains("other-secret"), "{debug}");
}

#[tokio::test]
async fn turns_share_a_connection() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for stream in [true, false] {
        let server = FakeModel::start(move |_| match stream {
            true => Reply::stream([text.into()], End::Close),
            false => Reply::text("a"),
        });
        let options = OpenAiOptions { stream, ..options(&server) };
        let model = OpenAiCompatible::new(options).unwrap();
        for _ in 0..50 {
            model.complete(&request(), None).await.unwrap();
        }
        assert_eq!(server.connections(), 1, "stream: {stream}");
    }
}
