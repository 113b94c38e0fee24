//! Pods that no node takes. The scheduler says how many nodes each filter rejects; the nodes themselves say which filter
//! still rejects once the others are out of the way. Volumes are left to the storage rules.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::Pod;
use crate::triage::placement::{Needs, Obstacle, Verdict, judge};
use crate::triage::view::{Key, condition, shorten, text};

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.pods().filter(|pod| pod.unscheduled()).filter_map(|pod| waiting(n, pod)).collect()
}

/// What the scheduler said last, in an event or in the pod's own condition.
fn told(n: &Neighbourhood, pod: Pod<'_>) -> String {
    let key = pod.key();
    n.objects
        .events_of(&key)
        .find(|event| event.reason == "FailedScheduling" && event.message.contains("nodes are available"))
        .map(|event| event.message.clone())
        .or_else(|| {
            let scheduled = condition(pod.0, "PodScheduled")?;
            Some(text(scheduled, "/message").to_owned())
        })
        .unwrap_or_default()
}

/// The number of nodes that the scheduler's message gives a reason for.
fn count_before(message: &str, reason: &str) -> Option<u32> {
    let (before, _) = message.split_once(reason)?;
    before.trim_end().rsplit([' ', ',']).next()?.parse().ok()
}

/// The reasons that only the scheduler can judge, by the words of its message, with the number of nodes.
fn dynamic(message: &str) -> Option<(CauseCode, String)> {
    // What the scheduler says of preemption repeats counts for another purpose.
    let message = message.split("preemption:").next().unwrap_or(message);
    let table = [
        (CauseCode::InsufficientCpu, "Insufficient cpu"),
        (CauseCode::InsufficientMemory, "Insufficient memory"),
        (CauseCode::AffinityUnsatisfied, "node(s) didn't match pod anti-affinity"),
        (CauseCode::AffinityUnsatisfied, "node(s) didn't match pod affinity"),
        (CauseCode::AffinityUnsatisfied, "node(s) didn't satisfy existing pods anti-affinity"),
        (CauseCode::AffinityUnsatisfied, "node(s) didn't match pod topology spread"),
        (CauseCode::InsufficientResource, "Too many pods"),
        (CauseCode::InsufficientResource, "node(s) didn't have free ports"),
        (CauseCode::InsufficientResource, "Insufficient "),
    ];
    table
        .iter()
        .enumerate()
        .filter_map(|(rank, (cause, words))| {
            let count = count_before(message, words)?;
            Some((count, std::cmp::Reverse(rank), *cause, words))
        })
        .max_by_key(|(count, rank, _, _)| (*count, *rank))
        .map(|(_, _, cause, words)| (cause, (*words).to_owned()))
}

/// What the message alone says, for want of sight of the nodes.
fn by_message(message: &str) -> Option<(CauseCode, String)> {
    let message = message.split("preemption:").next().unwrap_or(message);
    let fixed = [
        (CauseCode::NodeCordoned, "node(s) were unschedulable"),
        (CauseCode::AffinityUnsatisfied, "node(s) didn't match Pod's node affinity"),
        (CauseCode::UntoleratedTaint, "node(s) had untolerated taint"),
        (CauseCode::UntoleratedTaint, "node(s) had taint"),
    ];
    dynamic(message).or_else(|| {
        fixed
            .iter()
            .filter_map(|(cause, words)| Some((count_before(message, words)?, cause, words)))
            .max_by_key(|(count, _, _)| *count)
            .map(|(_, cause, words)| (*cause, (*words).to_owned()))
    })
}

