//! Controllers that report failure: what is left to say when no pod tells why.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::view::{Key, condition, shorten, text, time};

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let rollouts = n.objects.kind("Deployment").filter_map(|deployment| stuck(n, deployment));
    let jobs = n.objects.kind("Job").filter_map(|job| gave_up(n, job));
    rollouts.chain(jobs).collect()
}

fn stuck(n: &Neighbourhood, deployment: &Value) -> Option<Draft> {
    let progressing = condition(deployment, "Progressing").filter(|progressing| {
        text(progressing, "/status") == "False"
            && text(progressing, "/reason") == "ProgressDeadlineExceeded"
    })?;
    let key = Key::of(deployment);
    let message = text(progressing, "/message");
    let summary = format!("The rollout of Deployment {} is stuck: {}", key.name, shorten(message, 160));
    Some(
        Draft::new(CauseCode::ProgressDeadlineExceeded, n.objects.reference(&key), key.clone(), summary)
            .chain([
                "The new pods do not become available".to_owned(),
                format!("Deployment {} exceeds its progress deadline", key.name),
            ])
            .confidence(0.7)
            .at(time(progressing, "/lastUpdateTime"))
            .part(&key, Some(progressing)),
    )
}

fn gave_up(n: &Neighbourhood, job: &Value) -> Option<Draft> {
    let failed = condition(job, "Failed").filter(|failed| text(failed, "/status") == "True")?;
    let key = Key::of(job);
    let head = n.objects.head(&key);
    let at = time(failed, "/lastTransitionTime");
    // A later run of the same CronJob that completed makes good for it.
    let made_good = n.objects.kind("Job").any(|other| {
        n.objects.head(&Key::of(other)) == head
            && condition(other, "Complete").is_some_and(|done| {
                text(done, "/status") == "True" && time(done, "/lastTransitionTime") > at
            })
    });
    let (reason, message) = (text(failed, "/reason"), text(failed, "/message"));
    let summary = format!("Job {} failed: {reason} ({}).", key.name, shorten(message, 160));
    Some(
        Draft::new(CauseCode::JobFailed, n.objects.reference(&head), key.clone(), summary)
            .chain([
                format!("The pods of Job {} did not succeed", key.name),
                format!("Job {} gave up: {reason}", key.name),
            ])
            .confidence(0.7)
            .active(!made_good)
            .at(at)
            .part(&key, Some(failed)),
    )
}
