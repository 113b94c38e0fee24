//! Controllers that keep pods running.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{age, containers, label_selector, labels, name, number, or_none};
use super::{Number, Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    Some(match (group, kind) {
        ("apps", "Deployment") => Printer {
            columns: &[
                Text("Name"),
                Text("Ready"),
                Number("Up-to-date"),
                Number("Available"),
                Text("Age"),
                Wide("Containers"),
                Wide("Images"),
                Wide("Selector"),
            ],
            cells: deployment,
        },
        ("apps", "ReplicaSet") => Printer { columns: REPLICAS, cells: replica_set },
        ("", "ReplicationController") => {
            Printer { columns: REPLICAS, cells: replication_controller }
        }
        ("apps", "StatefulSet") => Printer {
            columns: &[
                Text("Name"),
                Text("Ready"),
                Text("Age"),
                Wide("Containers"),
                Wide("Images"),
            ],
            cells: stateful_set,
        },
        ("apps", "DaemonSet") => Printer {
            columns: &[
                Text("Name"),
                Number("Desired"),
                Number("Current"),
                Number("Ready"),
                Number("Up-to-date"),
                Number("Available"),
                Text("Node Selector"),
                Text("Age"),
                Wide("Containers"),
                Wide("Images"),
                Wide("Selector"),
            ],
            cells: daemon_set,
        },
        _ => return None,
    })
}

const REPLICAS: &[super::Column] = &[
    Text("Name"),
    Number("Desired"),
    Number("Current"),
    Number("Ready"),
    Text("Age"),
    Wide("Containers"),
    Wide("Images"),
    Wide("Selector"),
];

const POD_SPEC: &str = "/spec/template/spec";

/// A workload that does not say how many replicas it wants wants one.
fn desired(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD_SPEC);
    vec![
        name(object),
        format!("{}/{}", number(object, "/status/readyReplicas"), desired(object)).into(),
        number(object, "/status/updatedReplicas").into(),
        number(object, "/status/availableReplicas").into(),
        age(object, now),
        names,
        images,
        or_none(label_selector(object, "/spec/selector")),
    ]
}

fn replicas(object: &Value, now: Timestamp, selector: String) -> Vec<Value> {
    let (names, images) = containers(object, POD_SPEC);
    vec![
        name(object),
        desired(object).into(),
        number(object, "/status/replicas").into(),
        number(object, "/status/readyReplicas").into(),
        age(object, now),
        names,
        images,
        or_none(selector),
    ]
}

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, label_selector(object, "/spec/selector"))
}

fn replication_controller(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, labels(object, "/spec/selector"))
}

fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD_SPEC);
    vec![
        name(object),
        format!("{}/{}", number(object, "/status/readyReplicas"), desired(object)).into(),
        age(object, now),
        names,
        images,
    ]
}

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD_SPEC);
    vec![
        name(object),
        number(object, "/status/desiredNumberScheduled").into(),
        number(object, "/status/currentNumberScheduled").into(),
        number(object, "/status/numberReady").into(),
        number(object, "/status/updatedNumberScheduled").into(),
        number(object, "/status/numberAvailable").into(),
        or_none(labels(object, "/spec/template/spec/nodeSelector")),
        age(object, now),
        names,
        images,
        or_none(label_selector(object, "/spec/selector")),
    ]
}
