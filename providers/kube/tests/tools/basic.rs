//! Lists, descriptions, events, logs and usage.

use leadsman_ports::tool::{Effect, ToolError};
use serde_json::{Value, json};

use crate::support::{answer, call, call_in, tools, tools_on};

fn pod() -> Value {
    json!({"kind": "Pod", "namespace": "shop", "name": "cart-6d5f-abcde"})
}

#[test]
fn every_tool_is_read_only_and_closes_its_schema() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let tools = tools();
    let mut names: Vec<&str> = tools.iter().map(|tool| tool.spec().name.as_str()).collect();
    for tool in &tools {
        let spec = tool.spec();
        assert_eq!(spec.effect, Effect::ReadOnly, "{}", spec.name);
        assert!(spec.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        assert_eq!(spec.parameters["additionalProperties"], false, "{}", spec.name);
        for required in spec.parameters["required"].as_array().into_iter().flatten() {
            assert!(spec.parameters["properties"].get(required.as_str().unwrap()).is_some());
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), tools.len());
}

/// Every model request carries all of it.
#[tokio::test]
async fn the_offer_is_short() {
    let tools = tools();
    let sizes = tools.iter().map(|tool| {
        let spec = tool.spec();
        let offered = json!({"name": spec.name, "description": spec.description, "parameters": spec.parameters});
        (spec.name.clone(), offered.to_string().len())
    });
    let sizes: Vec<(String, usize)> = sizes.collect();
    let total: usize = sizes.iter().map(|(_, size)| size).sum();
    assert!(total < 7_000, "{total} bytes: {sizes:?}");
}

#[tokio::test]
async fn lists_are_tables() {
    let pods =
        answer("kubectl_get_by_kind_in_namespace", json!({"kind": "pods", "namespace": "shop"}))
            .await;
    assert_eq!(
        pods,
        "NAME             READY  STATUS            RESTARTS  IP        NODE      AGE\n\
         cart-6d5f-abcde  1/2    CrashLoopBackOff  7         10.0.0.5  worker-1  120m\n"
    );
    let nodes = answer("kubectl_get_by_kind_in_namespace", json!({"kind": "node"})).await;
    assert!(nodes.contains("worker-1  NotReady,MemoryPressure"), "{nodes}");
    let none = answer(
        "kubectl_get_by_kind_in_namespace",
        json!({"kind": "pvc", "namespace": "shop", "label_selector": "app=x"}),
    );
    assert_eq!(
        none.await,
        "No PersistentVolumeClaim objects in namespace shop that match app=x.\n"
    );
}

#[tokio::test]
async fn lists_go_on_where_they_stopped() {
    let first =
        answer("kubectl_get_by_kind_in_namespace", json!({"kind": "replicasets", "limit": "1"}))
            .await;
    let token = first.split("continue: ").nth(1).unwrap().trim_end_matches("]\n");
    assert!(first.contains("[1 shown, 1 more follow; continue: "), "{first}");
    let arguments = json!({"kind": "replicasets", "limit": 1, "continue": token});
    let second = answer("kubectl_get_by_kind_in_namespace", arguments).await;
    assert!(!second.contains("continue: ") && second.contains("old-1"), "{second}");
}

#[tokio::test]
async fn long_lists_end_with_what_is_in_which_state() {
    let pods: String = (0..12)
        .map(|n| {
            let phase = if n % 4 == 0 { "Pending" } else { "Running" };
            format!("---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{n}, namespace: a}}, status: {{phase: {phase}}}}}\n")
        })
        .collect();
    let tools = tools_on(vec![("pods.yaml".to_owned(), pods.into_bytes())]);
    let list = call_in(&tools, "kubectl_get_by_kind_in_namespace", json!({"kind": "pods"})).await;
    assert!(list.unwrap().ends_with("\n[12 shown: 9 Running, 3 Pending]\n"));
}

