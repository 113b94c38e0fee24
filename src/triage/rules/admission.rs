//! Pods that cannot be created at all: quotas, limit ranges, policies, missing ServiceAccounts.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::exhibit::name_line;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::objects::Presence;
use crate::triage::view::{Key, condition, int, shorten, text};

use super::between;

/// Similarity from which one name may be meant by the other.
const SIMILAR: f64 = 0.85;

/// The kinds whose controllers create pods.
const CREATORS: [&str; 5] = ["ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Deployment"];

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    CREATORS
        .iter()
        .flat_map(|kind| n.objects.kind(kind))
        .filter_map(|creator| refused(n, creator))
        .chain(without_namespace(n))
        .collect()
}

/// The incident is about a namespace that is not there, while others are.
fn without_namespace(n: &Neighbourhood) -> Option<Draft> {
    let key = Key::from(&n.target);
    let missing = key.kind == "Namespace" && n.objects.presence(&key) == Presence::Absent;
    let most_alike = n
        .objects
        .kind("Namespace")
        .max_by(|a, b| alike(&key.name, a).total_cmp(&alike(&key.name, b)))
        .filter(|_| missing && !n.objects.inhabited(&key.name))?;
    let other = text(most_alike, "/metadata/name");
    let near = alike(&key.name, most_alike) >= SIMILAR;
    let hint = if near { format!("; {other} does") } else { String::new() };
    let summary = format!("Namespace {} does not exist{hint}.", key.name);
    let draft = Draft::new(CauseCode::NamespaceMissing, n.target.clone(), key.clone(), summary)
        .chain([
            format!("No namespace of the cluster is called {}{hint}", key.name),
            format!("Nothing can run or be found in namespace {}", key.name),
        ])
        .confidence(0.9)
        .names("Namespace", &name_line(most_alike));
    Some(if near {
        draft.step(format!("Check whether namespace {other} is meant."))
    } else {
        draft
    })
}

/// How alike two names are, from 0 to 1.
fn alike(name: &str, namespace: &Value) -> f64 {
    strsim::jaro_winkler(name, text(namespace, "/metadata/name"))
}

fn refused(n: &Neighbourhood, creator: &Value) -> Option<Draft> {
    let key = Key::of(creator);
    let failure =
        condition(creator, "ReplicaFailure").filter(|failure| text(failure, "/status") == "True");
    let event = n
        .objects
        .events_of(&key)
        .find(|event| event.reason == "FailedCreate" && cause_of(&event.message).is_some())
        .cloned();
    let message = event
        .as_ref()
        .map(|event| event.message.clone())
        .or_else(|| failure.map(|failure| text(failure, "/message").to_owned()))?;
    let cause = cause_of(&message)?;
    let head = n.objects.head(&key);
    let (target, why) = match cause {
        CauseCode::QuotaExceeded => {
            let name = between(&message, "exceeded quota: ", ",")?;
            let quota = Key::new("ResourceQuota", &key.namespace, name);
            (n.objects.reference(&quota), quota_words(name, &message))
        }
        CauseCode::NamespaceTerminating => {
            let namespace = Key::new("Namespace", "", &key.namespace);
            (n.objects.reference(&namespace), shorten(reason_in(&message), 220))
        }
        _ => (n.objects.reference(&head), shorten(reason_in(&message), 220)),
    };
    let active = short_of_pods(creator);
    let summary = format!("{} {} cannot create pods: {why}.", head.kind, head.name);
    let quota = Key::from(&target);
    let is_quota = cause == CauseCode::QuotaExceeded;
    let mut draft = Draft::new(cause, target, key.clone(), summary)
        .chain([
            why,
            format!("The API server refuses the pods of {} {}", key.kind, key.name),
            format!("{} {} runs with fewer pods than asked for", head.kind, head.name),
        ])
        .confidence(if active { 0.95 } else { 0.6 })
        .active(active)
        // A webhook that does not answer has a reason of its own.
        .victim(cause == CauseCode::AdmissionWebhookUnavailable)
        .at(event.as_ref().and_then(|event| event.last))
        .event(event.as_ref());
    if event.is_none() {
        draft = draft.part(&key, failure);
    }
    if is_quota {
        draft = draft.part(&quota, n.objects.get(&quota).and_then(|object| object.get("status")));
    }
    Some(draft)
}

