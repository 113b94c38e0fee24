//! Autoscalers, disruption budgets and ordered sets: what keeps the number of pods where it is.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::policy;
use crate::triage::view::{Event, Key, condition, flag, int, shorten, text, time};

use super::aggregation;

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let scalers = n.objects.kind("HorizontalPodAutoscaler").filter_map(|hpa| scaler(n, hpa));
    let budgets = n.objects.kind("PodDisruptionBudget").filter_map(|pdb| budget(n, pdb));
    let sets = n.objects.kind("StatefulSet").filter_map(|set| blocked(n, set));
    scalers.chain(budgets).chain(sets).chain(switched_off(n)).collect()
}

/// The target itself is scaled to nothing. What a Service says of it is left to the network rules.
fn switched_off(n: &Neighbourhood) -> Option<Draft> {
    let head = n.objects.head(&Key::from(&n.target));
    let replicas = int(n.objects.get(&head)?, "/spec/replicas")?;
    let switchable = matches!(head.kind.as_str(), "Deployment" | "StatefulSet");
    if !switchable || replicas != 0 || n.objects.pods_under(&head).any(|pod| !pod.ended()) {
        return None;
    }
    let summary = format!("{} {} is scaled to 0.", head.kind, head.name);
    Some(
        Draft::new(CauseCode::ScaledToZero, n.objects.reference(&head), head.clone(), summary)
            .chain([
                format!("{} {} has spec.replicas 0", head.kind, head.name),
                "No pod of it runs".to_owned(),
            ])
            .confidence(0.8)
            .words(&head, "replicas: 0"),
    )
}

fn scaler(n: &Neighbourhood, hpa: &Value) -> Option<Draft> {
    let key = Key::of(hpa);
    let state = |kind: &str, status: &str| {
        condition(hpa, kind).filter(|condition| text(condition, "/status") == status)
    };
    let able = state("AbleToScale", "False").filter(|c| text(c, "/reason") == "FailedGetScale");
    let blind = state("ScalingActive", "False")
        .filter(|c| text(c, "/reason") != "ScalingDisabled")
        // Where the metrics API is down, that is the cause.
        .filter(|_| !aggregation::blinds(n, hpa));
    let limited =
        state("ScalingLimited", "True").filter(|c| text(c, "/reason") == "TooManyReplicas");
    let ambiguous = blind.filter(|shown| text(shown, "/reason") == "AmbiguousSelector");
    let (cause, shown, why) = if let Some(shown) = ambiguous {
        (CauseCode::SelectorOverlap, shown, "another autoscaler selects the same pods")
    } else if let Some(shown) = able {
        (CauseCode::ScaleTargetMissing, shown, "its target cannot be found")
    } else if let Some(shown) = blind {
        (CauseCode::MetricsMissing, shown, "it gets no metrics")
    } else {
        (CauseCode::AtMaximum, limited?, "it wants more replicas than its maximum")
    };
    let message = text(shown, "/message");
    let broad = ambiguous.and_then(|_| too_broad(n, &key.namespace));
    let summary = format!(
        "HorizontalPodAutoscaler {}: {why}: {}.",
        key.name,
        shorten(message.trim_end_matches('.'), 200)
    );
    let target = broad.as_ref().unwrap_or(&key);
    let draft = Draft::new(cause, n.objects.reference(target), key.clone(), summary)
        .chain([
            format!("HorizontalPodAutoscaler {}: {why}", key.name),
            shorten(message, 200),
            format!(
                "{} {} keeps its replicas",
                text(hpa, "/spec/scaleTargetRef/kind"),
                text(hpa, "/spec/scaleTargetRef/name")
            ),
        ])
        .confidence(0.9)
        .at(time(shown, "/lastTransitionTime"))
        .part(&key, Some(shown));
    if let Some(workload) = &broad {
        let selector = n.objects.get(workload).and_then(|w| w.pointer("/spec/selector"));
        return Some(draft.part(workload, selector));
    }
    Some(match (cause, int(hpa, "/spec/maxReplicas")) {
        (CauseCode::AtMaximum, Some(most)) => draft.words(&key, &format!("maxReplicas: {most}")),
        _ => draft,
    })
}

