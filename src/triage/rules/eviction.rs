//! Pods that were put out: for the node's need, for their own limits, or for pods of higher priority.

use jiff::SignedDuration;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::Pod;
use crate::triage::view::{Event, Key, condition, shorten, text, time};

/// An eviction older than this, of a workload that has recovered, is history.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

const OWN_LIMIT: [&str; 4] = [
    "exceeds the total limit of containers",
    "Usage of EmptyDir volume",
    "exceeded its local ephemeral storage limit",
    "ephemeral local storage usage exceeds",
];

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let put_out = n.objects.pods().filter(|pod| pod.phase() == "Failed" || pod.deleting());
    let mut drafts: Vec<Draft> = put_out.filter_map(|pod| evicted(n, pod)).collect();
    drafts.extend(n.objects.events().iter().filter_map(|event| of_event(n, event)));
    drafts
}

fn evicted(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let disruption = condition(pod.0, "DisruptionTarget");
    let reason = text(pod.0, "/status/reason");
    let preempted = disruption
        .is_some_and(|disruption| text(disruption, "/reason") == "PreemptionByScheduler")
        || reason == "Preempting";
    let message = Some(text(pod.0, "/status/message")).filter(|message| !message.is_empty());
    let message = message.or_else(|| disruption.map(|d| text(d, "/message"))).unwrap_or_default();
    let cause = if preempted {
        CauseCode::Preempted
    } else if reason == "Evicted" {
        cause_of(message)?
    } else {
        return None;
    };
    let at = disruption.and_then(|disruption| time(disruption, "/lastTransitionTime"));
    let draft = draft(n, pod, cause, message).at(at).active(matters(n, pod, at));
    let quoted = serde_json::json!({"message": message});
    Some(match disruption {
        Some(disruption) if text(pod.0, "/status/message").is_empty() => {
            draft.part(&pod.key(), Some(disruption))
        }
        _ => draft.part(&pod.key(), Some(&quoted)),
    })
}

/// Whether its workload still misses it, or it was put out about when the incident fired.
fn matters(n: &Neighbourhood, pod: Pod<'_>, at: Option<jiff::Timestamp>) -> bool {
    let head = n.objects.head(&pod.key());
    // Of a node only its own pods are known; what was put out there runs elsewhere.
    let replaced =
        n.target.kind == "Node" || n.objects.pods_under(&head).any(|other| other.ready());
    !replaced || at.is_some_and(|at| n.now.duration_since(at) < RECENT)
}

fn cause_of(message: &str) -> Option<CauseCode> {
    if OWN_LIMIT.iter().any(|words| message.contains(words)) {
        return Some(CauseCode::EphemeralLimit);
    }
    let (_, resource) = message.split_once("low on resource: ")?;
    if resource.starts_with("memory") {
        Some(CauseCode::MemoryPressure)
    } else if resource.starts_with("pid") {
        Some(CauseCode::PidPressure)
    } else {
        Some(CauseCode::DiskPressure)
    }
}

fn draft(n: &Neighbourhood, pod: Pod<'_>, cause: CauseCode, message: &str) -> Draft {
    let of_node = matches!(
        cause,
        CauseCode::MemoryPressure | CauseCode::DiskPressure | CauseCode::PidPressure
    );
    let target = if of_node {
        n.objects.reference(&Key::new("Node", "", pod.node()))
    } else {
        n.fix_target(pod)
    };
    let said = shorten(message, 200);
    let verb = if cause == CauseCode::Preempted { "preempted" } else { "evicted" };
    let summary = format!("Pod {} was {verb}: {said}", pod.name());
    Draft::new(cause, target, pod.key(), summary)
        .chain([
            said,
            format!("Pod {} is {verb} and ends", pod.name()),
            format!("{} {} is short of a pod", n.fix_target(pod).kind, n.fix_target(pod).name),
        ])
        .confidence(0.93)
}

/// Events outlive the pods that they are about.
fn of_event(n: &Neighbourhood, event: &Event) -> Option<Draft> {
    if event.about.kind != "Pod" || n.objects.get(&event.about).is_some() {
        return None;
    }
    let cause = match event.reason.as_str() {
        "Preempted" => CauseCode::Preempted,
        "Evicted" => {
            cause_of(&event.message).filter(|cause| *cause == CauseCode::EphemeralLimit)?
        }
        _ => return None,
    };
    let head = crate::triage::resolve::heir(&n.objects, &event.about.namespace, &event.about.name)?;
    let missing = !n.objects.pods_under(&head).all(|pod| pod.ready() || pod.ended());
    let fresh = event.last.is_some_and(|at| n.now.duration_since(at) < RECENT);
    let summary = format!("Pod {}: {}", event.about.name, shorten(&event.message, 200));
    Some(
        Draft::new(cause, n.objects.reference(&head), head.clone(), summary)
            .chain([
                shorten(&event.message, 200),
                format!("{} {} is short of a pod", head.kind, head.name),
            ])
            .confidence(0.85)
            .active(missing && fresh)
            .at(event.last)
            .event(Some(event)),
    )
}
