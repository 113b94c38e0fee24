//! Pods that have a node but cannot start there: volumes that do not attach or mount, and sandboxes that cannot be made.

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::Pod;
use crate::triage::view::{Event, Key, shorten};

use super::config;

const NO_ADDRESS: [&str; 7] = [
    "no ip addresses available",
    "failed to assign an ip address",
    "failed to allocate for range",
    "no available ip",
    "insufficient free ip",
    "no free ip",
    "ip pool exhausted",
];

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.pods()
        .filter(|pod| !pod.ended() && !pod.node().is_empty() && !pod.ready())
        .filter(|pod| starts(*pod))
        .flat_map(|pod| [without_volume(n, pod), without_sandbox(n, pod)])
        .flatten()
        .collect()
}

/// Whether no container of the pod has come to life yet.
fn starts(pod: Pod<'_>) -> bool {
    pod.containers().all(|container| {
        container.running_since().is_none()
            && container.waiting().is_none_or(|(reason, _)| {
                matches!(reason, "ContainerCreating" | "PodInitializing" | "")
            })
    })
}

fn without_volume(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let key = pod.key();
    let events = || n.objects.events_of(&key);
    if events()
        .any(|event| event.reason == "FailedMount" && config::names_cause(&event.message, pod))
    {
        return None;
    }
    let attach = events().find(|event| event.reason == "FailedAttachVolume");
    // The kubelet's summary says only that it waited.
    let mounts = || events().filter(|event| event.reason == "FailedMount");
    let mount = mounts()
        .find(|event| !event.message.contains("timed out waiting for the condition"))
        .or_else(|| mounts().next());
    let (cause, event) = match (attach, mount) {
        (Some(event), _) if event.message.contains("Multi-Attach") => {
            (CauseCode::MultiAttach, event)
        }
        (Some(event), _) => (CauseCode::AttachFailed, event),
        (None, Some(event)) => (CauseCode::MountFailed, event),
        (None, None) => return None,
    };
    let what = if cause == CauseCode::MountFailed { "mounted" } else { "attached" };
    Some(draft(n, pod, cause, event, &format!("a volume cannot be {what}")))
}

fn without_sandbox(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let key = pod.key();
    let event = n.objects.events_of(&key).find(|event| event.reason == "FailedCreatePodSandBox")?;
    let lower = event.message.to_lowercase();
    if NO_ADDRESS.iter().any(|words| lower.contains(words)) {
        let mut draft =
            draft(n, pod, CauseCode::IpExhausted, event, "the node has no address left");
        draft.target = n.objects.reference(&Key::new("Node", "", pod.node()));
        return Some(draft);
    }
    if lower.contains("runtimeclass") || lower.contains("no runtime for") {
        let why = "its RuntimeClass cannot be used on the node";
        return Some(draft(n, pod, CauseCode::RuntimeClassMissing, event, why));
    }
    let mut draft = draft(n, pod, CauseCode::SandboxFailed, event, "its sandbox cannot be created");
    if only_there(n, pod) {
        draft.target = n.objects.reference(&Key::new("Node", "", pod.node()));
    }
    Some(draft)
}

/// Whether pods of the same workload, or of others, run on other nodes while none of this pod's kind starts on its own.
fn only_there(n: &Neighbourhood, pod: Pod<'_>) -> bool {
    let head = n.objects.head(&pod.key());
    let siblings = || n.objects.pods_under(&head).filter(|other| !other.deleting());
    let elsewhere = siblings().any(|other| other.node() != pod.node() && other.ready());
    let here = siblings().any(|other| other.node() == pod.node() && other.ready());
    elsewhere && !here
}

fn draft(n: &Neighbourhood, pod: Pod<'_>, cause: CauseCode, event: &Event, why: &str) -> Draft {
    let message = event.message.rsplit("desc = ").next().unwrap_or(&event.message);
    let summary = format!(
        "Pod {} cannot start on node {}: {why}: {}",
        pod.name(),
        pod.node(),
        shorten(message, 200)
    );
    Draft::new(cause, n.fix_target(pod), pod.key(), summary)
        .chain([
            format!("Pod {}: {why}", pod.name()),
            shorten(message, 220),
            format!("Pod {} stays {}", pod.name(), pod.phase()),
        ])
        .confidence(if event.count > 2 { 0.92 } else { 0.8 })
        .at(event.last)
        .event(Some(event))
        .words(&pod.key(), &format!("nodeName: {}", pod.node()))
}