fn waiting(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let message = told(n, pod);
    let about_volumes = ["PersistentVolumeClaim", "persistentvolumeclaim", "persistent volume", "volume node affinity"];
    if message.is_empty() || about_volumes.iter().any(|words| message.contains(words)) {
        return None;
    }
    let spec = pod.0.get("spec").unwrap_or(&Value::Null);
    let needs = Needs::of(spec);
    let nodes: Vec<&Value> = n.objects.kind("Node").collect();
    let verdict = if n.objects.is_complete("Node", "") { judge(&needs, &nodes) } else { Verdict::Unknown };
    let key = pod.key();
    let event = n.objects.events_of(&key).find(|event| event.message == message).cloned();
    let home = n.fix_target(pod);
    let node = |name: &str| n.objects.reference(&Key::new("Node", "", name));
    let (cause, target, why, proof) = match verdict {
        Verdict::Blocked(Obstacle::NodeSelector(pair)) => {
            let why = format!("no node has the label {pair}");
            (CauseCode::NodeSelectorMismatch, home, why, spec.get("nodeSelector"))
        }
        Verdict::Blocked(Obstacle::NodeAffinity) => {
            let why = "no node satisfies its required node affinity".to_owned();
            (CauseCode::AffinityUnsatisfied, home, why, spec.pointer("/affinity/nodeAffinity"))
        }
        Verdict::Blocked(Obstacle::TooBig { resource, wanted, most }) => {
            let cause = if resource == "cpu" { CauseCode::InsufficientCpu } else { CauseCode::InsufficientMemory };
            (cause, home, format!("it requests {wanted} of {resource} and the largest fitting node has {most}"), None)
        }
        Verdict::Blocked(Obstacle::Taint { node: _, taint }) => {
            let why = format!("it does not tolerate the taint {taint} of the nodes that would fit");
            (CauseCode::UntoleratedTaint, home, why, spec.get("tolerations"))
        }
        Verdict::Blocked(Obstacle::Cordon(name)) => {
            (CauseCode::NodeCordoned, node(&name), format!("node {name}, which would fit, is cordoned"), None)
        }
        Verdict::Blocked(Obstacle::Sick(name)) => {
            (CauseCode::NodeNotReady, node(&name), format!("node {name}, which would fit, is not ready"), None)
        }
        Verdict::Open => {
            let (cause, words) = dynamic(&message)?;
            (cause, home, shortage(&needs, cause, &words), proof_of(spec, cause))
        }
        Verdict::Unknown => {
            let (cause, words) = by_message(&message)?;
            (cause, home, shortage(&needs, cause, &words), proof_of(spec, cause))
        }
    };
    let (subject, confidence) = (key.clone(), if nodes.is_empty() { 0.75 } else { 0.93 });
    let summary = format!("Pod {} cannot be scheduled: {why}.", pod.name());
    let mut draft = Draft::new(cause, target.clone(), subject, summary)
        .chain([
            format!("Pod {}: {why}", pod.name()),
            format!("The scheduler finds no node: {}", shorten(&message, 220)),
            format!("Pod {} stays Pending", pod.name()),
        ])
        .confidence(confidence)
        .at(event.as_ref().and_then(|event| event.last).or(pod.created()))
        .event(event.as_ref());
    if event.is_none() {
        draft = draft.part(&key, condition(pod.0, "PodScheduled"));
    }
    draft = draft.part(&key, proof);
    if matches!(cause, CauseCode::InsufficientCpu | CauseCode::InsufficientMemory) {
        for container in pod.containers() {
            draft = draft.part(&key, container.spec.get("resources"));
        }
    }
    if target.kind == "Node" {
        let blocked = Key::from(&target);
        draft = match cause {
            CauseCode::NodeCordoned => draft.words(&blocked, "unschedulable: true"),
            _ => draft.part(&blocked, n.objects.get(&blocked).and_then(|node| condition(node, "Ready"))),
        };
    }
    Some(draft)
}

fn shortage(needs: &Needs<'_>, cause: CauseCode, words: &str) -> String {
    match cause {
        CauseCode::InsufficientCpu => {
            format!("it requests {} cores of CPU, more than any fitting node has free", needs.cpu)
        }
        CauseCode::InsufficientMemory => format!(
            "it requests {:.0}Mi of memory, more than any fitting node has free",
            needs.memory / (1024.0 * 1024.0)
        ),
        _ => words.trim().to_owned(),
    }
}

fn proof_of(spec: &Value, cause: CauseCode) -> Option<&Value> {
    match cause {
        CauseCode::AffinityUnsatisfied => {
            spec.get("affinity").or_else(|| spec.get("topologySpreadConstraints")).or_else(|| spec.get("nodeSelector"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_that_rejects_most_nodes_decides_and_preemption_is_ignored() {
        let message = "0/6 nodes are available: 1 Insufficient cpu, 3 Insufficient memory, 2 node(s) had untolerated \
                       taint {a: b}. preemption: 0/6 nodes are available: 5 Insufficient cpu.";
        assert_eq!(dynamic(message).map(|found| found.0), Some(CauseCode::InsufficientMemory));
        let gpu = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.";
        assert_eq!(dynamic(gpu).map(|found| found.0), Some(CauseCode::InsufficientResource));
        let cordoned = "0/1 nodes are available: 1 node(s) were unschedulable.";
        assert_eq!(by_message(cordoned).map(|found| found.0), Some(CauseCode::NodeCordoned));
    }
}
