//! What the tools ask and how they answer.

use std::time::Duration;

use leadsman_ports::tool::{Effect, ToolError};
use leadsman_prometheus::{PrometheusOptions, prometheus_tools};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::server::{FakePrometheus, call};

const INSTANT: &str = "execute_prometheus_instant_query";
const RANGE: &str = "execute_prometheus_range_query";

#[test]
fn every_tool_is_read_only_and_closes_its_schema() {
    let tools = prometheus_tools(PrometheusOptions::new("http://127.0.0.1:1")).unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool.spec().name.as_str()).collect();
    assert_eq!(
        names,
        [
            INSTANT,
            RANGE,
            "get_metric_names",
            "get_label_values",
            "get_all_labels",
            "get_series",
            "get_metric_metadata",
            "list_prometheus_rules"
        ]
    );
    let mut offered = 0;
    for tool in &tools {
        let spec = tool.spec();
        offered += json!([spec.name, spec.description, spec.parameters]).to_string().len();
        assert_eq!(spec.effect, Effect::ReadOnly);
        assert_eq!(spec.parameters["additionalProperties"], false);
        assert!(spec.byte_cap > 0 && spec.deadline > Duration::from_secs(20));
    }
    assert!(offered < 2_500, "every model request carries all of it: {offered} bytes");
}

#[tokio::test]
async fn instant_queries_list_series_with_short_values() {
    let server = FakePrometheus::succeeding(json!({"resultType": "vector", "result": [
        {"metric": {"__name__": "up", "job": "web"}, "value": [1767348000, "1"]},
        {"metric": {"job": "db"}, "value": [1767348000, "0.333333333"]},
        {"metric": {}, "value": [1767348000, "NaN"]},
        {"metric": {"job": "h"}, "histogram": [1767348000, {"count": "7", "sum": "1"}]}
    ]}))
    .await;
    let answer = server.call(INSTANT, json!({"query": "up + 1", "time": "1767348000"})).await;
    assert_eq!(
        answer.unwrap(),
        "up{job=\"web\"} 1\n{job=\"db\"} 0.3333\n{} NaN\n{job=\"h\"} histogram of 7\n"
    );
    assert_eq!(server.last(), "/api/v1/query?query=up+%2B+1&time=1767348000");
    let scalar = json!({"resultType": "scalar", "result": [1767348000, "42"]});
    let server = FakePrometheus::succeeding(scalar).await;
    assert_eq!(server.call(INSTANT, json!({"query": "42"})).await.unwrap(), "42\n");
    let server = FakePrometheus::succeeding(json!({"resultType": "vector", "result": []})).await;
    assert_eq!(server.call(INSTANT, json!({"query": "x"})).await.unwrap(), "No series.\n");
}

#[tokio::test]
async fn many_series_are_cut_and_said_so() {
    let series: Vec<Value> =
        (0..1000).map(|n| json!({"metric": {"pod": format!("p{n}")}, "value": [1, "1"]})).collect();
    let server =
        FakePrometheus::succeeding(json!({"resultType": "vector", "result": series})).await;
    let answer = server.call(INSTANT, json!({"query": "x"})).await.unwrap();
    assert_eq!(answer.lines().count(), 101);
    assert!(
        answer
            .ends_with("[100 of 1000 series shown; aggregate, add label matchers or use topk()]\n")
    );
}

#[tokio::test]
async fn ranges_are_summed_up() {
    let start = 1_767_348_000;
    let values: Vec<Value> =
        (0..40).map(|n| json!([start + n * 60, (n * n).to_string()])).collect();
    let server = FakePrometheus::succeeding(json!({"resultType": "matrix", "result": [
        {"metric": {"__name__": "errors"}, "values": values},
        {"metric": {"__name__": "calm"}, "values": [[start, "5"], [start + 60, "5"]]}
    ]}))
    .await;
    let arguments = json!({"query": "errors", "start": "2026-01-02T10:00:00Z",
        "end": "2026-01-02T10:39:00Z", "step": "1m"});
    let answer = server.call(RANGE, arguments).await.unwrap();
    assert_eq!(
        answer,
        "2026-01-02T10:00:00Z to 2026-01-02T10:39:00Z, step 60s\n\
         errors: 40 points, min 0 at 2026-01-02T10:00:00Z, max 1521 at 2026-01-02T10:39:00Z, avg 513.5, \
         first 0, last 1521 at 2026-01-02T10:39:00Z, rising\n  \
         averages of 4 points each: 3.5 31.5 91.5 183.5 307.5 463.5 651.5 871.5 1124 1408\n\
         calm: 2 points, always 5, from 2026-01-02T10:00:00Z to 2026-01-02T10:01:00Z\n"
    );
    assert_eq!(
        server.last(),
        "/api/v1/query_range?query=errors&start=1767348000&end=1767350340&step=60"
    );
}