/// Whether the controller still wants more pods than it has.
fn short_of_pods(creator: &Value) -> bool {
    let has = |pointer: &str| int(creator, pointer).unwrap_or(0);
    match text(creator, "/kind") {
        "DaemonSet" => {
            has("/status/currentNumberScheduled") < has("/status/desiredNumberScheduled")
        }
        "Job" => {
            has("/status/active") == 0
                && condition(creator, "Complete").is_none_or(|done| text(done, "/status") != "True")
        }
        "Deployment" => {
            has("/status/availableReplicas") < int(creator, "/spec/replicas").unwrap_or(1)
        }
        _ => has("/status/replicas") < int(creator, "/spec/replicas").unwrap_or(1),
    }
}

/// Understands the refusal of the API server.
fn cause_of(message: &str) -> Option<CauseCode> {
    let table: [(&str, CauseCode); 13] = [
        ("exceeded quota:", CauseCode::QuotaExceeded),
        ("must specify", CauseCode::QuotaResourcesUnspecified),
        ("error looking up service account", CauseCode::ServiceAccountMissing),
        ("because it is being terminated", CauseCode::NamespaceTerminating),
        ("no PriorityClass with name", CauseCode::PriorityClassMissing),
        ("RuntimeClass", CauseCode::RuntimeClassMissing),
        ("runtimeclasses.node.k8s.io", CauseCode::RuntimeClassMissing),
        ("violates PodSecurity", CauseCode::PodSecurity),
        ("failed calling webhook", CauseCode::AdmissionWebhookUnavailable),
        ("denied the request", CauseCode::AdmissionDenied),
        (" usage per ", CauseCode::LimitRangeViolated),
        ("ratio per ", CauseCode::LimitRangeViolated),
        ("ValidatingAdmissionPolicy", CauseCode::AdmissionDenied),
    ];
    table.iter().find(|(words, _)| message.contains(words)).map(|(_, cause)| *cause)
}

fn quota_words(name: &str, message: &str) -> String {
    // The values are lists without blanks: `requested: cpu=1,memory=2, used: …`.
    let part = |what: &str| {
        let (_, rest) = message.split_once(&format!("{what}: "))?;
        rest.split_whitespace().next().map(|value| value.trim_end_matches(','))
    };
    match (part("requested"), part("used"), part("limited")) {
        (Some(requested), Some(used), Some(limited)) => {
            format!(
                "ResourceQuota {name} is used up (requested {requested}, used {used}, limit {limited})"
            )
        }
        _ => format!("ResourceQuota {name} is used up"),
    }
}

/// What follows `is forbidden:`, or all of it.
fn reason_in(message: &str) -> &str {
    message.split_once("is forbidden: ").map_or(message, |(_, rest)| rest)
}

/// Whether the newest refusals of a workload's creators explain why it has no pods.
pub(super) fn creation_refused(n: &Neighbourhood, head: &Key) -> bool {
    n.objects
        .members(head)
        .iter()
        .flat_map(|member| n.objects.events_of(member))
        .any(|event| event.reason == "FailedCreate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        for (message, cause) in [
            (
                "Error creating: pods \"a\" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=3, limited: cpu=3",
                CauseCode::QuotaExceeded,
            ),
            (
                "Error creating: pods \"a\" is forbidden: failed quota: q: must specify limits.cpu for: app",
                CauseCode::QuotaResourcesUnspecified,
            ),
            (
                "pods \"a\" is forbidden: error looking up service account ns/sa: serviceaccount \"sa\" not found",
                CauseCode::ServiceAccountMissing,
            ),
            (
                "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": privileged",
                CauseCode::PodSecurity,
            ),
            (
                "Internal error occurred: failed calling webhook \"w\": Post \"https://x\": no endpoints available",
                CauseCode::AdmissionWebhookUnavailable,
            ),
            (
                "is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi",
                CauseCode::LimitRangeViolated,
            ),
        ] {
            assert_eq!(cause_of(message), Some(cause), "{message}");
        }
        assert_eq!(
            quota_words(
                "q",
                "exceeded quota: q, requested: cpu=1,memory=2, used: cpu=3,memory=1, limited: cpu=3,memory=9"
            ),
            "ResourceQuota q is used up (requested cpu=1,memory=2, used cpu=3,memory=1, limit cpu=3,memory=9)"
        );
    }
}
