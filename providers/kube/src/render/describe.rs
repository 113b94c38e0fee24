//! One object in full: what it is, what holds of it, what it consists of.

use std::fmt::Write;

use jiff::Timestamp;
use leadsman_ports::cluster::ObjectRef;
use serde_json::Value;

use super::fields::{age, entries, items, number, object_age, pairs, plain, text};
use super::table::Table;
use super::{pod, yaml};

/// Longest annotation value that is shown, in bytes.
const MAX_ANNOTATION: usize = 200;
/// Parts that other sections of the description already show.
const SHOWN: &[&str] = &[
    "conditions",
    "template",
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
    "containerStatuses",
    "initContainerStatuses",
    "ephemeralContainerStatuses",
    "images",
];

/// Everything but related objects and events.
pub(crate) fn describe(object: &Value, now: Timestamp) -> String {
    let mut output = head(object, now);
    output.push_str(&conditions(object, now));
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let template =
        spec.pointer("/template/spec").or_else(|| spec.pointer("/jobTemplate/spec/template/spec"));
    if text(object, "/kind") == "Pod" {
        let summary = pod::summary(object);
        let _ = writeln!(
            output,
            "pod: {} {}/{} ready, {} restarts, node {}",
            summary.status,
            summary.ready,
            summary.total,
            summary.restarts,
            text(spec, "/nodeName")
        );
        output.push_str(&pod::containers(spec, object.get("status").unwrap_or(&Value::Null), now));
        output.push_str(&volumes(spec));
    } else if let Some(template) = template {
        output.push_str(&pod::containers(template, &Value::Null, now));
        output.push_str(&volumes(template));
        let account = text(template, "/serviceAccountName");
        if !account.is_empty() {
            let _ = writeln!(output, "service account: {account}");
        }
    }
    output.push_str(&rest(object));
    output
}

fn head(object: &Value, now: Timestamp) -> String {
    let mut output = format!("{} ({})\n", ObjectRef::of(object), text(object, "/apiVersion"));
    let _ = writeln!(
        output,
        "created: {} ({} ago)",
        text(object, "/metadata/creationTimestamp"),
        object_age(object, now)
    );
    let deleted = text(object, "/metadata/deletionTimestamp");
    if !deleted.is_empty() {
        let finalizers =
            items(object, "/metadata/finalizers").map(plain).collect::<Vec<_>>().join(",");
        let _ = writeln!(
            output,
            "being deleted since: {deleted} ({} ago); finalizers: {finalizers}",
            age(deleted, now)
        );
    }
    for owner in items(object, "/metadata/ownerReferences") {
        let _ = writeln!(output, "owner: {} {}", text(owner, "/kind"), text(owner, "/name"));
    }
    let labels = pairs(object, "/metadata/labels");
    if !labels.is_empty() {
        let _ = writeln!(output, "labels: {labels}");
    }
    for change in items(object, "/metadata/changes") {
        let _ = writeln!(output, "changed: {}", plain(change));
    }
    for (key, value) in entries(object, "/metadata/annotations") {
        let value = plain(value);
        let shown = &value[..value.floor_char_boundary(MAX_ANNOTATION)];
        let cut = if shown.len() < value.len() { "…" } else { "" };
        let _ = writeln!(output, "annotation {key}: {:?}{cut}", shown);
    }
    output
}

fn conditions(object: &Value, now: Timestamp) -> String {
    let mut table = Table::new(&["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"]);
    let mut any = false;
    for condition in items(object, "/status/conditions") {
        any = true;
        table.push(vec![
            text(condition, "/type").to_owned(),
            text(condition, "/status").to_owned(),
            age(text(condition, "/lastTransitionTime"), now),
            text(condition, "/reason").to_owned(),
            text(condition, "/message").to_owned(),
        ]);
    }
    if any { table.render() } else { String::new() }
}

fn volumes(spec: &Value) -> String {
    let mut output = String::new();
    for volume in items(spec, "/volumes").filter(|volume| !pod::is_token_mount(volume)) {
        for (kind, source) in
            volume.as_object().into_iter().flatten().filter(|(key, _)| *key != "name")
        {
            let target = ["/secretName", "/claimName", "/name", "/path", "/driver"]
                .iter()
                .map(|pointer| text(source, pointer))
                .find(|target| !target.is_empty());
            let target = target.map_or_else(|| source.to_string(), str::to_owned);
            let _ = writeln!(output, "volume {}: {kind} {target}", text(volume, "/name"));
        }
    }
    output
}

/// What the API server fills in where nobody asked for anything.
fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "dnsPolicy" => value == "ClusterFirst",
        "schedulerName" => value == "default-scheduler",
        "preemptionPolicy" => value == "PreemptLowerPriority",
        "terminationGracePeriodSeconds" => value == 30,
        "enableServiceLinks" => value == true,
        "priority" => value == 0,
        "securityContext" => value.as_object().is_some_and(serde_json::Map::is_empty),
        // The same as their singular, or as serviceAccountName.
        "hostIPs" | "podIPs" | "serviceAccount" => true,
        "tolerations" => value.as_array().is_some_and(|list| {
            list.iter().all(|toleration| {
                matches!(
                    text(toleration, "/key"),
                    "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable"
                ) && number(toleration, "/tolerationSeconds") == 300
            })
        }),
        _ => false,
    }
}

/// The remaining fields as YAML, so that no kind needs a section of its own to be complete.
fn rest(object: &Value) -> String {
    let mut output = String::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        if matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let mut value = value.clone();
        if let Value::Object(map) = &mut value {
            map.retain(|key, value| !SHOWN.contains(&key.as_str()) && !is_default(key, value));
            if map.is_empty() {
                continue;
            }
        }
        output.push_str(&yaml(&serde_json::json!({ key: value })));
        if !output.ends_with('\n') {
            output.push('\n');
        }
    }
    output
}

/// How many of these pods are ready, and what the others say. `which` says how they belong to the object.
pub(crate) fn pods(which: &str, pods: &[Value]) -> String {
    let mut output = String::new();
    let summaries: Vec<(&str, pod::Summary)> =
        pods.iter().map(|pod| (text(pod, "/metadata/name"), pod::summary(pod))).collect();
    let ready = summaries
        .iter()
        .filter(|(_, pod)| pod.ready == pod.total && pod.status == "Running")
        .count();
    let _ = writeln!(output, "{which}: {}, ready: {ready}", pods.len());
    for (name, summary) in summaries.iter().filter(|(_, pod)| pod.ready < pod.total) {
        let _ = writeln!(
            output,
            "  {name}: {} {}/{} ready, {} restarts",
            summary.status, summary.ready, summary.total, summary.restarts
        );
    }
    output
}

/// The label selector by which an object chooses pods, where it has a simple one.
pub(crate) fn selector(object: &Value) -> Option<String> {
    let labels = match text(object, "/kind") {
        "Service" | "ReplicationController" => pairs(object, "/spec/selector"),
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "Job"
        | "PodDisruptionBudget" => pairs(object, "/spec/selector/matchLabels"),
        _ => String::new(),
    };
    (!labels.is_empty()).then_some(labels)
}