#[tokio::test]
async fn steps_are_widened_and_ranges_checked() {
    let server = FakePrometheus::succeeding(json!({"resultType": "matrix", "result": []})).await;
    let arguments = |start: &str, step: &str| json!({"query": "x", "start": start, "end": 1_767_348_000, "step": step});
    let answer = server.call(RANGE, arguments("1767261600", "1s")).await.unwrap();
    assert!(answer.contains("step 173s (widened") && answer.ends_with("No series.\n"), "{answer}");
    for (start, step, problem) in [
        ("1767348000", "1m", "invalid argument start: must lie before end"),
        ("last week", "1m", "invalid argument start: \"last week\" is no moment"),
        ("1767261600", "often", "invalid argument step: \"often\" is no duration"),
    ] {
        let error = server.call(RANGE, arguments(start, step)).await.unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
}

#[tokio::test]
async fn names_values_and_series_are_sorted_lines() {
    let server = FakePrometheus::succeeding(json!(["b", "a"])).await;
    let names = server.call("get_metric_names", json!({"match": "{job=\"x\"}"})).await.unwrap();
    assert_eq!(names, "a\nb\n");
    assert_eq!(server.last(), "/api/v1/label/__name__/values?match%5B%5D=%7Bjob%3D%22x%22%7D");
    server.call("get_label_values", json!({"label": "pod"})).await.unwrap();
    assert_eq!(server.last(), "/api/v1/label/pod/values");
    let before = server.seen().len();
    for label in ["../../admin", "a/b", "a?b", "1a", "a b", "é", "a%2fb"] {
        let error = server.call("get_label_values", json!({"label": label})).await.unwrap_err();
        assert!(matches!(error, ToolError::InvalidArgument { field, .. } if field == "label"));
    }
    assert_eq!(server.seen().len(), before, "nothing is sent for a label that is none");
    let server = FakePrometheus::succeeding(
        json!([{"__name__": "up", "job": "b"}, {"__name__": "up", "job": "a"}]),
    )
    .await;
    let arguments = json!({"match": "up", "start": 1, "end": 2, "limit": "1"});
    let series = server.call("get_series", arguments).await.unwrap();
    assert_eq!(series, "up{job=\"a\"}\n[1 of 2 series shown; narrow match or raise limit]\n");
    assert_eq!(server.last(), "/api/v1/series?match%5B%5D=up&start=1&end=2");
}

#[tokio::test]
async fn metadata_and_rules_are_lines() {
    let server = FakePrometheus::succeeding(
        json!({"up": [{"type": "gauge", "help": "Is it\nup", "unit": ""}]}),
    )
    .await;
    let metadata = server.call("get_metric_metadata", json!({"metric": "up"})).await.unwrap();
    assert_eq!(metadata, "up gauge: Is it up\n");
    let server = FakePrometheus::succeeding(json!({"groups": [{"name": "g", "rules": [
        {"type": "recording", "name": "a:sum", "query": "sum(a)", "health": "ok"},
        {"type": "alerting", "name": "Broken", "query": "x", "health": "err", "lastError": "many-to-many", "state": "inactive", "alerts": []},
        {"type": "alerting", "name": "Down", "query": "up == 0", "health": "ok", "state": "firing", "alerts": [
            {"labels": {"job": "web"}, "state": "firing", "activeAt": "2026-01-02T10:00:00Z", "value": "0"}]}
    ]}]})).await;
    assert_eq!(
        server.call("list_prometheus_rules", json!({})).await.unwrap(),
        "alerting Down state=firing: up == 0\n  firing since 2026-01-02T10:00:00Z {job=\"web\"} = 0\n\
         alerting Broken state=inactive health=err: x\n  error: many-to-many\n\
         recording a:sum: sum(a)\n"
    );
    let named = server.call("list_prometheus_rules", json!({"name": "down"})).await.unwrap();
    assert!(named.starts_with("alerting Down") && !named.contains("Broken"), "{named}");
}

#[tokio::test]
async fn failures_say_what_to_do() {
    for (status, body, message) in [
        (400, json!({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"}).to_string(),
            "invalid argument query: parse error: unexpected end"),
        (422, json!({"status": "error", "errorType": "execution", "error": "too many samples"}).to_string(),
            "Prometheus failed (execution): too many samples"),
        (401, String::new(), "denied: Prometheus refused the credentials (401"),
        (404, "<html>".to_owned(), "what answers is no Prometheus API: status 404"),
        (302, String::new(), "what answers is no Prometheus API: status 302"),
        (200, json!({"status": "success", "data": {"resultType": "new"}}).to_string(),
            "Prometheus answered with a type of result that is not known"),
    ] {
        let server = FakePrometheus::answering(status, body).await;
        let error = server.call(INSTANT, json!({"query": "up"})).await.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        assert_eq!(server.seen().len(), 1, "redirects are not followed, errors not repeated");
    }
    let warned = json!({"status": "success", "warnings": ["store down"],
        "data": {"resultType": "vector", "result": []}});
    let server = FakePrometheus::answering(200, warned.to_string()).await;
    let answer = server.call(INSTANT, json!({"query": "up"})).await.unwrap();
    assert_eq!(answer, "warning: store down\nNo series.\n");
}

#[tokio::test]
async fn a_huge_body_and_a_silent_server_end() {
    let server = FakePrometheus::answering(200, vec![b' '; 17 * 1024 * 1024]).await;
    let error = server.call(INSTANT, json!({"query": "up"})).await.unwrap_err().to_string();
    assert!(error.contains("larger than 16 MiB"), "{error}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = PrometheusOptions {
        timeout: Duration::from_millis(50),
        ..PrometheusOptions::new(format!("http://{}", listener.local_addr().unwrap()))
    };
    let error = call(options.clone(), INSTANT, json!({"query": "up"})).await.unwrap_err();
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    drop(listener);
    let options = PrometheusOptions { timeout: Duration::from_secs(5), ..options };
    let error = call(options, INSTANT, json!({"query": "up"})).await.unwrap_err();
    assert_eq!(error.to_string(), "Prometheus cannot be reached");
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let options = || PrometheusOptions::new("http://127.0.0.1:1");
    for (tool, arguments, message) in [
        (INSTANT, json!({}), "invalid argument query: is missing; give PromQL"),
        (INSTANT, json!({"query": ["up"]}), "invalid argument query: must be a string"),
        (
            INSTANT,
            json!({"query": "up", "x": 1}),
            "invalid argument x: does not exist; this tool takes query, time",
        ),
        (INSTANT, json!({"query": "x".repeat(7000)}), "invalid argument query: is longer than"),
        (
            "get_series",
            json!({"match": "up", "limit": 0}),
            "invalid argument limit: must be a whole number",
        ),
        ("get_all_labels", json!("x"), "invalid argument arguments: must be a JSON object"),
    ] {
        let error = call(options(), tool, arguments).await.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<f64>().prop_map(Value::from),
        "[a-zNI0-9.]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 32, 5, |inner| {
        let key = prop_oneof![
            Just("resultType".to_owned()),
            Just("result".to_owned()),
            Just("metric".to_owned()),
            Just("values".to_owned()),
            Just("groups".to_owned()),
            Just("rules".to_owned()),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_answer_is_read_or_refused(mut data in any_json(), kind in prop::sample::select(vec!["matrix", "vector", "scalar"])) {
        if let Value::Object(map) = &mut data {
            map.insert("resultType".to_owned(), kind.into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = FakePrometheus::succeeding(data).await;
            for (tool, arguments) in [
                (INSTANT, json!({"query": "x"})),
                (RANGE, json!({"query": "x", "start": 1, "end": 2})),
                ("get_series", json!({"match": "x", "start": 1, "end": 2})),
                ("get_metric_metadata", json!({})),
                ("list_prometheus_rules", json!({})),
            ] {
                if let Ok(text) = server.call(tool, arguments).await {
                    assert!(text.len() <= 32 * 1024);
                }
            }
        });
    }
}
