//! Finds the object that an incident is about, however incompletely the incident names it.

use std::sync::Arc;

use leadsman_ports::cluster::ObjectRef;
use serde_json::Value;

use crate::engine::incident::Incident;

use super::collect::Collector;
use super::objects::{Objects, Presence};
use super::view::{Key, map};

/// Alert labels that name an object, most telling first. Where a scrape's own label is in the way, Prometheus renames the
/// object's to `exported_…`. `service` and `job` are left out: they mostly name what was scraped.
const LABELS: [(&str, &str); 13] = [
    ("exported_pod", "Pod"),
    ("pod", "Pod"),
    ("pod_name", "Pod"),
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("job_name", "Job"),
    ("cronjob", "CronJob"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("exported_service", "Service"),
    ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("resourcequota", "ResourceQuota"),
    ("node", "Node"),
];

/// Labels whose values name no object.
const MUTE: [&str; 8] =
    ["alertname", "severity", "namespace", "cluster", "prometheus", "job", "service", "endpoint"];
/// At most so many namespaces are tried by their names alone.
const MAX_TOLD: usize = 3;

/// The kinds that a bare name is looked up in, most likely first.
const NAMED: [&str; 10] = [
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Service",
    "PersistentVolumeClaim",
    "ReplicaSet",
    "ResourceQuota",
];

/// Finds the target; `None` when nothing in the incident leads to an object.
pub(super) async fn target(
    collector: &mut Collector<'_>,
    incident: &Incident,
) -> Option<ObjectRef> {
    let clues = clues(incident);
    let mut namespaces: Vec<&str> = Vec::new();
    for clue in &clues {
        if !clue.namespace.is_empty() && !namespaces.contains(&clue.namespace.as_str()) {
            namespaces.push(&clue.namespace);
        }
        if let Some(found) = by_clue(collector, clue).await {
            return Some(found);
        }
    }
    let text = in_words(incident);
    let mut told: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
    // An incident about a namespace may stand in another one, which knows why the first is empty.
    let stands_in = incident.resource.namespace.trim().to_owned();
    if !stands_in.is_empty() && !told.contains(&stands_in) {
        told.push(stands_in);
    }
    if told.is_empty() {
        told = told_namespaces(collector, &text).await;
    }
    for namespace in &told {
        collector.namespace(namespace).await;
        if let Some(found) = mentioned(&collector.objects, namespace, &text) {
            return Some(collector.objects.reference(&found));
        }
        let whole =
            ObjectRef { kind: "Namespace".into(), name: namespace.clone(), ..Default::default() };
        let presence = collector.get(&whole).await;
        let is_last = told.last() == Some(namespace);
        let has_workloads =
            collector.objects.families().any(|(head, _)| head.namespace == *namespace);
        if presence == Presence::Present && !has_workloads && !is_last {
            collector.note(format!("namespace {namespace} holds no workload"));
            continue;
        }
        // A snapshot may hold a namespace's objects without the Namespace itself.
        if presence != Presence::Absent || collector.objects.inhabited(namespace) {
            return Some(collector.objects.reference(&Key::from(&whole)));
        }
        collector.note(format!("namespace {namespace} does not exist"));
        // That is an answer of its own, if there are others.
        if namespaces.contains(&namespace.as_str()) {
            collector.list("Namespace", None, None).await;
            if collector.objects.kind("Namespace").next().is_some() {
                return Some(collector.objects.reference(&Key::from(&whole)));
            }
        }
    }
    if let Some(node) = mentioned_node(collector, &text).await {
        return Some(node);
    }
    mentioned_anywhere(collector, &text).await
}

/// All that the incident says, with the values of its labels.
fn in_words(incident: &Incident) -> String {
    let mut text = told(incident);
    for (name, value) in &incident.labels {
        if !MUTE.contains(&name.as_str()) {
            text.push('\n');
            text.push_str(value);
        }
    }
    text
}

/// The namespaces that a text names, longest first.
async fn told_namespaces(collector: &mut Collector<'_>, text: &str) -> Vec<String> {
    let words = words(text);
    let mut found: Vec<String> = collector
        .list("Namespace", None, None)
        .await
        .into_iter()
        .map(|key| key.name)
        .filter(|name| words.contains(&name.as_str()))
        .collect();
    // A snapshot may hold a namespace's objects without the Namespace itself: `shop/cart-0`.
    if found.is_empty() {
        found = text
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | ',' | '`'))
            .filter_map(|word| word.split_once('/'))
            .filter(|(namespace, name)| is_name(namespace) && is_name(name))
            .map(|(namespace, _)| namespace.to_owned())
            .take(MAX_TOLD)
            .collect();
    }
    found.sort_by_key(|name| std::cmp::Reverse(name.len()));
    found.dedup();
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
}

