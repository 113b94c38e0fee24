//! What a container's log says about the cause.

mod reader;

use std::cmp::Reverse;

use crate::triage::causes::CauseCode;
use crate::triage::collect::LogKey;
use crate::triage::draft::Draft;
use crate::triage::endpoints;
use crate::triage::logs::{Decisive, Weight, weigh};
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::{Container, Pod, Role};
use crate::triage::signs;
use crate::triage::view::condition;

pub(super) use reader::last_words;
use reader::{Reader, Said, said, weighed, words_of};

use super::symptom;

/// In a container that serves, a complaint must be among the last so many lines …
const FRESH: usize = 20;
/// … and must come back so often.
const RECURRING: usize = 3;

/// How sure a line makes.
pub(super) fn confidence(weight: Weight) -> f64 {
    match weight {
        Weight::Fatal | Weight::Exception => 0.92,
        Weight::Error => 0.9,
        Weight::Complaint => 0.82,
    }
}

/// Containers that run, or serve, and complain all the same.
pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for pod in n.pods().filter(|pod| !pod.ended()) {
        for container in pod.containers() {
            if container.running_since().is_none()
                || container.crash(pod, n.now).is_some_and(|crash| crash.active)
            {
                continue;
            }
            let Some((key, log)) = n.log_now(pod, &container) else { continue };
            let waits = container.role == Role::Init;
            let found = if container.ready() && pod.ready() && !waits {
                recurring(n, pod, &container, log)
            } else {
                said(n, pod, &container, log)
            };
            drafts.extend(found.and_then(|said| draft(n, pod, &container, key, &said)));
        }
    }
    drafts
}

/// What a serving container complains of again and again, until now.
fn recurring<'l>(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    log: &'l str,
) -> Option<Said<'l>> {
    let reader = Reader::new(n, pod, *container);
    let own = |line: &&str| {
        signs::read(words_of(line).as_ref(), false)
            .next()
            .is_none_or(|cause| !signs::is_inbound(line, cause))
    };
    let mut fresh: Vec<Decisive<'l>> = weighed(log.lines().rev().take(FRESH).filter(own)).collect();
    fresh.sort_by_key(|line| Reverse(line.weight));
    let said = fresh.into_iter().find_map(|line| reader.understand(line))?;
    let often = log
        .lines()
        .filter(|line| weigh(line).is_some())
        .filter(|line| signs::read(words_of(line).as_ref(), false).any(|cause| cause == said.cause))
        .count();
    let enough = if endpoints::speaks_of_calls(&n.told) { RECURRING - 1 } else { RECURRING };
    (often >= enough).then_some(said)
}

fn draft(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    log: LogKey,
    said: &Said<'_>,
) -> Option<Draft> {
    // A process that goes on has what it needs to start.
    if matches!(
        said.cause,
        CauseCode::PortInUse | CauseCode::MissingLibrary | CauseCode::EnvMissing
    ) && pod.ready()
    {
        return None;
    }
    let name = container.name;
    let target = said.target.clone().unwrap_or_else(|| n.fix_target(pod));
    let summary = format!(
        "Container {name} of pod {} goes on, but {}: {}",
        pod.name(),
        said.why,
        said.line.brief()
    );
    let draft = Draft::new(said.cause, target, pod.key(), summary)
        .chain([
            format!("Container {name}: {}", said.why),
            said.line.brief(),
            symptom(pod, container),
        ])
        .confidence(confidence(said.line.weight) - 0.06)
        .log(log, said.line.quote());
    let ready = condition(pod.0, "Ready");
    Some(said.prove(draft.part(&pod.key(), ready)))
}
