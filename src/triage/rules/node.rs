//! Nodes that take their pods down with them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::graph::Scope;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::Pod;
use crate::triage::view::{Key, condition, map, shorten, text, time};

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.objects
        .kind("Node")
        .flat_map(|node| [not_ready(n, node), pressed(n, node), skewed(n, node)])
        .flatten()
        .collect()
}

/// Conditions that are faults when they are true.
const PRESSURES: [(&str, CauseCode, &str); 4] = [
    ("MemoryPressure", CauseCode::MemoryPressure, "is short of memory"),
    ("DiskPressure", CauseCode::DiskPressure, "is short of disk"),
    ("PIDPressure", CauseCode::PidPressure, "runs out of process ids"),
    ("NetworkUnavailable", CauseCode::NetworkUnavailable, "has no pod network"),
];

/// What runtimes are called when they do not work.
const RUNTIME: [&str; 4] = [
    "container runtime is down",
    "PLEG is not healthy",
    "container runtime not running",
    "container runtime status check may not have completed",
];

fn is_target(n: &Neighbourhood, key: &Key) -> bool {
    n.target.kind == "Node" && n.target.name == key.name
}

/// Whether a pod near the target is in trouble on the node.
fn troubled<'n>(n: &'n Neighbourhood, key: &Key) -> Option<Pod<'n>> {
    n.objects.pods().find(|pod| {
        pod.node() == key.name && !pod.fine() && n.graph.scope(&pod.key()) != Scope::Elsewhere
    })
}

fn pressed(n: &Neighbourhood, node: &Value) -> Option<Draft> {
    let key = Key::of(node);
    let (shown, cause, what) = PRESSURES.iter().find_map(|(kind, cause, what)| {
        let shown = condition(node, kind).filter(|shown| text(shown, "/status") == "True")?;
        Some((shown, *cause, *what))
    })?;
    let troubled = troubled(n, &key);
    let waits =
        n.pods().find(|pod| pod.unscheduled() && n.graph.scope(&pod.key()) != Scope::Elsewhere);
    if troubled.is_none() && waits.is_none() && !is_target(n, &key) {
        return None;
    }
    let message = text(shown, "/message");
    let summary =
        format!("Node {} {what}: {}.", key.name, shorten(message.trim_end_matches('.'), 160));
    let symptom = troubled.or(waits).map_or_else(
        || format!("Node {} takes no new pods", key.name),
        |pod| format!("Pod {} cannot run there", pod.name()),
    );
    Some(
        Draft::new(cause, n.objects.reference(&key), key.clone(), summary)
            .chain([format!("Node {} {what}", key.name), shorten(message, 200), symptom])
            .confidence(0.93)
            .at(time(shown, "/lastTransitionTime"))
            .part(&key, Some(shown)),
    )
}

/// The minor version of a kubelet: 31 of `v1.31.4`.
fn minor(node: &Value) -> Option<i64> {
    text(node, "/status/nodeInfo/kubeletVersion").split('.').nth(1)?.parse().ok()
}

/// A kubelet that the control plane does not support, where its pods are in trouble.
fn skewed(n: &Neighbourhood, node: &Value) -> Option<Draft> {
    let key = Key::of(node);
    let own = minor(node)?;
    let is_control = |node: &&Value| {
        map(node, "/metadata/labels")
            .is_some_and(|labels| labels.contains_key("node-role.kubernetes.io/control-plane"))
    };
    // A managed control plane has no nodes; it is never older than the newest of the others.
    let control = n
        .objects
        .kind("Node")
        .filter(is_control)
        .filter_map(minor)
        .max()
        .or_else(|| n.objects.kind("Node").filter_map(minor).max())?;
    let supported = own <= control && control - own <= 3;
    let pod = troubled(n, &key);
    if supported || (pod.is_none() && !is_target(n, &key)) {
        return None;
    }
    let version = text(node, "/status/nodeInfo/kubeletVersion");
    let summary =
        format!("Node {} runs kubelet {version}, the control plane 1.{control}.", key.name);
    Some(
        Draft::new(CauseCode::VersionSkew, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("The kubelet of node {} is {version}", key.name),
                format!("The control plane is 1.{control}, which does not support it"),
                pod.map_or_else(String::new, |pod| {
                    format!("Pod {} on it is not ready", pod.name())
                }),
            ])
            .confidence(0.85)
            .words(&key, &format!("kubeletVersion: {version}")),
    )
}

fn not_ready(n: &Neighbourhood, node: &Value) -> Option<Draft> {
    let ready = condition(node, "Ready").filter(|ready| text(ready, "/status") != "True")?;
    let key = Key::of(node);
    let is_target = is_target(n, &key);
    let on_it: Vec<Pod<'_>> = n
        .objects
        .pods()
        .filter(|pod| pod.node() == key.name && !pod.ended())
        .filter(|pod| !pod.ready() || pod.deleting())
        .collect();
    // A sick node explains the target only if the target's failing pods are on it.
    let near = |pod: &Pod<'_>| n.graph.scope(&pod.key()) != Scope::Elsewhere;
    let elsewhere = n
        .pods()
        .filter(|pod| near(pod) && !pod.fine() && !pod.node().is_empty())
        .filter(|pod| pod.node() != key.name)
        .count();
    let here = on_it.iter().filter(|pod| near(pod)).count();
    if !is_target && here == 0 {
        return None;
    }
    let heads: BTreeSet<String> = on_it.iter().map(|pod| n.objects.head(&pod.key()).name).collect();
    let reason = text(ready, "/reason");
    let message = text(ready, "/message");
    let since = time(ready, "/lastTransitionTime");
    let summary = format!(
        "Node {} is not ready since {} ({reason}: {}); {} of its pods are down.",
        key.name,
        since.map_or_else(|| "an unknown time".to_owned(), |since| since.to_string()),
        shorten(message, 160),
        on_it.len()
    );
    let event = n
        .objects
        .events()
        .iter()
        .find(|event| {
            event.reason == "NodeNotReady"
                && (event.about == key || on_it.iter().any(|pod| pod.key() == event.about))
        })
        .cloned();
    let affected: Vec<String> = heads.into_iter().take(4).collect();
    let symptom = if affected.is_empty() {
        format!("Node {} takes no pods", key.name)
    } else {
        format!("The pods on it are not ready: {}", affected.join(", "))
    };
    let mostly_here = is_target || here > elsewhere;
    let runtime =
        text(ready, "/status") == "False" && RUNTIME.iter().any(|words| message.contains(words));
    let cause = if runtime { CauseCode::RuntimeDown } else { CauseCode::NodeNotReady };
    let mut draft = Draft::new(cause, n.objects.reference(&key), key.clone(), summary)
        .chain([
            format!("The kubelet of node {} stopped reporting Ready: {reason}", key.name),
            "The node controller marks the node and its pods as not ready".to_owned(),
            symptom,
        ])
        .confidence(if mostly_here { 0.95 } else { 0.6 })
        .active(mostly_here)
        .at(since)
        .part(&key, Some(ready))
        .event(event.as_ref());
    if let Some(pod) = on_it.iter().find(|pod| near(pod)) {
        draft = draft.words(&pod.key(), &format!("nodeName: {}", key.name));
    }
    Some(draft)
}
