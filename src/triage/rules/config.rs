//! Containers that cannot be created because configuration they refer to is not there.

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::objects::Presence;
use crate::triage::pod::Pod;
use crate::triage::view::{Event, Key, list, shorten, text};

use super::{between, word_after};

/// What is missing, as the kubelet says it.
struct Missing {
    cause: CauseCode,
    /// `ConfigMap shop/settings`, or `key PORT of ConfigMap settings`.
    what: String,
    /// The object that is missing or lacks the key, where the message names it.
    object: Option<Key>,
}

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.pods().filter(|pod| !pod.ended()).filter_map(|pod| blocked(n, pod)).collect()
}

fn blocked(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    let at_creation = pod.containers().find_map(|container| {
        let (_, message) =
            container.waiting().filter(|(reason, _)| *reason == "CreateContainerConfigError")?;
        let missing = parse(message, pod)?;
        Some((missing, message, container.status.pointer("/state/waiting")))
    });
    let key = pod.key();
    if let Some((missing, message, state)) = at_creation {
        let event =
            n.objects.events_of(&key).find(|event| event.message.contains(message)).cloned();
        let draft = draft(n, pod, &missing, message).part(&key, state).event(event.as_ref());
        return Some(draft.at(event.and_then(|event| event.last)));
    }
    let starts = pod.containers().any(|container| {
        container.waiting().is_some_and(|(reason, _)| {
            matches!(reason, "ContainerCreating" | "PodInitializing" | "")
        })
    });
    if !starts || pod.node().is_empty() {
        return None;
    }
    let (missing, event): (Missing, Event) = n
        .objects
        .events_of(&key)
        .filter(|event| event.reason == "FailedMount")
        .find_map(|event| Some((parse(&event.message, pod)?, event.clone())))?;
    let draft = draft(n, pod, &missing, &event.message);
    Some(draft.at(event.last).event(Some(&event)))
}

fn draft(n: &Neighbourhood, pod: Pod<'_>, missing: &Missing, message: &str) -> Draft {
    let whole = matches!(missing.cause, CauseCode::ConfigMapMissing | CauseCode::SecretMissing);
    let presence =
        missing.object.as_ref().map_or(Presence::Unknown, |object| n.objects.presence(object));
    // What is missing may have come since; then the kubelet's next try succeeds.
    let confidence = match (whole, presence) {
        (true, Presence::Present) => 0.6,
        (true, Presence::Absent) | (false, Presence::Present) => 0.96,
        _ => 0.9,
    };
    let refers = missing.object.as_ref().map_or(String::new(), |object| {
        format!("The workload refers to {} {}", object.kind, object.name)
    });
    let summary = match missing.cause {
        CauseCode::RunAsNonRootRefused => {
            format!("Pod {} cannot start: {}.", pod.name(), missing.what)
        }
        _ => format!("Pod {} cannot start because {} does not exist.", pod.name(), missing.what),
    };
    let draft = Draft::new(missing.cause, n.fix_target(pod), pod.key(), summary)
        .chain([
            refers,
            format!("The kubelet cannot set up the container: {}", shorten(message, 200)),
            format!("Pod {} stays {}", pod.name(), pod.phase()),
        ])
        .confidence(confidence);
    match &missing.object {
        Some(object) if presence == Presence::Present => draft.step(format!(
            "Compare the keys of {} {} with the reference.",
            object.kind, object.name
        )),
        Some(object) => draft
            .step(format!(
                "Check the reference to {} {} in the pod template.",
                object.kind, object.name
            ))
            .words(&pod.key(), &format!("name: {}", object.name)),
        None => draft,
    }
}

/// Whether a mount fails for want of configuration.
pub(super) fn names_cause(message: &str, pod: Pod<'_>) -> bool {
    parse(message, pod).is_some()
}