#[tokio::test]
async fn a_description_has_what_a_diagnosis_needs() {
    let text = answer("kubectl_describe", pod()).await;
    for part in [
        "Pod shop/cart-6d5f-abcde (v1)\n",
        "owner: ReplicaSet cart-6d5f\n",
        "container app:\n  image: cart:1.2\n",
        "limits: cpu=500m,memory=256Mi",
        "livenessProbe: http :8080/healthz delay=5s",
        "DB_PASSWORD (from secret db key password)",
        "last state: terminated: reason OOMKilled, exitCode 137",
        "state: waiting: reason CrashLoopBackOff",
        "volume config: configMap cart-config",
        "Ready      False   60m    ContainersNotReady",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let newest = text.find("BackOff ").unwrap();
    assert!(newest < text.rfind("Pulled").unwrap(), "events come newest first");
    let deployment = json!({"kind": "deploy", "namespace": "shop", "name": "cart"});
    let deployment = answer("kubectl_describe", deployment).await;
    assert!(deployment.contains("pods that it selects: 1, ready: 0"), "{deployment}");
    let node = answer("kubectl_describe", json!({"kind": "Node", "name": "worker-1"})).await;
    assert!(node.contains("\npods on it: 1, ready: 0\n"), "{node}");
    assert!(node.contains("NodeNotReady"), "events of cluster-scoped objects are found: {node}");
}

#[tokio::test]
async fn objects_are_yaml_that_reads_back() {
    let text = answer("kubectl_get_by_name", pod()).await;
    let object: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(object["metadata"]["name"], "cart-6d5f-abcde");
    assert_eq!(object["spec"]["containers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn events_are_newest_first_and_bounded() {
    let events = answer("kubectl_events", json!({"namespace": "shop"})).await;
    let lines: Vec<&str> = events.lines().collect();
    assert!(
        lines[1].starts_with("60s") && lines[1].contains("BackOff") && lines[1].contains(" 40 "),
        "{events}"
    );
    let one = answer("kubectl_events", json!({"namespace": "shop", "limit": 1})).await;
    assert!(one.ends_with("[the newest 1 of 2 events in namespace shop]\n"), "{one}");
    let none =
        answer("kubectl_events", json!({"namespace": "shop", "kind": "deploy", "name": "cart"}))
            .await;
    assert!(none.starts_with("No events of Deployment cart in namespace shop."), "{none}");
    let error = call("kubectl_events", json!({"kind": "Pod"})).await.unwrap_err();
    assert!(matches!(error, ToolError::InvalidArgument { field, .. } if field == "name"));
}

#[tokio::test]
async fn logs_cover_all_containers_and_are_redacted() {
    let mut arguments = json!({"pod": "cart-6d5f-abcde", "namespace": "shop"});
    let all = answer("kubectl_logs", arguments.clone()).await;
    assert!(all.starts_with("== container app ==\nstarting\n"), "{all}");
    assert!(all.contains("== container proxy ==\ntoken=<redacted:"), "{all}");
    arguments["previous"] = "true".into();
    let previous = answer("kubectl_logs", arguments.clone()).await;
    assert!(
        previous.contains("panic: out of memory") && previous.contains("(no log: "),
        "{previous}"
    );
    arguments =
        json!({"pod": "cart-6d5f-abcde", "namespace": "shop", "container": "app", "grep": "error"});
    let found = answer("kubectl_logs", arguments.clone()).await;
    assert_eq!(found, "== container app ==\nERROR one\nerror two\n");
    arguments["tail_lines"] = 1.into();
    let last = answer("kubectl_logs", arguments.clone()).await;
    assert_eq!(last, "== container app ==\n[the newest 1 of 2 lines]\nerror two\n");
    arguments["grep"] = "[".into();
    let error = call("kubectl_logs", arguments.clone()).await.unwrap_err();
    assert!(matches!(error, ToolError::InvalidArgument { field, .. } if field == "grep"));
    let wrong = json!({"pod": "cart-6d5f-abcde", "namespace": "shop", "container": "ap"});
    let error = call("kubectl_logs", wrong).await.unwrap_err().to_string();
    assert_eq!(error, "invalid argument container: \"ap\" does not exist; the pod has app, proxy");
}

#[tokio::test]
async fn usage_stands_beside_its_limit() {
    let pods = answer("kubectl_top_pods", json!({"namespace": "shop"})).await;
    assert!(pods.contains("app        250m  500m       240Mi   256Mi         94%"), "{pods}");
    let nodes = answer("kubectl_top_nodes", json!({})).await;
    assert!(nodes.contains("worker-1  2000m  50%   4096Mi  50%"), "{nodes}");
}

#[tokio::test]
async fn a_word_finds_the_objects_that_hold_it() {
    let found =
        answer("kubectl_find_resource", json!({"kind": "pods", "keyword": "CART-CONFIG"})).await;
    assert!(found.contains("cart-6d5f-abcde") && found.contains("1 of 1 matches"), "{found}");
    let none = answer("kubectl_find_resource", json!({"kind": "pods", "keyword": "zebra"})).await;
    assert_eq!(none, "No Pod contains \"zebra\"; 1 objects searched.\n");
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    for (tool, arguments, message) in [
        (
            "kubectl_describe",
            json!({"kind": "Pod", "namespace": "shop"}),
            "invalid argument name: is missing; give Object name",
        ),
        (
            "kubectl_describe",
            json!({"kind": "Pod", "name": "x"}),
            "invalid argument namespace: is missing; Pod objects live in one",
        ),
        (
            "kubectl_describe",
            json!({"kind": "Pod", "name": ["x"]}),
            "invalid argument name: must be a string, not a list",
        ),
        (
            "kubectl_events",
            json!({"limit": "many"}),
            "invalid argument limit: must be a whole number from 1 to 200, not \"many\"",
        ),
        (
            "kubectl_events",
            json!({"limit": 0}),
            "invalid argument limit: must be a whole number from 1 to 200, not 0",
        ),
        (
            "kubectl_logs",
            json!({"pod": "a", "namespace": "b", "previous": "maybe"}),
            "invalid argument previous: must be true or false, not \"maybe\"",
        ),
        (
            "kubectl_top_nodes",
            json!({"x": 1}),
            "invalid argument x: does not exist; this tool takes no arguments",
        ),
        (
            "kubectl_top_nodes",
            json!("x"),
            "invalid argument arguments: must be a JSON object, not \"x\"",
        ),
        (
            "kubectl_get_by_kind_in_namespace",
            json!({"kind": "podz"}),
            "invalid argument kind: the cluster serves no kind \"podz\"; did you mean Pod",
        ),
    ] {
        let error = call(tool, arguments.clone()).await.unwrap_err().to_string();
        assert!(error.starts_with(message), "{arguments} -> {error}");
    }
    let error =
        call("kubectl_describe", json!({"kind": "Pod", "namespace": "shop", "name": "cart"})).await;
    let Err(ToolError::NotFound(error)) = error else { panic!("found") };
    assert!(error.ends_with("similar names in namespace shop: cart-6d5f-abcde"), "{error}");
}

#[tokio::test]
async fn left_out_in_all_but_form_is_left_out() {
    let arguments = json!({"namespace": "", "kind": null, "name": null, "limit": "5"});
    assert!(answer("kubectl_events", arguments).await.contains("BackOff"));
}

#[tokio::test]
async fn the_same_call_gives_the_same_bytes() {
    for (tool, arguments) in [
        ("kubectl_describe", json!({"kind": "deploy", "namespace": "shop", "name": "cart"})),
        ("kubectl_top_pods", json!({})),
        ("kubectl_get_by_kind_in_namespace", json!({"kind": "nodes"})),
    ] {
        assert_eq!(answer(tool, arguments.clone()).await, answer(tool, arguments).await, "{tool}");
    }
}
