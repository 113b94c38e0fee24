//! Jobs and CronJobs: those that gave up, never end, are suspended or were missed.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::{Pod, Role};
use crate::triage::view::{Key, condition, flag, int, list, shorten, text, time};

/// A run that is this late will not come.
const OVERDUE: SignedDuration = SignedDuration::from_hours(1);
/// The controller looks at its CronJobs so often; a shorter deadline is missed between two looks.
const SYNC_SECONDS: i64 = 10;

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
    let overdue = n.objects.kind("CronJob").filter_map(|cron| overdue(n, cron));
    jobs.chain(blocked).chain(suspended).chain(missed).chain(overdue).collect()
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
fn forgotten(n: &Neighbourhood, head: &Key, at: Option<Timestamp>) -> bool {
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

/// A run that its schedule has asked for since the last one, and that nothing tells of.
fn overdue(n: &Neighbourhood, cron: &Value) -> Option<Draft> {
    let key = Key::of(cron);
    if flag(cron, "/spec/suspend") || !list(cron, "/status/active").is_empty() {
        return None;
    }
    let last = time(cron, "/status/lastScheduleTime")?;
    let schedule = text(cron, "/spec/schedule");
    let due = next_run(schedule, text(cron, "/spec/timeZone"), last)?;
    if n.now.duration_since(due) < OVERDUE {
        return None;
    }
    let deadline = int(cron, "/spec/startingDeadlineSeconds");
    let why = match deadline {
        Some(seconds) if seconds < SYNC_SECONDS => format!(
            "its startingDeadlineSeconds of {seconds} is shorter than the {SYNC_SECONDS} seconds between two looks of the controller"
        ),
        _ => "nothing says why".to_owned(),
    };
    let summary = format!(
        "CronJob {} has not run since {last} although its schedule asked for a run at {due}; {why}.",
        key.name
    );
    let draft = Draft::new(CauseCode::CronMissed, n.objects.reference(&key), key.clone(), summary)
        .chain([
            format!("The schedule of CronJob {} is {schedule}; {why}", key.name),
            format!("Its last run was at {last}, the next was due at {due}"),
            format!("CronJob {} does not start its Job", key.name),
        ])
        .confidence(0.88)
        .at(Some(due))
        .part(&key, Some(&serde_json::json!({"schedule": schedule})))
        .part(
            &key,
            Some(&serde_json::json!({"lastScheduleTime": text(cron, "/status/lastScheduleTime")})),
        );
    Some(match deadline {
        Some(seconds) => draft.words(&key, &format!("startingDeadlineSeconds: {seconds}")),
        None => draft,
    })
}

/// When a schedule asks for the next run after a moment; in UTC where no zone is named.
fn next_run(schedule: &str, zone: &str, after: Timestamp) -> Option<Timestamp> {
    let plain = match schedule.trim() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        schedule => schedule,
    };
    let zone = if zone.is_empty() { "UTC" } else { zone };
    let next = cronexpr::parse_crontab(&format!("{plain} {zone}")).ok()?.find_next(after).ok()?;
    Some(next.timestamp())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_as_the_controller_reads_them() {
        let after: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        for (schedule, zone, next) in [
            ("30 2 * * *", "", "2026-01-02T02:30:00Z"),
            ("*/15 * * * *", "", "2026-01-01T12:15:00Z"),
            ("@daily", "Europe/Paris", "2026-01-01T23:00:00Z"),
            ("0 6 * * 1-5", "", "2026-01-02T06:00:00Z"),
        ] {
            let found = next_run(schedule, zone, after).map(|next| next.to_string());
            assert_eq!(found.as_deref(), Some(next), "{schedule}");
        }
        assert_eq!(next_run("every day", "", after), None);
    }
}
