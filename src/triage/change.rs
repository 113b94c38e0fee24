//! What changed just before: compares the pod template of a workload's newest revision with the one before it, and looks
//! at who edited what a finding rests on.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::causes::{CauseCode, Tier};
use super::draft::{Draft, Source};
use super::edits;
use super::neighbourhood::Neighbourhood;
use super::view::{Key, list, map, shorten, text, time};

/// A revision older than this against the incident is no recent change.
const RECENT: SignedDuration = SignedDuration::from_hours(24);
/// At most so many changes are named.
const MAX_CHANGES: usize = 4;
/// At most so many findings are enriched.
const MAX_FINDINGS: usize = 3;

/// The parts of a container that matter when it fails.
const OF_CONTAINER: [&str; 12] = [
    "image",
    "command",
    "args",
    "workingDir",
    "envFrom",
    "ports",
    "resources",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "volumeMounts",
    "securityContext",
];

/// The parts of a pod's spec that matter.
const OF_POD: [&str; 14] = [
    "nodeSelector",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "serviceAccountName",
    "automountServiceAccountToken",
    "volumes",
    "dnsPolicy",
    "hostNetwork",
    "securityContext",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "imagePullSecrets",
];

/// A difference between two revisions.
#[derive(Debug, Clone, PartialEq)]
struct Change<'a> {
    /// `image of container app`
    what: String,
    field: &'a str,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

/// A revision of a workload.
struct Revision<'a> {
    number: i64,
    key: Key,
    template: &'a Value,
    created: Option<Timestamp>,
    cause: &'a str,
}

/// Adds to the first findings what changed in their workload just before.
pub(super) fn enrich(n: &Neighbourhood, drafts: &mut [Draft]) {
    let faults = drafts
        .iter_mut()
        .filter(|draft| draft.active && draft.cause != CauseCode::Healthy)
        .filter(|draft| draft.cause.cause().tier != Tier::Infrastructure);
    for draft in faults.take(MAX_FINDINGS) {
        let named = add(n, draft).is_some();
        edits::add(n, draft, named);
    }
}

/// `None` where no revision explains the finding.
fn add(n: &Neighbourhood, draft: &mut Draft) -> Option<()> {
    let own = n.objects.head(&Key::from(&draft.target));
    let shown = n.objects.head(&draft.subject);
    let proofs = draft.proofs.iter().filter_map(|proof| match &proof.source {
        Source::Object(key) => Some(n.objects.head(key)),
        Source::Events(_) | Source::Names(_) | Source::Log(_) => None,
    });
    let head = [own, shown]
        .into_iter()
        .chain(proofs)
        .find(|head| matches!(head.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet"))?;
    let revisions = revisions(n, &head);
    let [.., before, after] = revisions.as_slice() else { return None };
    let recent = after.created.filter(|created| {
        let age = n.fired.duration_since(*created);
        // The alert may be dated from before the snapshot's last rollout.
        age < RECENT && *created <= n.now
    });
    let created = recent?;
    if !concerns(n, draft, after) {
        return None;
    }
    let changes = differences(before.template, after.template);
    if changes.is_empty() {
        return None;
    }
    let named: Vec<String> =
        changes.iter().take(MAX_CHANGES).map(|change| change.sentence()).collect();
    let why = if after.cause.is_empty() {
        String::new()
    } else {
        format!(" ({})", shorten(after.cause, 80))
    };
    draft.chain.insert(
        0,
        format!(
            "Revision {} of {} {}, since {created}{why}, changed {}",
            after.number,
            head.kind,
            head.name,
            named.join("; ")
        ),
    );
    draft.steps.insert(
        0,
        format!(
            "Compare revision {} of {} {} with revision {} before it; undo the change if it is not wanted.",
            after.number, head.kind, head.name, before.number
        ),
    );
    for change in changes.iter().take(MAX_CHANGES) {
        for (revision, value) in [(before, change.before), (after, change.after)] {
            if let Some(value) = value {
                let quoted = serde_json::json!({ change.field: value });
                *draft = draft.clone().part(&revision.key, Some(&quoted));
            }
        }
    }
    Some(())
}

/// Whether the finding is about the newest revision, or about no revision in particular.
fn concerns(n: &Neighbourhood, draft: &Draft, newest: &Revision<'_>) -> bool {
    if draft.subject.kind != "Pod" || newest.key.kind != "ReplicaSet" {
        return true;
    }
    let owners = n.objects.owners(&draft.subject);
    owners.first().is_none_or(|owner| owner.name == newest.key.name)
}

/// A workload's revisions, oldest first.
fn revisions<'n>(n: &'n Neighbourhood, head: &Key) -> Vec<Revision<'n>> {
    let by_set =
        n.objects.members(head).iter().filter(|key| key.kind == "ReplicaSet").filter_map(|key| {
            let set = n.objects.get(key)?;
            let annotation = |name: &str| {
                map(set, "/metadata/annotations")
                    .and_then(|annotations| annotations.get(name))
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            Some(Revision {
                number: annotation("deployment.kubernetes.io/revision").parse().ok()?,
                key: key.clone(),
                template: set.pointer("/spec/template")?,
                created: time(set, "/metadata/creationTimestamp"),
                cause: annotation("kubernetes.io/change-cause"),
            })
        });
    let by_record = n
        .objects
        .kind("ControllerRevision")
        .filter(|record| text(record, "/metadata/namespace") == head.namespace)
        .filter(|record| {
            list(record, "/metadata/ownerReferences")
                .iter()
                .any(|owner| text(owner, "/kind") == head.kind && text(owner, "/name") == head.name)
        })
        .filter_map(|record| {
            Some(Revision {
                number: record.get("revision")?.as_i64()?,
                key: Key::of(record),
                template: record.pointer("/data/spec/template")?,
                created: time(record, "/metadata/creationTimestamp"),
                cause: "",
            })
        });
    let mut found: Vec<Revision<'n>> = by_set.chain(by_record).collect();
    found.sort_by_key(|revision| revision.number);
    found
}

impl Change<'_> {
    fn sentence(&self) -> String {
        let brief = |value: Option<&Value>| match value {
            None => "nothing".to_owned(),
            Some(Value::String(text)) => shorten(text, 80),
            Some(value) => shorten(&value.to_string(), 80),
        };
        format!("{} from {} to {}", self.what, brief(self.before), brief(self.after))
    }
}

