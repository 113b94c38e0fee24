//! Puts findings in causal order: the origin before what follows from it, the target's own before what is unrelated.

use std::cmp::Reverse;

use jiff::SignedDuration;

use super::causes::{CauseCode, Family, Tier};
use super::draft::Draft;
use super::endpoints::speaks_of_calls;
use super::graph::Scope;
use super::neighbourhood::Neighbourhood;

/// A fault that has passed still counts if it was seen so long before or after the incident fired.
const RELEVANT: SignedDuration = SignedDuration::from_hours(1);
/// What has been well again for so long is history, whatever the incident says.
const HISTORY: SignedDuration = SignedDuration::from_mins(90);
/// At most so many findings.
const MAX_FINDINGS: usize = 10;
/// At most so many of them unrelated to the target.
const MAX_ELSEWHERE: usize = 3;

/// How a draft bears on the incident; earlier explains better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bearing {
    /// A fault of the target's own that nothing else need explain.
    Origin,
    /// A fault upstream of an own fault that may be its consequence.
    Upstream,
    /// An own fault that may be a consequence.
    Victim,
    /// A symptom.
    Symptom,
    /// Own, and passed about when the incident fired.
    Passed,
    /// Nothing is wrong.
    Healthy,
    /// Whatever else there is.
    Unrelated,
}

/// Merges what several pods show alike and sorts.
pub(super) fn rank(n: &Neighbourhood, drafts: Vec<Draft>) -> Vec<Draft> {
    let drafts = merge(n, drafts);
    let own = |draft: &Draft| matches!(scope(n, draft), Scope::Own(_)) && draft.active;
    let own_faults: Vec<&Draft> = drafts.iter().filter(|draft| own(draft)).collect();
    // Wiring around a workload never explains that the workload itself fails; at the Service it is the origin.
    let at_service = matches!(n.target.kind.as_str(), "Service" | "Ingress" | "Endpoints");
    let pods_fail = own_faults.iter().any(|draft| draft.tier < Tier::Wiring);
    let explained = own_faults.iter().any(|draft| {
        !draft.victim && draft.tier <= Tier::Broad || draft.tier == Tier::Wiring && at_service
    });
    let calm = is_calm(n, &drafts);
    let bearing = |draft: &Draft| match scope(n, draft) {
        Scope::Own(_) if draft.active => match draft.tier {
            Tier::Infrastructure | Tier::Specific | Tier::Broad if draft.victim => Bearing::Victim,
            Tier::Infrastructure | Tier::Specific | Tier::Broad => Bearing::Origin,
            Tier::Wiring if pods_fail => Bearing::Symptom,
            Tier::Wiring => Bearing::Origin,
            Tier::Symptom => Bearing::Symptom,
            Tier::Healthy => Bearing::Healthy,
        },
        // What has passed and may have come from elsewhere is history; what is the workload's own will come back.
        Scope::Own(_)
            if relevant(n, draft) && draft.tier <= Tier::Specific && comes_back(draft.cause) =>
        {
            Bearing::Passed
        }
        Scope::Upstream(_)
            if draft.active
                && !explained
                && draft.tier < Tier::Symptom
                && blamed(n, draft, calm) =>
        {
            Bearing::Upstream
        }
        Scope::Own(_) | Scope::Upstream(_) | Scope::Elsewhere => Bearing::Unrelated,
    };
    let mut ranked: Vec<(Bearing, Draft)> =
        drafts.iter().map(|draft| (bearing(draft), draft.clone())).collect();
    ranked.sort_by_cached_key(|(bearing, draft)| {
        (
            *bearing,
            Reverse(draft.active),
            draft.victim,
            draft.tier,
            scope(n, draft),
            Reverse(hinted(n, draft)),
            Reverse(percent(draft.confidence)),
            Reverse(draft.at),
            draft.target.clone(),
        )
    });
    let mut elsewhere = 0;
    ranked.retain(|(bearing, _)| {
        elsewhere += usize::from(*bearing == Bearing::Unrelated);
        *bearing != Bearing::Unrelated || elsewhere <= MAX_ELSEWHERE
    });
    ranked.truncate(MAX_FINDINGS);
    ranked.into_iter().map(|(bearing, draft)| discount(n, bearing, draft)).collect()
}

/// Whether a fault was found that bears on the target.
pub(super) fn bears_on_target(n: &Neighbourhood, drafts: &[Draft]) -> bool {
    let calm = is_calm(n, drafts);
    drafts.iter().any(|draft| {
        draft.active
            && match scope(n, draft) {
                Scope::Own(_) => true,
                Scope::Upstream(_) => blamed(n, draft, calm),
                Scope::Elsewhere => false,
            }
    })
}

