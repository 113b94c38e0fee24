//! Jobs and CronJobs: those that gave up, never end, are suspended or were missed.

use jiff::SignedDuration;
use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::{Pod, Role};
use crate::triage::view::{Key, condition, flag, shorten, text, time};

/// A failed Job stays until somebody deletes it.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let jobs = n.objects.kind("Job").filter_map(|job| gave_up(n, job));
    let blocked = n.pods().filter_map(|pod| blocked(n, pod));
    let suspended = ["CronJob", "Job"]
        .into_iter()
        .flat_map(|kind| n.objects.kind(kind))
        .filter_map(|w| suspended(n, w));
    let missed = n.objects.kind("CronJob").filter_map(|cron| missed(n, cron));
    jobs.chain(blocked).chain(suspended).chain(missed).collect()
}

fn gave_up(n: &Neighbourhood, job: &Value) -> Option<Draft> {
    let failed = condition(job, "Failed").filter(|failed| text(failed, "/status") == "True")?;
    let key = Key::of(job);
    let head = n.objects.head(&key);
    let at = time(failed, "/lastTransitionTime");
    // A later run of the same CronJob that completed makes good for it.
    let made_good =
        n.objects.members(&head).iter().filter(|member| member.kind == "Job").any(|other| {
            n.objects.get(other).and_then(|other| condition(other, "Complete")).is_some_and(
                |done| text(done, "/status") == "True" && time(done, "/lastTransitionTime") > at,
            )
        });
    let (reason, message) = (text(failed, "/reason"), text(failed, "/message"));
    let (cause, confidence) = if reason == "DeadlineExceeded" {
        (CauseCode::JobDeadline, 0.85)
    } else {
        (CauseCode::JobFailed, 0.7)
    };
    let summary = format!("Job {} failed: {reason} ({}).", key.name, shorten(message, 160));
    Some(
        Draft::new(cause, n.objects.reference(&head), key.clone(), summary)
            .chain([
                format!("The pods of Job {} did not succeed", key.name),
                format!("Job {} gave up: {reason}", key.name),
            ])
            .confidence(confidence)
            .active(!made_good && !forgotten(n, &head, at))
            .at(at)
            // What its pods say, or what they wait for, explains it better.
            .victim(cause == CauseCode::JobDeadline)
            .part(&key, Some(failed)),
    )
}

/// Whether a Job gave up so long ago that only an incident about it can mean it.
fn forgotten(n: &Neighbourhood, head: &Key, at: Option<jiff::Timestamp>) -> bool {
    let asked = Key::from(&n.target) == *head || n.told.contains(&head.name.to_lowercase());
    !asked && at.is_some_and(|at| n.fired.duration_since(at) > FORGOTTEN)
}

/// A pod of a Job whose work is done while another container goes on.
fn blocked(n: &Neighbourhood, pod: Pod<'_>) -> Option<Draft> {
    if pod.ended() {
        return None;
    }
    let ordinary = || pod.containers().filter(|container| container.role == Role::Main);
    let done = ordinary().find(|c| c.exit().is_some_and(|exit| exit.code == 0))?;
    let goes_on = ordinary().find(|container| container.running_since().is_some())?;
    if !n.objects.owners(&pod.key()).iter().any(|owner| owner.kind == "Job") {
        return None;
    }
    let at = done.exit().and_then(|exit| exit.finished);
    let summary = format!(
        "Container {} of pod {} is done, but container {} goes on, so the Job never completes.",
        done.name,
        pod.name(),
        goes_on.name
    );
    Some(
        Draft::new(CauseCode::SidecarBlocksJob, n.fix_target(pod), pod.key(), summary)
            .chain([
                format!("Container {} has ended with exit code 0", done.name),
                format!("Container {} does not end with it", goes_on.name),
                format!("Pod {} stays {}", pod.name(), pod.phase()),
            ])
            .confidence(0.9)
            .at(at)
            .part(&pod.key(), done.status.pointer("/state/terminated"))
            .part(&pod.key(), goes_on.status.pointer("/state/running")),
    )
}

/// Being suspended is a fault only where somebody asks why nothing runs.
fn suspended(n: &Neighbourhood, workload: &Value) -> Option<Draft> {
    let key = Key::of(workload);
    let asked = (n.target.kind == key.kind && n.target.name == key.name)
        || n.told.contains(&key.name.to_lowercase());
    if !flag(workload, "/spec/suspend") || !asked {
        return None;
    }
    let summary = format!("{} {} is suspended, so it starts nothing.", key.kind, key.name);
    Some(
        Draft::new(CauseCode::CronSuspended, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("{} {} has spec.suspend true", key.kind, key.name),
                "No pods are started".to_owned(),
            ])
            .confidence(0.93)
            .words(&key, "suspend: true"),
    )
}

fn missed(n: &Neighbourhood, cron: &Value) -> Option<Draft> {
    let key = Key::of(cron);
    let event = n.objects.events_of(&key).find(|event| {
        matches!(
            event.reason.as_str(),
            "FailedNeedsStart"
                | "TooManyMissedTimes"
                | "MissSchedule"
                | "UnparseableSchedule"
                | "InvalidSchedule"
                | "UnknownTimeZone"
        )
    })?;
    let started_since = time(cron, "/status/lastScheduleTime")
        .zip(event.last)
        .is_some_and(|(started, missed)| started > missed);
    let summary =
        format!("CronJob {} missed its schedule: {}", key.name, shorten(&event.message, 200));
    Some(
        Draft::new(CauseCode::CronMissed, n.objects.reference(&key), key.clone(), summary)
            .chain([
                shorten(&event.message, 200),
                format!("CronJob {} does not start its Job", key.name),
            ])
            .confidence(0.9)
            .active(!started_since)
            .at(event.last)
            .event(Some(event))
            .words(&key, &format!("schedule: {}", text(cron, "/spec/schedule"))),
    )
}
