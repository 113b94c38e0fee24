//! Jobs and what starts them.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{
    age, containers, count, human_duration, items, label_selector, name, number, or_none, since,
    text,
};
use super::{Number, Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    Some(match (group, kind) {
        ("batch", "Job") => Printer {
            columns: &[
                Text("Name"),
                Text("Status"),
                Text("Completions"),
                Text("Duration"),
                Text("Age"),
                Wide("Containers"),
                Wide("Images"),
                Wide("Selector"),
            ],
            cells: job,
        },
        ("batch", "CronJob") => Printer {
            columns: &[
                Text("Name"),
                Text("Schedule"),
                Text("Timezone"),
                Text("Suspend"),
                Number("Active"),
                Text("Last Schedule"),
                Text("Age"),
                Wide("Containers"),
                Wide("Images"),
                Wide("Selector"),
            ],
            cells: cron_job,
        },
        _ => return None,
    })
}

const POD_SPEC: &str = "/spec/template/spec";

fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, POD_SPEC);
    let succeeded = number(object, "/status/succeeded");
    let wanted = |field: &str| object.pointer(field).and_then(Value::as_i64);
    let completions = match (wanted("/spec/completions"), wanted("/spec/parallelism")) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, Some(parallelism)) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    };
    vec![
        name(object),
        job_status(object).into(),
        completions.into(),
        job_duration(object, now).into(),
        age(object, now),
        names,
        images,
        or_none(label_selector(object, "/spec/selector")),
    ]
}

fn job_status(object: &Value) -> &'static str {
    let has = |condition: &str| {
        items(object, "/status/conditions")
            .any(|found| text(found, "/type") == condition && text(found, "/status") == "True")
    };
    if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn job_duration(object: &Value, now: Timestamp) -> String {
    let Ok(start) = text(object, "/status/startTime").parse::<Timestamp>() else {
        return String::new();
    };
    let end = text(object, "/status/completionTime").parse().unwrap_or(now);
    human_duration(end.as_second() - start.as_second())
}

fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/spec/jobTemplate/spec/template/spec");
    let last = match text(object, "/status/lastScheduleTime") {
        "" => "<none>".to_owned(),
        last => since(last, now),
    };
    let suspended = object.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false);
    vec![
        name(object),
        text(object, "/spec/schedule").into(),
        or_none(text(object, "/spec/timeZone")),
        if suspended { "True" } else { "False" }.into(),
        count(object, "/status/active").into(),
        last.into(),
        age(object, now),
        names,
        images,
        or_none(label_selector(object, "/spec/jobTemplate/spec/selector")),
    ]
}
