//! Nodes and namespaces.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{age, items, name, or, or_none, text};
use super::{Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    Some(match (group, kind) {
        ("", "Node") => Printer {
            columns: &[
                Text("Name"),
                Text("Status"),
                Text("Roles"),
                Text("Age"),
                Text("Version"),
                Wide("Internal-IP"),
                Wide("External-IP"),
                Wide("OS-Image"),
                Wide("Kernel-Version"),
                Wide("Container-Runtime"),
            ],
            cells: node,
        },
        ("", "Namespace") => Printer {
            columns: &[Text("Name"), Text("Status"), Text("Age")],
            cells: |object, now| {
                vec![name(object), text(object, "/status/phase").into(), age(object, now)]
            },
        },
        _ => return None,
    })
}

fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let unknown = |pointer: &str| or(text(object, pointer), "<unknown>");
    let address = |kind: &str| {
        let mut addresses = items(object, "/status/addresses");
        let found = addresses.find(|address| text(address, "/type") == kind);
        or_none(found.map_or("", |address| text(address, "/address")))
    };
    vec![
        name(object),
        status(object).into(),
        or_none(roles(object)),
        age(object, now),
        text(object, "/status/nodeInfo/kubeletVersion").into(),
        address("InternalIP"),
        address("ExternalIP"),
        unknown("/status/nodeInfo/osImage"),
        unknown("/status/nodeInfo/kernelVersion"),
        unknown("/status/nodeInfo/containerRuntimeVersion"),
    ]
}

fn status(object: &Value) -> String {
    let ready = items(object, "/status/conditions")
        .find(|condition| text(condition, "/type") == "Ready")
        .map(|condition| text(condition, "/status"));
    let mut status = match ready {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if object.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true) {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(object: &Value) -> String {
    let Some(Value::Object(labels)) = object.pointer("/metadata/labels") else {
        return String::new();
    };
    let role =
        |(label, value): (&String, &Value)| match label.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => (!role.is_empty()).then(|| role.to_owned()),
            None if label == "kubernetes.io/role" => value.as_str().map(str::to_owned),
            None => None,
        };
    let mut roles: Vec<String> = labels.iter().filter_map(role).collect();
    roles.sort();
    roles.dedup();
    roles.join(",")
}