/// The workload or Service, in whatever namespace, that a text names itself or by something it made.
async fn mentioned_anywhere(collector: &mut Collector<'_>, text: &str) -> Option<ObjectRef> {
    let words: Vec<&str> = words(text).into_iter().filter(|word| word.contains('-')).collect();
    if words.is_empty() {
        return None;
    }
    let mut searched: Vec<(&str, Arc<Vec<Value>>)> = Vec::new();
    for kind in ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Service"] {
        let Some(found) = collector.search(kind).await else { continue };
        let names: Vec<Key> = found.iter().map(Key::of).collect();
        searched.push((kind, found));
        let made = |key: &&Key| {
            words.iter().any(|word| {
                *word == key.name
                    || word
                        .strip_prefix(key.name.as_str())
                        .and_then(|rest| rest.strip_prefix('-'))
                        .is_some_and(|rest| {
                            kind != "Service"
                                && is_generated(kind, rest)
                                && rest.contains(|c: char| c.is_ascii_digit())
                        })
            })
        };
        if let Some(found) = names.iter().filter(made).max_by_key(|key| key.name.len()) {
            for (kind, objects) in searched {
                collector.adopt(kind, &found.namespace, &objects);
            }
            return Some(collector.objects.reference(found));
        }
    }
    None
}

/// The objects that the incident names, best first; kind, namespace or name may be empty.
fn clues(incident: &Incident) -> Vec<ObjectRef> {
    let label = |name: &str| incident.labels.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let named = &incident.resource;
    let namespace = Some(named.namespace.trim())
        .filter(|namespace| !namespace.is_empty())
        .or_else(|| label("exported_namespace"))
        .or_else(|| label("namespace"))
        .unwrap_or_default();
    let clue = |kind: &str, name: &str| ObjectRef {
        kind: kind.trim().to_owned(),
        namespace: namespace.to_owned(),
        name: name.trim().to_owned(),
        ..ObjectRef::default()
    };
    let mut clues = Vec::new();
    if let (Some(kind), Some(name)) = (label("target_resource_kind"), label("target_resource_name"))
    {
        clues.push(clue(kind, name));
    }
    let mut own = clue(&named.kind, &named.name);
    own.api_version.clone_from(&named.api_version);
    if own.kind.eq_ignore_ascii_case("namespace") && !own.name.is_empty() {
        own.namespace.clone_from(&own.name);
    }
    clues.push(own);
    for (name, kind) in LABELS {
        if let Some(value) = label(name) {
            clues.push(clue(kind, value));
        }
    }
    clues
}

async fn by_clue(collector: &mut Collector<'_>, clue: &ObjectRef) -> Option<ObjectRef> {
    if clue.name.is_empty() {
        return None;
    }
    if clue.kind.is_empty() {
        return by_name(collector, clue).await;
    }
    // A Namespace is looked into for what the text mentions before it is taken as a whole.
    if clue.kind.eq_ignore_ascii_case("namespace") {
        return None;
    }
    let Some(resource) = collector.resource_type(&clue.kind, &clue.api_version).await else {
        return by_name(collector, clue).await;
    };
    if resource.namespaced && clue.namespace.is_empty() {
        return anywhere(collector, &resource.kind, &clue.name).await;
    }
    let namespace = if resource.namespaced { clue.namespace.as_str() } else { "" };
    let key = Key::new(&resource.kind, namespace, &clue.name);
    let presence = collector.get(clue).await;
    if presence == Presence::Present {
        return Some(collector.objects.reference(&key));
    }
    if namespace.is_empty() {
        return None;
    }
    collector.namespace(namespace).await;
    if presence == Presence::Unknown && collector.objects.get(&key).is_some() {
        return Some(collector.objects.reference(&key));
    }
    let heir = heir(&collector.objects, namespace, &clue.name)?;
    let found = collector.objects.reference(&heir);
    if presence == Presence::Absent {
        collector.note(format!(
            "{key_text} does not exist any more; looked at {found} instead",
            key_text = collector.objects.reference(&key)
        ));
    }
    Some(found)
}

async fn by_name(collector: &mut Collector<'_>, clue: &ObjectRef) -> Option<ObjectRef> {
    if clue.namespace.is_empty() {
        for kind in ["Node"].into_iter().chain(NAMED) {
            if let Some(found) = anywhere(collector, kind, &clue.name).await {
                return Some(found);
            }
        }
        return None;
    }
    collector.namespace(&clue.namespace).await;
    let objects = &collector.objects;
    NAMED
        .iter()
        .map(|kind| Key::new(kind, &clue.namespace, &clue.name))
        .find(|key| objects.get(key).is_some())
        .or_else(|| heir(objects, &clue.namespace, &clue.name))
        .map(|key| objects.reference(&key))
}

