//! Autoscalers and disruption budgets.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{age, items, name, number, plain, text};
use super::{Number, Printer, Text};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    Some(match (group, kind) {
        ("autoscaling", "HorizontalPodAutoscaler") => Printer {
            columns: &[
                Text("Name"),
                Text("Reference"),
                Text("Targets"),
                Text("MinPods"),
                Text("MaxPods"),
                Number("Replicas"),
                Text("Age"),
            ],
            cells: autoscaler,
        },
        ("policy", "PodDisruptionBudget") => Printer {
            columns: &[
                Text("Name"),
                Text("Min Available"),
                Text("Max Unavailable"),
                Number("Allowed Disruptions"),
                Text("Age"),
            ],
            cells: disruption_budget,
        },
        _ => return None,
    })
}

fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let reference = format!(
        "{}/{}",
        text(object, "/spec/scaleTargetRef/kind"),
        text(object, "/spec/scaleTargetRef/name")
    );
    let minimum = match object.pointer("/spec/minReplicas").and_then(Value::as_i64) {
        Some(minimum) => minimum.to_string(),
        None => "<unset>".to_owned(),
    };
    vec![
        name(object),
        reference.into(),
        autoscaler_targets(object).into(),
        minimum.into(),
        number(object, "/spec/maxReplicas").to_string().into(),
        number(object, "/status/currentReplicas").into(),
        age(object, now),
    ]
}

fn autoscaler_targets(object: &Value) -> String {
    let statuses: Vec<&Value> = items(object, "/status/currentMetrics").collect();
    let mut targets = Vec::new();
    for (index, metric) in items(object, "/spec/metrics").enumerate() {
        let status = statuses.get(index).copied().unwrap_or(&Value::Null);
        let (field, label) = match text(metric, "/type") {
            "Resource" => ("resource", format!("{}: ", text(metric, "/resource/name"))),
            "ContainerResource" => {
                ("containerResource", format!("{}: ", text(metric, "/containerResource/name")))
            }
            "Pods" => ("pods", String::new()),
            "Object" => ("object", String::new()),
            "External" => ("external", String::new()),
            _ => {
                targets.push("<unknown type>".to_owned());
                continue;
            }
        };
        targets.push(format!("{label}{}", one_target(metric, status, field)));
    }
    if targets.is_empty() {
        return "<none>".to_owned();
    }
    // Two are shown, the rest is counted.
    let more = targets.len().saturating_sub(2);
    targets.truncate(2);
    let mut shown = targets.join(", ");
    if more > 0 {
        shown.push_str(&format!(" + {more} more..."));
    }
    shown
}

fn one_target(metric: &Value, status: &Value, field: &str) -> String {
    let value = |object: &Value, part: &str, name: &str| {
        object.pointer(&format!("/{field}/{part}/{name}")).map(plain)
    };
    let known = |current: Option<String>, percent: &str| {
        current.map_or_else(|| "<unknown>".to_owned(), |current| format!("{current}{percent}"))
    };
    if let Some(target) = value(metric, "target", "averageUtilization") {
        let current = known(value(status, "current", "averageUtilization"), "%");
        return format!("{current}/{target}%");
    }
    if let Some(target) = value(metric, "target", "averageValue") {
        let average = if field == "pods" || field.ends_with("esource") { "" } else { " (avg)" };
        return format!(
            "{}/{target}{average}",
            known(value(status, "current", "averageValue"), "")
        );
    }
    let target = value(metric, "target", "value").unwrap_or_else(|| "<auto>".to_owned());
    format!("{}/{target}", known(value(status, "current", "value"), ""))
}

fn disruption_budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let limit = |field: &str| match object.pointer(field) {
        Some(value) => Value::from(plain(value)),
        None => "N/A".into(),
    };
    vec![
        name(object),
        limit("/spec/minAvailable"),
        limit("/spec/maxUnavailable"),
        number(object, "/status/disruptionsAllowed").into(),
        age(object, now),
    ]
}
