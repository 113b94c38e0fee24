//! Configuration, access and quotas.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{age, count, items, name, number, plain, text};
use super::{Number, Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    Some(match (group, kind) {
        ("", "ConfigMap") => Printer {
            columns: &[Text("Name"), Number("Data"), Text("Age")],
            cells: |object, now| {
                let entries = count(object, "/data") + count(object, "/binaryData");
                vec![name(object), entries.into(), age(object, now)]
            },
        },
        ("", "Secret") => Printer {
            columns: &[Text("Name"), Text("Type"), Number("Data"), Text("Age")],
            cells: |object, now| {
                let entries = count(object, "/data");
                vec![name(object), text(object, "/type").into(), entries.into(), age(object, now)]
            },
        },
        ("", "ServiceAccount") => Printer {
            columns: &[Text("Name"), Number("Secrets"), Text("Age")],
            cells: |object, now| {
                vec![name(object), count(object, "/secrets").into(), age(object, now)]
            },
        },
        ("", "ResourceQuota") => Printer {
            columns: &[Text("Name"), Text("Request"), Text("Limit"), Text("Age")],
            cells: quota,
        },
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole")
        | ("", "LimitRange")
        | ("apiextensions.k8s.io", "CustomResourceDefinition") => Printer {
            columns: &[Text("Name"), Text("Created At")],
            cells: |object, _| {
                vec![name(object), text(object, "/metadata/creationTimestamp").into()]
            },
        },
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => Printer {
            columns: &[
                Text("Name"),
                Text("Role"),
                Text("Age"),
                Wide("Users"),
                Wide("Groups"),
                Wide("ServiceAccounts"),
            ],
            cells: binding,
        },
        ("coordination.k8s.io", "Lease") => Printer {
            columns: &[Text("Name"), Text("Holder"), Text("Age")],
            cells: |object, now| {
                let holder = text(object, "/spec/holderIdentity");
                vec![name(object), holder.into(), age(object, now)]
            },
        },
        ("scheduling.k8s.io", "PriorityClass") => Printer {
            columns: &[
                Text("Name"),
                Number("Value"),
                Text("Global-Default"),
                Text("Age"),
                Text("PreemptionPolicy"),
            ],
            cells: priority_class,
        },
        ("admissionregistration.k8s.io", _) if kind.ends_with("WebhookConfiguration") => Printer {
            columns: &[Text("Name"), Number("Webhooks"), Text("Age")],
            cells: |object, now| {
                vec![name(object), count(object, "/webhooks").into(), age(object, now)]
            },
        },
        ("apiregistration.k8s.io", "APIService") => Printer {
            columns: &[Text("Name"), Text("Service"), Text("Available"), Text("Age")],
            cells: api_service,
        },
        _ => return None,
    })
}

fn quota(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut requests = Vec::new();
    let mut limits = Vec::new();
    if let Some(Value::Object(hard)) = object.pointer("/status/hard") {
        let used = object.pointer("/status/used");
        for (resource, hard) in hard {
            let used = used.and_then(|used| used.get(resource)).map(plain).unwrap_or_default();
            let list = if resource.starts_with("limits") { &mut limits } else { &mut requests };
            list.push(format!("{resource}: {used}/{}", plain(hard)));
        }
    }
    requests.sort();
    limits.sort();
    vec![name(object), requests.join(", ").into(), limits.join(", ").into(), age(object, now)]
}

fn binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let subjects = |kind: &str| {
        let of_kind = items(object, "/subjects").filter(|subject| text(subject, "/kind") == kind);
        let names = of_kind.map(|subject| match text(subject, "/namespace") {
            "" => text(subject, "/name").to_owned(),
            namespace => format!("{namespace}/{}", text(subject, "/name")),
        });
        Value::from(names.collect::<Vec<_>>().join(", "))
    };
    let role = format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name"));
    vec![
        name(object),
        role.into(),
        age(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

fn priority_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let is_default = object.get("globalDefault").and_then(Value::as_bool).unwrap_or(false);
    vec![
        name(object),
        number(object, "/value").into(),
        is_default.into(),
        age(object, now),
        text(object, "/preemptionPolicy").into(),
    ]
}

fn api_service(object: &Value, now: Timestamp) -> Vec<Value> {
    let service = match text(object, "/spec/service/name") {
        "" => "Local".to_owned(),
        service => format!("{}/{service}", text(object, "/spec/service/namespace")),
    };
    let available = items(object, "/status/conditions")
        .find(|condition| text(condition, "/type") == "Available")
        .map_or_else(
            || "Unknown".to_owned(),
            |condition| match (text(condition, "/status"), text(condition, "/reason")) {
                ("True", _) => "True".to_owned(),
                (status, reason) => format!("{status} ({reason})"),
            },
        );
    vec![name(object), service.into(), available.into(), age(object, now)]
}