/// Whether nothing of the target's own is wrong.
fn is_calm(n: &Neighbourhood, drafts: &[Draft]) -> bool {
    let fault = |draft: &Draft| draft.active && draft.tier != Tier::Healthy;
    !drafts.iter().any(|draft| fault(draft) && matches!(scope(n, draft), Scope::Own(_)))
}

/// Whether the target suffers from a fault upstream: its logs blame what is at fault, or, where they blame nobody, it
/// suffers from something, or is said to.
fn blamed(n: &Neighbourhood, draft: &Draft, calm: bool) -> bool {
    let accused = n.graph.accused(&n.objects, &draft.subject);
    accused.unwrap_or_else(|| !calm || speaks_of_calls(&n.told))
}

/// Whether a fault that has passed may come again without a change. What keeps a process from its start has been put right
/// once it has started.
fn comes_back(cause: CauseCode) -> bool {
    matches!(
        cause.cause().family,
        Family::Node | Family::Container | Family::Memory | Family::Storage | Family::Probe
    )
}

fn percent(confidence: f64) -> u8 {
    // Confidence lies between 0 and 1.
    (confidence.clamp(0.0, 1.0) * 100.0) as u8
}

/// The nearest of what shows the fault and what is to be fixed.
fn scope(n: &Neighbourhood, draft: &Draft) -> Scope {
    n.graph.scope(&draft.subject).min(n.graph.scope(&(&draft.target).into()))
}

fn relevant(n: &Neighbourhood, draft: &Draft) -> bool {
    let near = draft.at.is_some_and(|at| n.fired.duration_since(at).abs() <= RELEVANT);
    let history = draft.at.is_some_and(|at| n.now.duration_since(at) > HISTORY);
    (near || hinted(n, draft)) && !history
}

/// Whether the incident's words point to the cause. Weak, so it decides only between equals.
fn hinted(n: &Neighbourhood, draft: &Draft) -> bool {
    let words: &[&str] = match draft.cause {
        CauseCode::OomKilled => &["oom", "out of memory"],
        CauseCode::ApplicationError | CauseCode::BadCommand => {
            &["crashloop", "crash loop", "jobfailed"]
        }
        CauseCode::NodeNotReady => &["nodenotready", "node not ready", "unreachable"],
        CauseCode::QuotaExceeded => &["quota"],
        CauseCode::LivenessProbeFailing => &["liveness"],
        CauseCode::ReadinessProbeFailing => &["readiness", "notready", "not ready"],
        CauseCode::ServiceSelectorMismatch | CauseCode::ServiceTargetPortMismatch => {
            &["endpoint", "5xx", "503", "502", "refused"]
        }
        _ => &[],
    };
    words.iter().any(|word| n.told.contains(word))
        || (!draft.subject.name.is_empty() && n.told.contains(&draft.subject.name.to_lowercase()))
}

/// Several pods of one workload show the same fault: the clearest speaks for all.
fn merge(n: &Neighbourhood, drafts: Vec<Draft>) -> Vec<Draft> {
    let mut merged: Vec<(Draft, usize)> = Vec::new();
    for draft in drafts {
        let same = merged
            .iter_mut()
            .find(|(known, _)| known.cause == draft.cause && known.target == draft.target);
        match same {
            Some((known, count)) => {
                *count += 1;
                let clearer = |draft: &Draft| {
                    (draft.active, Reverse(scope(n, draft)), percent(draft.confidence), draft.at)
                };
                if clearer(&draft) > clearer(known) {
                    *known = draft;
                }
            }
            None => merged.push((draft, 1)),
        }
    }
    merged
        .into_iter()
        .map(|(mut draft, count)| {
            if count > 1 && draft.subject.kind == "Pod" {
                draft.summary = format!("{} ({count} pods or containers alike)", draft.summary);
            }
            draft
        })
        .collect()
}

fn discount(n: &Neighbourhood, bearing: Bearing, mut draft: Draft) -> Draft {
    draft.confidence *= match bearing {
        Bearing::Origin | Bearing::Symptom | Bearing::Healthy => 1.0,
        Bearing::Upstream => 0.9,
        Bearing::Victim => 0.85,
        Bearing::Passed => 0.7,
        Bearing::Unrelated => 0.3,
    };
    if bearing == Bearing::Unrelated {
        let past = !draft.active && matches!(scope(n, &draft), Scope::Own(_));
        let mark = if past { "In the past" } else { "Unrelated to the target" };
        draft.summary = format!("{mark}: {}", draft.summary);
    }
    draft
}