/// Looks for an object of a kind in all namespaces.
async fn anywhere(collector: &mut Collector<'_>, kind: &str, name: &str) -> Option<ObjectRef> {
    let found = collector.list(kind, None, Some(format!("metadata.name={name}"))).await;
    let first = found.iter().find(|key| key.name == name)?;
    if found.len() > 1 {
        collector.note(format!(
            "{kind} {name} exists in {} namespaces; looked at the one in {}",
            found.len(),
            first.namespace
        ));
    }
    Some(collector.objects.reference(first))
}

/// The workload that a vanished pod, ReplicaSet or Job belonged to, by the way controllers name what they make; or the
/// workload that carries the name as a label.
pub(super) fn heir(objects: &Objects, namespace: &str, name: &str) -> Option<Key> {
    let owners = ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"];
    let workloads = || {
        owners
            .iter()
            .flat_map(|kind| objects.kind(kind))
            .map(Key::of)
            .filter(|key| key.namespace == namespace)
    };
    let by_prefix = workloads()
        .filter(|key| {
            name.strip_prefix(key.name.as_str())
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|rest| is_generated(&key.kind, rest))
        })
        .max_by_key(|key| key.name.len());
    by_prefix
        .map(|key| objects.head(&key))
        .or_else(|| workloads().find(|key| key.name.eq_ignore_ascii_case(name)))
        .or_else(|| {
            workloads().find(|key| {
                let labels = objects.get(key).and_then(|object| map(object, "/metadata/labels"));
                ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app"].iter().any(
                    |label| {
                        labels.and_then(|labels| labels.get(*label)).and_then(|v| v.as_str())
                            == Some(name)
                    },
                )
            })
        })
}

/// Whether the rest of a name after its owner's is what that kind of owner appends.
fn is_generated(owner: &str, rest: &str) -> bool {
    let parts: Vec<&str> = rest.split('-').collect();
    let hash = |part: &&str| {
        !part.is_empty()
            && part.len() <= 10
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    match owner {
        "StatefulSet" => parts.len() == 1 && parts.iter().all(number),
        "CronJob" => parts.first().is_some_and(number) && parts.len() <= 3,
        "Job" => parts.len() <= 2 && parts.iter().all(hash),
        "DaemonSet" => parts.len() == 1 && parts.iter().all(hash),
        _ => parts.len() <= 2 && parts.iter().all(hash),
    }
}

/// The namespace that an incident is about as a whole.
pub(super) fn named_namespace(incident: &Incident) -> Option<String> {
    let resource = &incident.resource;
    let whole = resource.kind.trim().eq_ignore_ascii_case("namespace");
    whole.then(|| resource.name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// All that the incident says in words.
pub(super) fn told(incident: &Incident) -> String {
    let mut text = format!(
        "{}\n{}\n{}",
        incident.signal_name,
        incident.error_message,
        incident.description.as_deref().unwrap_or_default()
    );
    for value in incident.annotations.values() {
        text.push('\n');
        text.push_str(value);
    }
    text
}

/// The object of a namespace with the longest name that the text mentions.
fn mentioned(objects: &Objects, namespace: &str, text: &str) -> Option<Key> {
    let words = words(text);
    NAMED
        .iter()
        .rev()
        .flat_map(|kind| objects.kind(kind))
        .map(Key::of)
        .filter(|key| key.namespace == namespace && words.contains(&key.name.as_str()))
        .max_by_key(|key| key.name.len())
        .or_else(|| {
            words
                .iter()
                .filter(|word| word.contains('-'))
                .find_map(|word| heir(objects, namespace, word))
        })
}

async fn mentioned_node(collector: &mut Collector<'_>, text: &str) -> Option<ObjectRef> {
    let nodes = collector.list("Node", None, None).await;
    let words = words(text);
    let node = nodes.into_iter().find(|node| words.contains(&node.name.as_str()))?;
    Some(collector.objects.reference(&node))
}

/// The parts of a text that could be object names.
fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))
        .map(|word| word.trim_matches(['.', '-']))
        .filter(|word| word.len() > 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_suffixes_tell_owners_apart() {
        assert!(is_generated("Deployment", "5d9c7b6f4d-x2x8z"));
        assert!(!is_generated("Deployment", "worker-5d9c7b6f4d-x2x8z"));
        assert!(is_generated("StatefulSet", "0"));
        assert!(!is_generated("StatefulSet", "x2x8z"));
        assert!(is_generated("CronJob", "29012345-x2x8z"));
        assert!(is_generated("DaemonSet", "x2x8z"));
    }

    #[test]
    fn names_are_found_in_prose() {
        assert_eq!(words("Pod shop/cart-0: failed."), ["Pod", "shop", "cart-0", "failed"]);
    }
}
