//! Workloads whose pods keep others away: the anti-affinity of pods that run already.

use serde_json::Value;

use super::objects::Objects;
use super::pod::Pod;
use super::policy;
use super::view::{condition, list, map, template, text};

/// The kinds that may hold such a rule.
pub(super) const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// What the scheduler says where a pod that runs keeps the waiting one away.
const TOLD: &str = "existing pods anti-affinity";

/// Whether the scheduler says so of a pod.
pub(super) fn is_told(objects: &Objects, pod: Pod<'_>) -> bool {
    let of_pod =
        condition(pod.0, "PodScheduled").map_or("", |scheduled| text(scheduled, "/message"));
    of_pod.contains(TOLD) || objects.events_of(&pod.key()).any(|event| event.message.contains(TOLD))
}

/// The rule of a workload that keeps a pod away.
pub(super) fn repels<'w>(workload: &'w Value, pod: Pod<'_>) -> Option<&'w Value> {
    let terms = template(workload)?
        .pointer("/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution")?;
    let labels = map(pod.0, "/metadata/labels");
    let own = text(workload, "/metadata/namespace") == pod.namespace();
    terms.as_array()?.iter().find(|term| {
        let named = list(term, "/namespaces");
        let in_namespace = match term.get("namespaceSelector") {
            // Which labels the namespace has is not known here; a selector that asks for none takes all.
            Some(selector) => {
                selector.as_object().is_some_and(serde_json::Map::is_empty)
                    || policy::matches(Some(selector), None)
            }
            None if named.is_empty() => own,
            None => false,
        };
        let in_namespace = in_namespace || named.iter().any(|name| name == pod.namespace());
        in_namespace
            && term.get("labelSelector").is_some()
            && policy::matches(term.get("labelSelector"), labels)
    })
}
