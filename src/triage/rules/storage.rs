//! Claims that stay unbound and volumes that a pod cannot use where it would run.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::objects::Presence;
use crate::triage::pod::Pod;
use crate::triage::view::{Event, Key, condition, list, map, shorten, text};
use leadsman_ports::quantity;

use super::between;

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let claims = n
        .objects
        .kind("PersistentVolumeClaim")
        .filter(|claim| text(claim, "/metadata/deletionTimestamp").is_empty())
        .filter_map(|claim| unbound(n, claim));
    let pods = n.pods().filter(|pod| pod.unscheduled()).filter_map(|pod| without_volume(n, pod));
    claims.chain(pods).collect()
}

/// The pods that use a claim and wait.
fn waiting_pods<'n>(n: &'n Neighbourhood, claim: &Key) -> Vec<Pod<'n>> {
    n.pods()
        .filter(|pod| pod.namespace() == claim.namespace && !pod.fine())
        .filter(|pod| {
            list(pod.0, "/spec/volumes")
                .iter()
                .any(|volume| text(volume, "/persistentVolumeClaim/claimName") == claim.name)
        })
        .collect()
}

fn unbound(n: &Neighbourhood, claim: &Value) -> Option<Draft> {
    let phase = text(claim, "/status/phase");
    if !matches!(phase, "Pending" | "Lost") {
        return None;
    }
    let key = Key::of(claim);
    let waiting = waiting_pods(n, &key);
    let events: Vec<&Event> = n.objects.events_of(&key).collect();
    let class = text(claim, "/spec/storageClassName");
    let (cause, why, event, confidence) = why_unbound(n, claim, &events, !waiting.is_empty())?;
    let size = text(claim, "/spec/resources/requests/storage");
    let summary = format!("PersistentVolumeClaim {} ({size}) is {phase}: {why}.", key.name);
    let pods: Vec<&str> = waiting.iter().map(|pod| pod.name()).take(3).collect();
    let symptom = if pods.is_empty() {
        String::new()
    } else {
        format!("{} cannot start without the volume", pods.join(", "))
    };
    let scheduling = waiting.first().and_then(|pod| {
        let key = pod.key();
        n.objects.events_of(&key).find(|event| event.reason == "FailedScheduling")
    });
    let mut draft = Draft::new(cause, n.objects.reference(&key), key.clone(), summary)
        .chain([why, format!("PersistentVolumeClaim {} stays {phase}", key.name), symptom])
        .confidence(confidence)
        .at(event.and_then(|event| event.last))
        .event(event)
        .words(&key, &format!("phase: {phase}"));
    if !class.is_empty() {
        draft = draft.words(&key, &format!("storageClassName: {class}"));
    }
    Some(draft.event(scheduling))
}

type Why<'e> = (CauseCode, String, Option<&'e Event>, f64);

fn why_unbound<'e>(
    n: &Neighbourhood,
    claim: &Value,
    events: &[&'e Event],
    needed: bool,
) -> Option<Why<'e>> {
    let find = |reason: &str| events.iter().copied().find(|event| event.reason == reason);
    let class = text(claim, "/spec/storageClassName");
    let phase = text(claim, "/status/phase");
    let known = n.objects.is_complete("StorageClass", "");
    let class_key = Key::new("StorageClass", "", class);
    let failed = find("ProvisioningFailed");
    let said_missing = failed.filter(|event| {
        event.message.contains("storageclass") && event.message.contains("not found")
    });
    if !class.is_empty()
        && (said_missing.is_some() || (known && n.objects.presence(&class_key) == Presence::Absent))
        && !has_static_volume(n, class)
    {
        let why = format!("StorageClass {class} does not exist");
        let confidence = if known { 0.96 } else { 0.9 };
        return Some((CauseCode::StorageClassMissing, why, said_missing.or(failed), confidence));
    }
    let refused = failed.filter(|event| {
        let lower = event.message.to_lowercase();
        ["access mode", "accessmode", "multi_node", "volume capabilities", "readwritemany"]
            .iter()
            .any(|words| lower.contains(words))
    });
    let modes = lacking_mode(n, claim);
    if (needed && modes.is_some()) || refused.is_some() {
        let why = modes
            .unwrap_or_else(|| "its storage does not offer the access mode it asks for".to_owned());
        let event = refused.or_else(|| find("VolumeMismatch")).or_else(|| find("FailedBinding"));
        return Some((CauseCode::AccessModeMismatch, why, event, 0.93));
    }
    if let Some(event) = find("VolumeMismatch").or_else(|| find("FailedBinding")) {
        let why = no_volume(n, claim, &event.message);
        return Some((CauseCode::NoMatchingVolume, why, Some(event), 0.93));
    }
    if phase == "Lost" {
        let name = text(claim, "/spec/volumeName");
        let why = format!("its PersistentVolume {name} is gone");
        return Some((CauseCode::VolumeLost, why, find("ClaimLost"), 0.94));
    }
    let provisioner = n.objects.get(&class_key).map_or("", |class| text(class, "/provisioner"));
    let manual = provisioner == "kubernetes.io/no-provisioner";
    if manual && needed {
        let why = no_volume(n, claim, "its StorageClass provisions nothing");
        let event = find("WaitForFirstConsumer").or_else(|| find("WaitForPodScheduled"));
        return Some((CauseCode::NoMatchingVolume, why, event, 0.9));
    }
    if let Some(event) = failed {
        let why = format!("the provisioner fails: {}", shorten(&event.message, 200));
        return Some((CauseCode::ProvisioningFailed, why, Some(event), 0.92));
    }
    if let Some(event) = find("ExternalProvisioning") {
        let why = format!("nothing provisions a volume: provisioner {provisioner} does not answer");
        return Some((CauseCode::NoMatchingVolume, why, Some(event), 0.8));
    }
    // A claim that waits for its first consumer is in order as long as nobody waits for it.
    let first_consumer = find("WaitForFirstConsumer").is_some();
    let has_default = || {
        n.objects.kind("StorageClass").any(|class| {
            map(class, "/metadata/annotations")
                .and_then(|annotations| annotations.get(DEFAULT_CLASS))
                .is_some_and(|value| value == "true")
        })
    };
    let classless = claim.pointer("/spec/storageClassName").is_none() || class.is_empty();
    if !first_consumer && classless && known && !has_default() {
        let why = no_volume(n, claim, "no StorageClass is set");
        return Some((CauseCode::NoMatchingVolume, why, None, 0.8));
    }
    None
}