fn differences<'a>(before: &'a Value, after: &'a Value) -> Vec<Change<'a>> {
    let mut found = Vec::new();
    for pointer in ["/spec/initContainers", "/spec/containers"] {
        let old = list(before, pointer);
        for container in list(after, pointer) {
            let name = text(container, "/name");
            match old.iter().find(|old| text(old, "/name") == name) {
                Some(old) => of_container(name, old, container, &mut found),
                None => found.push(Change {
                    what: format!("container {name}"),
                    field: "image",
                    before: None,
                    after: container.get("image"),
                }),
            }
        }
    }
    for field in OF_POD {
        let pointer = format!("/spec/{field}");
        push(
            field.to_owned(),
            field,
            before.pointer(&pointer),
            after.pointer(&pointer),
            &mut found,
        );
    }
    let labels = |template: &'a Value| map(template, "/metadata/labels");
    for (name, value) in labels(after).into_iter().flatten() {
        if name != "pod-template-hash" {
            let old = labels(before).and_then(|labels| labels.get(name));
            push(format!("label {name}"), name, old, Some(value), &mut found);
        }
    }
    found
}

fn of_container<'a>(name: &str, old: &'a Value, new: &'a Value, found: &mut Vec<Change<'a>>) {
    for field in OF_CONTAINER {
        push(format!("{field} of container {name}"), field, old.get(field), new.get(field), found);
    }
    let variable = |container: &'a Value, wanted: &str| {
        list(container, "/env").iter().find(|variable| text(variable, "/name") == wanted)
    };
    let names = list(new, "/env").iter().chain(list(old, "/env")).map(|v| text(v, "/name"));
    let mut seen: Vec<&str> = Vec::new();
    for wanted in names {
        if seen.contains(&wanted) {
            continue;
        }
        seen.push(wanted);
        let (before, after) = (variable(old, wanted), variable(new, wanted));
        if before == after {
            continue;
        }
        let value = |variable: Option<&'a Value>| {
            variable
                .and_then(|variable| variable.get("value").or_else(|| variable.get("valueFrom")))
        };
        found.push(Change {
            what: format!("variable {wanted} of container {name}"),
            field: "value",
            before: value(before),
            after: value(after),
        });
    }
}

fn push<'a>(
    what: String,
    field: &'a str,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    found: &mut Vec<Change<'a>>,
) {
    if before != after {
        found.push(Change { what, field, before, after });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn image_variable_command_and_resources_are_compared() {
        let template = |image: &str, port: &str, memory: &str| {
            json!({"metadata": {"labels": {"pod-template-hash": image}}, "spec": {"containers": [{
                "name": "app", "image": image, "env": [{"name": "PORT", "value": port}],
                "resources": {"limits": {"memory": memory}}}]}})
        };
        let (before, after) = (template("a:1", "80", "1Gi"), template("a:2", "80x", "1Gi"));
        let named: Vec<String> =
            differences(&before, &after).iter().map(Change::sentence).collect();
        assert_eq!(
            named,
            [
                "image of container app from a:1 to a:2",
                "variable PORT of container app from 80 to 80x"
            ]
        );
        assert_eq!(differences(&before, &before), []);
    }
}
