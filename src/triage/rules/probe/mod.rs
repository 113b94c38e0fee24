//! Probes: containers that the kubelet restarts, or keeps from traffic, because a probe fails.

mod fault;

use jiff::SignedDuration;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::logs::{decisive, last_line};
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::{Container, Pod, Role};
use crate::triage::view::{Event, shorten};

use super::rollout::only_newest_fails;
use super::symptom;

/// A kill older than this against the container's last end belongs to an earlier life.
const SAME_KILL: SignedDuration = SignedDuration::from_mins(5);
/// A probe event that has not been renewed for so long is history.
const STALE: SignedDuration = SignedDuration::from_mins(30);

/// The two probes that restart a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restarter {
    Liveness,
    Startup,
}

impl Restarter {
    fn word(self) -> &'static str {
        match self {
            Self::Liveness => "liveness",
            Self::Startup => "startup",
        }
    }
}

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for pod in n.pods().filter(|pod| !pod.ended()) {
        for container in pod.containers() {
            match killed_by_probe(n, pod, &container) {
                Some((probe, kill)) => drafts.push(restarted(n, pod, &container, probe, kill)),
                None => drafts.extend(not_ready(n, pod, &container)),
            }
        }
    }
    drafts
}

fn about(event: &Event, container: &Container<'_>) -> bool {
    match &event.container {
        Some(name) => name == container.name,
        None => event.message.contains(container.name) || !event.message.starts_with("Container "),
    }
}

/// The event that shows that a probe, and nothing else, restarts the container.
pub(super) fn killed_by_probe<'n>(
    n: &'n Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
) -> Option<(Restarter, &'n Event)> {
    let key = pod.key();
    let exit = container.exit().or_else(|| container.last_exit());
    let events: Vec<&Event> =
        n.objects.events_of(&key).filter(|event| about(event, container)).collect();
    [Restarter::Liveness, Restarter::Startup].into_iter().find_map(|probe| {
        let word = probe.word();
        let kill = events.iter().copied().find(|event| {
            event.reason == "Killing"
                && event.message.to_lowercase().contains(&format!("failed {word} probe"))
        });
        // The kill may be forgotten while the failures are still on record.
        let failures = || {
            events.iter().copied().find(|event| {
                event.reason == "Unhealthy"
                    && event.message.to_lowercase().starts_with(word)
                    && event.count >= 3
            })
        };
        let signalled = exit.is_none_or(|exit| matches!(exit.code, 0 | 137 | 143));
        let event = kill.or_else(|| exit.filter(|_| signalled).and_then(|_| failures()))?;
        let close = match (exit.and_then(|exit| exit.finished), event.last) {
            (Some(finished), Some(last)) => last.duration_since(finished) > -SAME_KILL,
            _ => true,
        };
        let oom = exit.is_some_and(|exit| exit.reason == "OOMKilled");
        (close && !oom && (signalled || orderly(n, pod, container))).then_some((probe, event))
    })
}

/// A process that answers the kill with an exit code of its own logs no failure.
fn orderly(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>) -> bool {
    n.log_of_crash(pod, container).is_none_or(|(_, log)| {
        decisive(log).is_none_or(|line| line.weight < crate::triage::logs::Weight::Exception)
    })
}

/// The newest failure of a probe.
fn failure<'n>(
    n: &'n Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    word: &str,
) -> Option<&'n Event> {
    let key = pod.key();
    n.objects.events_of(&key).find(|event| {
        matches!(event.reason.as_str(), "Unhealthy" | "ProbeWarning" | "ProbeError")
            && about(event, container)
            && event.message.to_lowercase().starts_with(word)
    })
}

