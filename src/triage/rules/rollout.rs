//! Controllers that report failure: what is left to say when no pod tells why.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::Pod;
use crate::triage::view::{Key, condition, flag, int, map, shorten, text, time};

/// The kinds whose spec can hold a rollout back.
const HELD: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let rollouts = n.objects.kind("Deployment").filter_map(|deployment| stuck(n, deployment));
    let held = HELD.iter().flat_map(|kind| n.objects.kind(kind)).filter_map(|w| held_back(n, w));
    rollouts.chain(held).collect()
}

fn stuck(n: &Neighbourhood, deployment: &Value) -> Option<Draft> {
    let progressing = condition(deployment, "Progressing").filter(|progressing| {
        text(progressing, "/status") == "False"
            && text(progressing, "/reason") == "ProgressDeadlineExceeded"
    })?;
    let key = Key::of(deployment);
    let message = text(progressing, "/message");
    let summary =
        format!("The rollout of Deployment {} is stuck: {}", key.name, shorten(message, 160));
    Some(
        Draft::new(CauseCode::RolloutStuck, n.objects.reference(&key), key.clone(), summary)
            .chain([
                "The new pods do not become available".to_owned(),
                format!("Deployment {} exceeds its progress deadline", key.name),
            ])
            .confidence(0.7)
            .at(time(progressing, "/lastUpdateTime"))
            .part(&key, Some(progressing)),
    )
}

/// What keeps a workload from replacing its old pods: the cause, the part of the spec, and what it does.
fn brake(workload: &Value, wanted: i64, updated: i64) -> Option<(CauseCode, &'static str, String)> {
    let strategy = text(workload, "/spec/updateStrategy/type");
    let held = |why: String| (CauseCode::RolloutStuck, "/spec/updateStrategy", why);
    if flag(workload, "/spec/paused") {
        Some((CauseCode::RolloutPaused, "/spec/paused", "it is paused".to_owned()))
    } else if strategy == "OnDelete" {
        Some(held("its update strategy is OnDelete".to_owned()))
    } else {
        let partition = int(workload, "/spec/updateStrategy/rollingUpdate/partition")?;
        // A partition that its pods have reached has done what it was set for.
        (partition > 0 && updated <= wanted - partition)
            .then(|| held(format!("its partition is {partition} of {wanted}")))
    }
}

/// Whether a pod of the newest revision fails where ready pods of an older one are left.
pub(super) fn only_newest_fails(n: &Neighbourhood, pod: Pod<'_>) -> bool {
    let head = n.objects.head(&pod.key());
    let Some(workload) = n.objects.get(&head) else { return false };
    let revision = |pod: Pod<'_>| match head.kind.as_str() {
        "Deployment" => n.objects.owners(&pod.key()).first().and_then(|set| {
            let set = n.objects.get(&Key::from(set))?;
            let notes = map(set, "/metadata/annotations")?;
            notes.get("deployment.kubernetes.io/revision")?.as_str()?.parse::<i64>().ok()
        }),
        "StatefulSet" => map(pod.0, "/metadata/labels")
            .and_then(|labels| labels.get("controller-revision-hash"))
            .map(|hash| i64::from(hash == text(workload, "/status/updateRevision"))),
        _ => None,
    };
    let Some(own) = revision(pod) else { return false };
    let (mut older_serves, mut older_fails, mut newer) = (false, false, false);
    for other in n.objects.pods_under(&head).filter(|other| !other.deleting() && !other.ended()) {
        match revision(other) {
            Some(other_revision) if other_revision < own => {
                older_serves |= other.ready();
                older_fails |= !other.ready();
            }
            Some(other_revision) => newer |= other_revision > own,
            None => {}
        }
    }
    older_serves && !older_fails && !newer
}

/// A workload whose new revision is kept from rolling out by its own spec.
fn held_back(n: &Neighbourhood, workload: &Value) -> Option<Draft> {
    let key = Key::of(workload);
    let daemons = key.kind == "DaemonSet";
    let count = |pointer: &str| int(workload, pointer).unwrap_or(0);
    let (wanted, updated) = if daemons {
        (count("/status/desiredNumberScheduled"), count("/status/updatedNumberScheduled"))
    } else {
        (int(workload, "/spec/replicas").unwrap_or(1), count("/status/updatedReplicas"))
    };
    let revisions =
        (text(workload, "/status/currentRevision"), text(workload, "/status/updateRevision"));
    let differs = key.kind != "StatefulSet" || revisions.0 != revisions.1;
    if updated >= wanted || !differs {
        return None;
    }
    let (cause, part, why) = brake(workload, wanted, updated)?;
    let summary = format!(
        "The rollout of {} {} does not go on: {why}; {updated} of {wanted} pods have the new revision.",
        key.kind, key.name
    );
    let field = part.rsplit('/').next().unwrap_or(part);
    let quoted = serde_json::json!({ field: workload.pointer(part) });
    Some(
        Draft::new(cause, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("{} {} holds its rollout back: {why}", key.kind, key.name),
                format!("Only {updated} of {wanted} pods have the new revision"),
            ])
            .confidence(0.85)
            .part(&key, Some(&quoted)),
    )
}
