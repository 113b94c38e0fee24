//! Nodes that take their pods down with them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::graph::Scope;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::Pod;
use crate::triage::view::{Key, condition, shorten, text, time};

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.objects.kind("Node").filter_map(|node| not_ready(n, node)).collect()
}

fn not_ready(n: &Neighbourhood, node: &Value) -> Option<Draft> {
    let ready = condition(node, "Ready").filter(|ready| text(ready, "/status") != "True")?;
    let key = Key::of(node);
    let is_target = n.target.kind == "Node" && n.target.name == key.name;
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
    let mut draft =
        Draft::new(CauseCode::NodeNotReady, n.objects.reference(&key), key.clone(), summary)
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