fn restarted(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    probe: Restarter,
    kill: &Event,
) -> Draft {
    let word = probe.word();
    let name = container.name;
    let failed = failure(n, pod, container, word);
    let said = failed.map_or("the probe fails", |event| reason_of(&event.message));
    let (cause, field) = match probe {
        Restarter::Liveness => (CauseCode::LivenessProbeFailing, "livenessProbe"),
        Restarter::Startup => (CauseCode::StartupProbeFailing, "startupProbe"),
    };
    let log = n.log_of_crash(pod, container);
    let seen = fault::Seen {
        probe: container.spec.get(field),
        said,
        log: log.as_ref().map_or("", |(_, log)| log),
        kills: true,
    };
    let own_fault = fault::of(container, &seen);
    let cause = own_fault.unwrap_or_else(|| of_revision(n, pod, said).unwrap_or(cause));
    let summary = format!(
        "The kubelet restarts container {name} of pod {} because its {word} probe fails: {} ({} restarts).",
        pod.name(),
        shorten(said, 160),
        container.restarts()
    );
    let last = container.last_exit().or_else(|| container.exit()).and_then(|exit| exit.finished);
    let seen = kill.last.max(failed.and_then(|event| event.last)).max(last);
    let active = !pod.ready() || seen.is_none_or(|at| n.now.duration_since(at) < STALE);
    let mut draft = Draft::new(cause, n.fix_target(pod), pod.key(), summary)
        .chain([
            format!("The {word} probe of container {name} fails: {}", shorten(said, 160)),
            "The kubelet kills the container and starts it again".to_owned(),
            symptom(pod, container),
        ])
        .confidence(0.92)
        .active(active)
        .at(seen)
        .victim(own_fault.is_none() && blames(n, pod, container))
        .event(Some(kill))
        .event(failed)
        .part(&pod.key(), container.spec.get(field));
    if let Some((key, line)) =
        log.and_then(|(key, log)| Some((key, decisive(log).or_else(|| last_line(log))?)))
    {
        draft = draft.log(key, line.quote());
    }
    draft
}

fn not_ready(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>) -> Option<Draft> {
    let running = container.running_since().is_some() && !container.ready();
    let crashing = container.crash(pod, n.now).is_some_and(|crash| crash.active);
    if !running || crashing || container.role == Role::Init {
        return None;
    }
    let probe = container.spec.get("readinessProbe");
    let failed = failure(n, pod, container, "readiness");
    if probe.is_none() && failed.is_none() {
        return None;
    }
    let name = container.name;
    let said = failed.map_or("the probe has not succeeded", |event| reason_of(&event.message));
    let summary = format!(
        "Container {name} of pod {} runs but fails its readiness probe: {}.",
        pod.name(),
        shorten(said, 160)
    );
    // Too few failures may be no more than a slow start.
    let confidence = match failed {
        Some(event) if event.count >= 3 => 0.9,
        Some(_) => 0.7,
        None => 0.55,
    };
    let now = n.log_now(pod, container);
    let seen =
        fault::Seen { probe, said, log: now.as_ref().map_or("", |(_, log)| log), kills: false };
    let own_fault = fault::of(container, &seen);
    let log = now.and_then(|(key, log)| Some((key, decisive(log).or_else(|| last_line(log))?)));
    let mut draft = Draft::new(
        own_fault.or_else(|| of_revision(n, pod, said)).unwrap_or(CauseCode::ReadinessProbeFailing),
        n.fix_target(pod),
        pod.key(),
        summary,
    )
    .chain([
        format!("The readiness probe of container {name} fails: {}", shorten(said, 160)),
        "The pod is taken out of the endpoints of its Services".to_owned(),
        symptom(pod, container),
    ])
    .confidence(confidence)
    .at(failed.and_then(|event| event.last))
    .victim(own_fault.is_none())
    .event(failed)
    .part(&pod.key(), probe);
    if failed.is_none() {
        let ready = crate::triage::view::condition(pod.0, "ContainersReady");
        draft = draft.part(&pod.key(), ready);
    }
    if let Some((key, line)) = log {
        draft = draft.log(key, line.quote());
    }
    Some(draft)
}

fn blames(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>) -> bool {
    n.log_of_crash(pod, container)
        .or_else(|| n.log_now(pod, container))
        .is_some_and(|(_, log)| log.lines().any(crate::triage::logs::blames_dependency))
}

/// A server error of its own that the revision before does not have.
fn of_revision(n: &Neighbourhood, pod: Pod<'_>, said: &str) -> Option<CauseCode> {
    let fails = said.to_lowercase().contains("statuscode: 5");
    (fails && only_newest_fails(n, pod)).then_some(CauseCode::BadRevision)
}

/// `Liveness probe failed: X` without the part that everyone knows.
fn reason_of(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(_, rest)| rest).trim_end_matches('.')
}
