//! Who changed an object just before: what the API server keeps of its field managers, read against the incident.

use jiff::{SignedDuration, Timestamp};
use leadsman_ports::condensed::FieldChange;
use serde_json::Value;

use super::causes::{CauseCode, Family};
use super::draft::{Draft, Source};
use super::graph::references;
use super::neighbourhood::Neighbourhood;
use super::view::{Key, list, time};

/// A change older than this against the incident is no recent one.
const RECENT: SignedDuration = SignedDuration::from_hours(24);
/// What is written so soon after an object's creation belongs to it.
const CREATION: SignedDuration = SignedDuration::from_mins(2);

/// Clients by which people change objects one at a time.
const BY_HAND: [&str; 15] = [
    "kubectl",
    "kubectl-edit",
    "kubectl-patch",
    "kubectl-set",
    "kubectl-scale",
    "kubectl-label",
    "kubectl-replace",
    "kubectl-rollout",
    "oc",
    "k9s",
    "node-fetch",
    "Mozilla",
    "dashboard",
    "rancher",
    "headlamp",
];
/// What an autoscaler writes is its work, not a change that somebody made.
const AUTOMATIC: [&str; 3] =
    ["kube-controller-manager", "horizontal-pod-autoscaler", "vpa-updater"];

/// The changes of an object, oldest first.
pub(super) fn of(object: &Value) -> impl Iterator<Item = FieldChange> {
    list(object, "/metadata/changes")
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|line| line.parse().ok())
}

/// Whether a person made the change rather than a pipeline or a controller.
pub(super) fn by_hand(change: &FieldChange) -> bool {
    BY_HAND.iter().any(|name| change.manager.eq_ignore_ascii_case(name))
}

/// Whether the object was written as a whole, so that what changed in it is not known.
fn is_whole(change: &FieldChange) -> bool {
    change.fields.starts_with(|c: char| c.is_ascii_digit())
}

/// A recent change of an object that a finding rests on.
struct Edit {
    key: Key,
    change: FieldChange,
}

/// Puts the newest change that may have brought a fault about at the head of its chain. `named` says whether a changed
/// revision stands there already.
pub(super) fn add(n: &Neighbourhood, draft: &mut Draft, named: bool) {
    let Some(Edit { key, change }) = newest(n, draft, named) else { return };
    let FieldChange { at, manager, fields } = &change;
    let (kind, name) = (&key.kind, &key.name);
    let what = if is_whole(&change) {
        format!("{manager} wrote {kind} {name} at {at}")
    } else {
        // A pipeline owns all that it applies; somebody who edits owns what they changed.
        let verb = if by_hand(&change) { "changed" } else { "wrote" };
        format!("{manager} {verb} {fields} of {kind} {name} at {at}")
    };
    draft.chain.insert(0, what);
    draft.steps.insert(
        0,
        format!(
            "Compare {kind} {name} with what it was before {at}; undo the change if it is not wanted."
        ),
    );
    *draft = draft.clone().words(&key, &change.to_string());
}

fn newest(n: &Neighbourhood, draft: &Draft, named: bool) -> Option<Edit> {
    let cited = draft.proofs.iter().filter_map(|proof| match &proof.source {
        Source::Object(key) => Some(key.clone()),
        Source::Events(_) | Source::Names(_) | Source::Log(_) => None,
    });
    let target = Key::from(&draft.target);
    // What a revision changed stands in its workload as well.
    let certain = cited.chain([target.clone()]).filter(|key| !named || !is_workload(key));
    if let Some(edit) = certain.filter_map(|key| edit(n, draft, key)).max_by_key(|e| e.change.at) {
        return Some(edit);
    }
    // Configuration that nothing quotes is worth a mention where the process itself fails.
    let fails = matches!(
        draft.cause.cause().family,
        Family::Configuration | Family::Container | Family::Memory | Family::Probe
    );
    if named || !fails {
        return None;
    }
    let head = n.objects.head(&target);
    references(n.objects.pod_spec(&head)?, &head.namespace)
        .into_iter()
        .filter_map(|key| edit(n, draft, key))
        .max_by_key(|edit| edit.change.at)
}

fn is_workload(key: &Key) -> bool {
    matches!(key.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

fn edit(n: &Neighbourhood, draft: &Draft, key: Key) -> Option<Edit> {
    let object = n.objects.get(&key)?;
    let created = time(object, "/metadata/creationTimestamp");
    let change = of(object)
        .filter(|change| recent(n, draft, change.at))
        .filter(|change| created.is_none_or(|at| change.at.duration_since(at) > CREATION))
        .filter(|change| !AUTOMATIC.contains(&change.manager.as_str()))
        .filter(|change| concerns(draft.cause, &key, change))
        // Of a workload that was written as a whole, its revisions tell more.
        .filter(|change| !is_whole(change) || !is_workload(&key))
        .last()?;
    Some(Edit { key, change })
}

/// Before the fault was seen last, and not long before the incident.
fn recent(n: &Neighbourhood, draft: &Draft, at: Timestamp) -> bool {
    let age = n.fired.duration_since(at);
    age < RECENT && at <= draft.at.unwrap_or(n.now)
}

/// How many replicas somebody wants matters only where their number does.
fn concerns(cause: CauseCode, key: &Key, change: &FieldChange) -> bool {
    let only_scaled = is_workload(key) && change.fields == "spec.replicas";
    !only_scaled
        || matches!(
            cause,
            CauseCode::ScaledToZero
                | CauseCode::Drift
                | CauseCode::QuotaExceeded
                | CauseCode::InsufficientCpu
                | CauseCode::InsufficientMemory
                | CauseCode::AntiAffinity
        )
}
