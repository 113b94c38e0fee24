//! Controllers that report failure: what is left to say when no pod tells why.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::view::{Key, condition, flag, int, shorten, text, time};

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

/// The part of the spec that keeps a workload from replacing its old pods, and what it does.
fn brake(workload: &Value, wanted: i64, updated: i64) -> Option<(&'static str, String)> {
    let strategy = text(workload, "/spec/updateStrategy/type");
    if flag(workload, "/spec/paused") {
        Some(("/spec/paused", "it is paused".to_owned()))
    } else if strategy == "OnDelete" {
        Some(("/spec/updateStrategy", "its update strategy is OnDelete".to_owned()))
    } else {
        let partition = int(workload, "/spec/updateStrategy/rollingUpdate/partition")?;
        // A partition that its pods have reached has done what it was set for.
        (partition > 0 && updated <= wanted - partition)
            .then(|| ("/spec/updateStrategy", format!("its partition is {partition} of {wanted}")))
    }
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
    let (part, why) = brake(workload, wanted, updated)?;
    let summary = format!(
        "The rollout of {} {} does not go on: {why}; {updated} of {wanted} pods have the new revision.",
        key.kind, key.name
    );
    let field = part.rsplit('/').next().unwrap_or(part);
    let quoted = serde_json::json!({ field: workload.pointer(part) });
    Some(
        Draft::new(CauseCode::RolloutStuck, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("{} {} holds its rollout back: {why}", key.kind, key.name),
                format!("Only {updated} of {wanted} pods have the new revision"),
            ])
            .confidence(0.85)
            .part(&key, Some(&quoted)),
    )
}
