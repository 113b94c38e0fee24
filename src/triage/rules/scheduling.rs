//! Pods that no node takes. The scheduler says how many nodes each filter rejects; the nodes themselves say which filter
//! still rejects once the others are out of the way. Volumes are left to the storage rules.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::placement::{Needs, Obstacle, Verdict, judge};
use crate::triage::pod::Pod;
use crate::triage::repulsion;
use crate::triage::view::{Key, condition, list, shorten, text};

/// Words of the scheduler's message that leave the pod to the storage rules.
const VOLUMES: [&str; 4] =
    ["PersistentVolumeClaim", "persistentvolumeclaim", "persistent volume", "volume node affinity"];

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.pods().filter(|pod| pod.unscheduled()).filter_map(|pod| waiting(n, pod)).collect()
}

/// What the scheduler said last, in an event or in the pod's own condition.
fn told(n: &Neighbourhood, pod: Pod<'_>) -> String {
    let key = pod.key();
    n.objects
        .events_of(&key)
        .find(|event| {
            event.reason == "FailedScheduling" && event.message.contains("nodes are available")
        })
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
        (CauseCode::AntiAffinity, "node(s) didn't match pod anti-affinity"),
        (CauseCode::AffinityUnsatisfied, "node(s) didn't match pod affinity"),
        (CauseCode::AntiAffinity, "node(s) didn't satisfy existing pods anti-affinity"),
        (CauseCode::TopologySpread, "node(s) didn't match pod topology spread"),
        (CauseCode::InsufficientResource, "Too many pods"),
        (CauseCode::HostPortTaken, "node(s) didn't have free ports"),
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

/// Why no node takes a pod.
struct Reading<'n> {
    cause: CauseCode,
    /// What is to blame, if it is not the pod's own workload.
    blamed: Option<Key>,
    why: String,
    /// The part of the pod's spec, or of what is to blame, that shows it.
    proof: Option<&'n Value>,
}

fn read<'n>(
    n: &'n Neighbourhood,
    spec: &'n Value,
    needs: &Needs<'_>,
    verdict: Verdict,
    message: &str,
) -> Option<Reading<'n>> {
    let of_pod = |cause, why, proof| Some(Reading { cause, blamed: None, why, proof });
    let of_node = |cause, name: String, why: &str, pointer: &str| {
        let key = Key::new("Node", "", &name);
        let node = n.objects.get(&key);
        let why = format!("node {name}, which would fit, is {why}");
        let proof = match pointer {
            "" => node.and_then(|node| condition(node, "Ready")),
            _ => node.and_then(|node| node.pointer(pointer)),
        };
        Some(Reading { cause, blamed: Some(key), why, proof })
    };
    let obstacle = match verdict {
        Verdict::Blocked(obstacle) => obstacle,
        Verdict::Open | Verdict::Unknown => {
            let (cause, words) =
                if verdict == Verdict::Open { dynamic(message) } else { by_message(message) }?;
            return of_pod(cause, shortage(needs, cause, &words), proof_of(spec, cause));
        }
    };
    match obstacle {
        Obstacle::NodeSelector(pair) => {
            let why = format!("no node has the label {pair}");
            of_pod(CauseCode::NodeSelectorMismatch, why, spec.get("nodeSelector"))
        }
        Obstacle::NodeAffinity => {
            let why = "no node satisfies its required node affinity".to_owned();
            of_pod(CauseCode::AffinityUnsatisfied, why, spec.pointer("/affinity/nodeAffinity"))
        }
        Obstacle::TooBig { resource, wanted, most } => {
            let is_cpu = resource == "cpu";
            let cause =
                if is_cpu { CauseCode::InsufficientCpu } else { CauseCode::InsufficientMemory };
            let why = format!(
                "it requests {wanted} of {resource} and the largest fitting node has {most}"
            );
            of_pod(cause, why, None)
        }
        Obstacle::Taint(taint) => {
            let why = format!("it does not tolerate the taint {taint} of the nodes that would fit");
            of_pod(CauseCode::UntoleratedTaint, why, spec.get("tolerations"))
        }
        Obstacle::Cordon(name) => {
            of_node(CauseCode::NodeCordoned, name, "cordoned", "/spec/taints")
        }
        Obstacle::Sick(name) => of_node(CauseCode::NodeNotReady, name, "not ready", ""),
    }
}