/// What the free volumes of the claim's class and size offer, if none of them offers the mode that it asks for.
fn lacking_mode(n: &Neighbourhood, claim: &Value) -> Option<String> {
    let wanted = list(claim, "/spec/accessModes");
    let size = |value: &Value, pointer: &str| quantity::parse(text(value, pointer)).unwrap_or(0.0);
    let need = size(claim, "/spec/resources/requests/storage");
    let class = text(claim, "/spec/storageClassName");
    let fitting: Vec<&Value> = n
        .objects
        .kind("PersistentVolume")
        .filter(|volume| {
            text(volume, "/status/phase") == "Available"
                && text(volume, "/spec/storageClassName") == class
                && size(volume, "/spec/capacity/storage") >= need
        })
        .collect();
    let offers =
        |volume: &Value| wanted.iter().all(|mode| list(volume, "/spec/accessModes").contains(mode));
    let first = fitting.first()?;
    if wanted.is_empty() || fitting.iter().any(|volume| offers(volume)) {
        return None;
    }
    let modes = |value: &Value| {
        list(value, "/spec/accessModes")
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    Some(format!(
        "it asks for {} and the free volume {} offers {}",
        modes(claim),
        text(first, "/metadata/name"),
        modes(first)
    ))
}

/// A class may exist in name only, to match volumes with claims.
fn has_static_volume(n: &Neighbourhood, class: &str) -> bool {
    n.objects.kind("PersistentVolume").any(|volume| text(volume, "/spec/storageClassName") == class)
}

fn no_volume(n: &Neighbourhood, claim: &Value, because: &str) -> String {
    let class = text(claim, "/spec/storageClassName");
    let same_class: Vec<&Value> = n
        .objects
        .kind("PersistentVolume")
        .filter(|volume| text(volume, "/spec/storageClassName") == class)
        .collect();
    let free =
        same_class.iter().filter(|volume| text(volume, "/status/phase") == "Available").count();
    format!(
        "no PersistentVolume matches ({} of its class, {free} of them Available): {}",
        same_class.len(),
        shorten(because, 160)
    )
}

/// A pod that cannot be scheduled for its volumes, apart from claims that are unbound.
fn without_volume(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let key = pod.key();
    let event = n.objects.events_of(&key).find(|event| event.reason == "FailedScheduling");
    let scheduled = condition(pod.0, "PodScheduled");
    let message = event.map_or_else(
        || scheduled.map_or("", |scheduled| text(scheduled, "/message")),
        |event| event.message.as_str(),
    );
    let (cause, why) =
        if let Some(claim) = between(message, "persistentvolumeclaim \"", "\" not found") {
            let present =
                n.objects.presence(&Key::new("PersistentVolumeClaim", pod.namespace(), claim));
            if present == Presence::Present {
                return None;
            }
            (CauseCode::ClaimMissing, format!("PersistentVolumeClaim {claim} does not exist"))
        } else if message.contains("volume node affinity conflict") {
            let why = "its volume is bound to nodes or a zone where it cannot run".to_owned();
            (CauseCode::VolumeNodeConflict, why)
        } else {
            return None;
        };
    let summary = format!("Pod {} cannot be scheduled: {why}.", pod.name());
    let draft = Draft::new(cause, n.fix_target(pod), key.clone(), summary)
        .chain([why, shorten(message, 220), format!("Pod {} stays Pending", pod.name())])
        .confidence(0.93)
        .at(event.and_then(|event| event.last))
        .event(event);
    Some(if event.is_none() { draft.part(&key, scheduled) } else { draft })
}