/// The workload of a namespace whose selector takes in the pods of another one.
fn too_broad(n: &Neighbourhood, namespace: &str) -> Option<Key> {
    let local = || n.objects.families().map(|(head, _)| head).filter(|h| h.namespace == namespace);
    let selector = |head: &Key| n.objects.get(head).and_then(|w| w.pointer("/spec/selector"));
    local()
        .filter(|head| matches!(head.kind.as_str(), "Deployment" | "StatefulSet"))
        .find(|head| {
            local().any(|other| {
                let labels = n.objects.pod_labels(other);
                other != *head && labels.is_some() && policy::matches(selector(head), labels)
            })
        })
        .cloned()
}

/// A budget that leaves nothing by its own numbers matters when something waits for it.
fn budget(n: &Neighbourhood, pdb: &Value) -> Option<Draft> {
    let key = Key::of(pdb);
    let expected = int(pdb, "/status/expectedPods").unwrap_or(0);
    let desired = int(pdb, "/status/desiredHealthy").unwrap_or(0);
    let allowed = int(pdb, "/status/disruptionsAllowed")?;
    let healthy = int(pdb, "/status/currentHealthy").unwrap_or(0);
    if allowed > 0 || expected == 0 || desired < expected || healthy < desired {
        return None;
    }
    let selector = pdb.pointer("/spec/selector");
    let held: Vec<Key> = n
        .objects
        .pods()
        .filter(|pod| pod.namespace() == key.namespace)
        .filter(|pod| {
            policy::matches(selector, crate::triage::view::map(pod.0, "/metadata/labels"))
        })
        .map(|pod| pod.key())
        .collect();
    let draining = n
        .objects
        .kind("Node")
        .filter(|node| flag(node, "/spec/unschedulable"))
        .map(|node| text(node, "/metadata/name"))
        .find(|name| n.objects.pods().any(|pod| pod.node() == *name && held.contains(&pod.key())));
    let refused: Option<&Event> =
        n.objects.events().iter().find(|event| event.message.contains("disruption budget"));
    let asked = ["disruption", "drain", "evict", "pdb"].iter().any(|word| n.told.contains(word));
    if draining.is_none() && refused.is_none() && !asked {
        return None;
    }
    let summary = format!(
        "PodDisruptionBudget {} demands {desired} healthy pods of {expected}, so none may ever be evicted.",
        key.name
    );
    let waits = draining.map_or_else(
        || "Evictions are refused".to_owned(),
        |node| format!("Node {node} cannot be drained"),
    );
    Some(
        Draft::new(CauseCode::PdbDeadlock, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("PodDisruptionBudget {} demands {desired} of {expected} pods", key.name),
                "It allows 0 disruptions".to_owned(),
                waits,
            ])
            .confidence(if draining.is_some() || refused.is_some() { 0.93 } else { 0.8 })
            .part(&key, pdb.get("status"))
            .event(refused),
    )
}

/// The first member of an ordered set that the others wait for.
fn blocked(n: &Neighbourhood, set: &Value) -> Option<Draft> {
    let wanted = int(set, "/spec/replicas").unwrap_or(1);
    if text(set, "/spec/podManagementPolicy") == "Parallel" || wanted < 2 {
        return None;
    }
    let key = Key::of(set);
    let first = int(set, "/spec/ordinals/start").unwrap_or(0);
    let member = |ordinal: i64| {
        let name = format!("{}-{ordinal}", key.name);
        n.objects.pods_under(&key).find(move |pod| pod.name() == name)
    };
    let last = first.saturating_add(wanted.min(1_000));
    let stuck = (first..last).find_map(|ordinal| match member(ordinal) {
        Some(pod) if !pod.ready() => Some((ordinal, pod)),
        _ => None,
    })?;
    let missing = (stuck.0 + 1..last).filter(|ordinal| member(*ordinal).is_none()).count();
    if missing == 0 {
        return None;
    }
    let summary = format!(
        "StatefulSet {} waits for {}: {missing} members after it are not created.",
        key.name,
        stuck.1.name()
    );
    Some(
        Draft::new(CauseCode::OrdinalBlocked, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("Pod {} is not ready", stuck.1.name()),
                format!("StatefulSet {} creates its members in order", key.name),
                format!("{missing} members are missing"),
            ])
            .confidence(0.75)
            .part(&stuck.1.key(), condition(stuck.1.0, "Ready")),
    )
}