fn waiting(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let message = told(n, pod);
    if message.is_empty() || VOLUMES.iter().any(|words| message.contains(words)) {
        return None;
    }
    let spec = n.objects.get(&pod.key())?.get("spec").unwrap_or(&Value::Null);
    let needs = Needs::of(spec);
    let nodes: Vec<&Value> = n.objects.kind("Node").collect();
    let seen = n.objects.is_complete("Node", "");
    let verdict = if seen { judge(&needs, &nodes, n.usage.as_ref()) } else { Verdict::Unknown };
    let reading = read(n, spec, &needs, verdict, &message)?;
    let Reading { cause, blamed, why, proof } = match repelled(n, pod) {
        Some(repelled) if reading.cause == CauseCode::AntiAffinity => repelled,
        _ => reading,
    };
    let key = pod.key();
    let event = n.objects.events_of(&key).find(|event| event.message == message);
    let target =
        blamed.as_ref().map_or_else(|| n.fix_target(pod), |blamed| n.objects.reference(blamed));
    let summary = format!("Pod {} cannot be scheduled: {why}.", pod.name());
    let mut draft = Draft::new(cause, target, key.clone(), summary)
        .chain([
            format!("Pod {}: {why}", pod.name()),
            format!("The scheduler finds no node: {}", shorten(&message, 220)),
            format!("Pod {} stays Pending", pod.name()),
        ])
        .confidence(if seen { 0.93 } else { 0.75 })
        .at(event.and_then(|event| event.last).or(pod.created()))
        .event(event)
        .part(blamed.as_ref().unwrap_or(&key), proof);
    if event.is_none() {
        draft = draft.part(&key, condition(pod.0, "PodScheduled"));
    }
    if cause == CauseCode::NodeCordoned
        && let Some(node) = &blamed
    {
        draft = draft.words(node, "unschedulable: true");
    }
    if matches!(cause, CauseCode::InsufficientCpu | CauseCode::InsufficientMemory) {
        for container in pod.containers() {
            draft = draft.part(&key, container.spec.get("resources"));
        }
    }
    Some(draft)
}

/// The workload whose pods keep a waiting pod away, where the scheduler says that some do.
fn repelled<'n>(n: &'n Neighbourhood, pod: Pod<'_>) -> Option<Reading<'n>> {
    if !repulsion::is_told(&n.objects, pod) {
        return None;
    }
    let own = n.objects.head(&pod.key());
    repulsion::KINDS.iter().flat_map(|kind| n.objects.kind(kind)).find_map(|workload| {
        let key = Key::of(workload);
        let rule = repulsion::repels(workload, pod).filter(|_| key != own)?;
        Some(Reading {
            cause: CauseCode::AntiAffinity,
            why: format!(
                "pods of {} {} in namespace {} keep it away by their anti-affinity",
                key.kind, key.name, key.namespace
            ),
            blamed: Some(key),
            proof: Some(rule),
        })
    })
}

/// Pods that no scheduler has judged: held back by a gate, without any node, or left to a scheduler that is not there.
pub(super) fn unseen(n: &Neighbourhood) -> Vec<Draft> {
    n.pods().filter(|pod| pod.unscheduled()).filter_map(|pod| unjudged(n, pod)).collect()
}

fn unjudged(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let key = pod.key();
    let scheduled = condition(pod.0, "PodScheduled");
    let gates = list(pod.0, "/spec/schedulingGates");
    let event = n.objects.events_of(&key).find(|event| event.reason == "FailedScheduling");
    let message = told(n, pod);
    let nothing = "no nodes available to schedule pods";
    let scheduler = text(pod.0, "/spec/schedulerName");
    let (cause, why) = if let Some(gate) = gates.first() {
        (
            CauseCode::SchedulingGated,
            format!("the scheduling gate {} holds it back", text(gate, "/name")),
        )
    } else if message.contains(nothing)
        || message.contains("0/0 nodes are available")
        || event.is_some_and(|event| event.message.contains(nothing))
    {
        (CauseCode::NoNodes, "the cluster has no node".to_owned())
    } else if !matches!(scheduler, "" | "default-scheduler")
        && scheduled.is_none()
        && event.is_none()
    {
        (CauseCode::SchedulerMissing, format!("scheduler {scheduler} does not look at it"))
    } else {
        return None;
    };
    let summary = format!("Pod {} cannot be scheduled: {why}.", pod.name());
    let draft = Draft::new(cause, n.fix_target(pod), key.clone(), summary)
        .chain([format!("Pod {}: {why}", pod.name()), format!("Pod {} stays Pending", pod.name())])
        .confidence(0.92)
        .at(event.and_then(|event| event.last).or(pod.created()))
        .event(event);
    Some(match cause {
        CauseCode::SchedulingGated => draft.part(&key, pod.0.pointer("/spec/schedulingGates")),
        CauseCode::SchedulerMissing => draft.words(&key, &format!("schedulerName: {scheduler}")),
        _ => draft.part(&key, scheduled),
    })
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
        CauseCode::AffinityUnsatisfied | CauseCode::AntiAffinity => {
            spec.get("affinity").or_else(|| spec.get("nodeSelector"))
        }
        CauseCode::TopologySpread => spec.get("topologySpreadConstraints"),
        CauseCode::HostPortTaken => list(spec, "/containers")
            .iter()
            .flat_map(|container| list(container, "/ports"))
            .find(|port| port.get("hostPort").is_some()),
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
