//! The fake model finds what is wrong with a request, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use leadsman_testkit::{FakeModel, FakeModelOptions, Gate, Reply, incident, investigator};
use serde_json::{Value, json};

async fn post(server: &FakeModel, body: &Value) -> reqwest::Response {
    let url = format!("{}/v1/chat/completions", server.endpoint());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(url).json(body).send().await.unwrap()
}

fn body(messages: &Value) -> Value {
    let tool = json!({ "type": "function", "function": {
        "name": "get_pod", "description": "Gets a pod.", "parameters": { "type": "object" } } });
    json!({ "model": "m", "messages": messages, "tools": [tool] })
}

fn beginning() -> Vec<Value> {
    vec![json!({ "role": "system", "content": "s" }), json!({ "role": "user", "content": "u" })]
}

fn call(id: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": "get_pod", "arguments": "{}" } })
}

fn conversation(rest: &[Value]) -> Value {
    body(&Value::Array([beginning(), rest.to_vec()].concat()))
}

async fn violations(requests: &[Value]) -> String {
    let server = FakeModel::start(|_| Reply::text("ok"));
    for request in requests {
        assert_eq!(post(&server, request).await.status(), 200);
    }
    server.violations().join("\n")
}

#[tokio::test]
async fn a_proper_conversation_is_clean() {
    let asked =
        json!({ "role": "assistant", "content": null, "tool_calls": [call("a"), call("b")] });
    let answer = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "x" });
    let first = vec![asked, answer("b"), answer("a")];
    let mut second = first.clone();
    second.push(json!({ "role": "assistant", "content": "Hm." }));
    second.push(json!({ "role": "user", "content": "Go on." }));
    // The second run of the same incident goes another way.
    let other = vec![
        json!({ "role": "assistant", "content": "No." }),
        json!({ "role": "user", "content": "?" }),
    ];
    let start = conversation(&[]);
    let requests =
        [start.clone(), start, conversation(&first), conversation(&other), conversation(&second)];
    assert_eq!(violations(&requests).await, "");
}

#[tokio::test]
async fn every_violation_is_named() {
    let user = json!({ "role": "user", "content": "u" });
    let asked =
        |id: &str| json!({ "role": "assistant", "content": null, "tool_calls": [call(id)] });
    let answer = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "x" });
    let said = json!({ "role": "assistant", "content": "y" });
    let mut bad_arguments = asked("a");
    bad_arguments["tool_calls"][0]["function"]["arguments"] = json!("{");
    let mut twice = conversation(&[]);
    let tool = twice["tools"][0].clone();
    twice["tools"] = json!([tool, tool]);
    let mut no_schema = conversation(&[]);
    no_schema["tools"][0]["function"]["parameters"] = json!({});
    let mut stream_options = conversation(&[]);
    stream_options["stream_options"] = json!({});
    let cases = [
        (body(&json!([user])), "the first is not a system message"),
        (conversation(std::slice::from_ref(&said)), "the last is neither"),
        (conversation(&[asked("a"), user.clone()]), "the call `a` before it has no answer"),
        (
            conversation(&[asked("a"), answer("a"), answer("a")]),
            "answers `a`, which no open call has",
        ),
        (
            conversation(&[asked("a"), answer("a"), asked("a"), answer("a")]),
            "the call id `a` is empty or repeated",
        ),
        (conversation(&[asked("a")]), "the call `a` before it has no answer"),
        (conversation(&[bad_arguments, answer("a")]), "not an object in a string"),
        (
            conversation(&[json!({ "role": "developer", "content": "x" })]),
            "`developer` is not allowed here",
        ),
        (conversation(&[json!({ "role": "user", "content": null })]), "no text"),
        (twice, "`get_pod` is offered twice"),
        (no_schema, "not an object schema"),
        (stream_options, "only allowed with stream"),
    ];
    for (request, expected) in cases {
        let found = violations(&[request]).await;
        assert!(found.contains(expected), "expected {expected:?}, found {found:?}");
    }
}

#[tokio::test]
async fn the_prefix_of_a_conversation_must_not_change() {
    let turns = |word: &str| {
        vec![
            json!({ "role": "assistant", "content": word }),
            json!({ "role": "user", "content": "?" }),
        ]
    };
    let changed = [turns("two"), turns("three")].concat();
    let requests = [conversation(&[]), conversation(&turns("one")), conversation(&changed)];
    assert!(violations(&requests).await.contains("do not begin with"));

    let mut other_tools = conversation(&turns("one"));
    other_tools["tools"][0]["function"]["description"] = json!("Another.");
    assert!(violations(&[conversation(&[]), other_tools]).await.contains("the tools differ"));
}

#[tokio::test]
async fn keys_are_checked() {
    let options = FakeModelOptions { api_key: Some("k".into()), ..Default::default() };
    let server = FakeModel::start_with(options, |_| Reply::text("ok"));
    assert_eq!(post(&server, &conversation(&[])).await.status(), 401);
    assert_eq!(server.violations(), ["request 0: authorization: missing or wrong"]);
}

#[tokio::test]
async fn gates_hold_replies_back() {
    let gate = Gate::new();
    let held = gate.clone();
    let server = FakeModel::start(move |_| Reply::text("ok").after(&held));
    let request = conversation(&[]);
    let opened = async {
        server.wait_for_requests(1).await;
        gate.open();
    };
    let (reply, ()) = tokio::join!(post(&server, &request), opened);
    let reply: Value = reply.json().await.unwrap();
    assert_eq!(reply["choices"][0]["message"]["content"], "ok");
}

#[tokio::test]
async fn the_investigator_looks_and_then_concludes() {
    let server = FakeModel::start(investigator(
        |_| vec![("get_pod".into(), json!({ "name": "a" })), ("not_offered".into(), json!({}))],
        |request| Reply::call("submit_result", &json!({ "seen": request.tool_results() })),
    ));
    let first: Value = post(&server, &conversation(&[])).await.json().await.unwrap();
    let message = &first["choices"][0]["message"];
    let calls = message["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "only what is on offer");
    let result = json!({ "role": "tool", "tool_call_id": calls[0]["id"], "content": "OOMKilled" });
    let second = conversation(&[message.clone(), result]);
    let second: Value = post(&server, &second).await.json().await.unwrap();
    let submitted = &second["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(submitted["name"], "submit_result");
    assert_eq!(submitted["arguments"], r#"{"seen":[["get_pod","OOMKilled"]]}"#);
    server.assert_clean();
}

#[test]
fn incidents_have_ids_of_their_own() {
    let (one, two) = (incident("shop", "Pod", "a"), incident("shop", "Pod", "a"));
    assert_ne!(one["incident_id"], two["incident_id"]);
    assert_ne!(one["remediation_id"], two["remediation_id"]);
}