fn parse(message: &str, pod: Pod<'_>) -> Option<Missing> {
    let lower = message.to_lowercase();
    if lower.contains("runasnonroot") {
        return Some(Missing {
            cause: CauseCode::RunAsNonRootRefused,
            what: shorten(message, 160),
            object: None,
        });
    }
    if let Some((_, rest)) = message.split_once("couldn't find key ") {
        let name = rest.split(' ').next()?;
        let kind = if rest.contains("in Secret ") { "Secret" } else { "ConfigMap" };
        let object = word_after(rest, &format!("in {kind} "))?;
        let object = object.rsplit('/').next().unwrap_or(object);
        return Some(key_missing(name, kind, object, pod));
    }
    for (kind, word, absent) in [
        ("ConfigMap", "config", CauseCode::ConfigMapMissing),
        ("Secret", "secret", CauseCode::SecretMissing),
    ] {
        if let Some(name) = word_after(message, &format!("non-existent {word} key:")) {
            let volume = between(message, "for volume \"", "\"").unwrap_or_default();
            let object = source_of(pod, volume, kind).unwrap_or_default();
            return Some(key_missing(name, kind, object, pod));
        }
        let plain = kind.to_lowercase();
        let name = [format!("{plain} \""), format!("{plain}s \"")]
            .iter()
            .find_map(|mark| between(message, mark, "\" not found"));
        if let Some(name) = name.filter(|name| !name.contains('"')) {
            return Some(Missing {
                cause: absent,
                what: format!("{kind} {name}"),
                object: Some(Key::new(kind, pod.namespace(), name)),
            });
        }
    }
    None
}

fn key_missing(name: &str, kind: &str, object: &str, pod: Pod<'_>) -> Missing {
    Missing {
        cause: CauseCode::ConfigKeyMissing,
        what: format!("key {name} of {kind} {object}"),
        object: Some(object)
            .filter(|object| !object.is_empty())
            .map(|object| Key::new(kind, pod.namespace(), object)),
    }
}

/// The ConfigMap or Secret behind a volume.
fn source_of<'a>(pod: Pod<'a>, volume: &str, kind: &str) -> Option<&'a str> {
    let volume = list(pod.0, "/spec/volumes").iter().find(|v| text(v, "/name") == volume)?;
    let (direct, projected) = match kind {
        "ConfigMap" => ("/configMap/name", "/configMap/name"),
        _ => ("/secret/secretName", "/secret/name"),
    };
    let sources = list(volume, "/projected/sources").iter().map(|source| text(source, projected));
    [text(volume, direct)].into_iter().chain(sources).find(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(message: &str) -> (CauseCode, String) {
        let pod = json!({
            "metadata": {"namespace": "shop", "name": "cart"},
            "spec": {"volumes": [{"name": "cfg", "configMap": {"name": "settings"}}]}
        });
        let missing = parse(message, Pod(&pod)).unwrap();
        (missing.cause, missing.what)
    }

    #[test]
    fn every_wording_of_the_kubelet_is_understood() {
        for (message, cause, what) in [
            ("configmap \"a\" not found", CauseCode::ConfigMapMissing, "ConfigMap a"),
            ("secret \"a\" not found", CauseCode::SecretMissing, "Secret a"),
            (
                "MountVolume.SetUp failed for volume \"cfg\" : configmap \"a\" not found",
                CauseCode::ConfigMapMissing,
                "ConfigMap a",
            ),
            (
                "couldn't find key PORT in ConfigMap shop/settings",
                CauseCode::ConfigKeyMissing,
                "key PORT of ConfigMap settings",
            ),
            (
                "couldn't find key token in Secret shop/api",
                CauseCode::ConfigKeyMissing,
                "key token of Secret api",
            ),
            (
                "MountVolume.SetUp failed for volume \"cfg\" : configmap references non-existent config key: a.yaml",
                CauseCode::ConfigKeyMissing,
                "key a.yaml of ConfigMap settings",
            ),
        ] {
            assert_eq!(parsed(message), (cause, what.to_owned()), "{message}");
        }
    }
}
