//! Condenses `metadata.managedFields` to who changed what last: a line a manager instead of a tree of every field.

use jiff::Timestamp;
use leadsman_ports::condensed::FieldChange;
use serde_json::{Map, Value};

/// A manager that owns more fields than this wrote the object rather than changed something in it.
const MAX_FIELDS: usize = 8;
/// At most so many managers, the newest ones.
const MAX_CHANGES: usize = 5;
/// No path is followed deeper; real ones are not half as deep.
const MAX_DEPTH: usize = 24;

/// The changes of an object, oldest first; none of an object that a controller made from another one.
pub(super) fn condense(metadata: &Map<String, Value>, managed: &Value) -> Vec<String> {
    let owners = metadata.get("ownerReferences").and_then(Value::as_array);
    if owners.into_iter().flatten().any(|owner| owner["controller"] == true) {
        return Vec::new();
    }
    let entries = managed.as_array().into_iter().flatten();
    let mut changes: Vec<FieldChange> = entries.filter_map(change).collect();
    changes.sort_by(|a, b| (a.at, &a.manager).cmp(&(b.at, &b.manager)));
    let skipped = changes.len().saturating_sub(MAX_CHANGES);
    changes.iter().skip(skipped).map(FieldChange::to_string).collect()
}

/// `None` where nothing was changed but the status and notes of controllers.
fn change(entry: &Value) -> Option<FieldChange> {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    if text("subresource") == "status" {
        return None;
    }
    let at: Timestamp = text("time").parse().ok()?;
    let mut paths = Vec::new();
    for (part, tree) in entry["fieldsV1"].as_object()? {
        match part.as_str() {
            "f:status" => {}
            "f:metadata" => {
                if let Some(labels) = tree.get("f:labels") {
                    leaves(labels, "metadata.labels", 0, &mut paths);
                }
            }
            _ => leaves(tree, step(part).trim_start_matches('.'), 0, &mut paths),
        }
    }
    let fields = match paths.len() {
        0 => return None,
        1..=MAX_FIELDS => paths.join(", "),
        many => {
            let mut tops: Vec<&str> =
                paths.iter().filter_map(|path| path.split(['.', '[']).next()).collect();
            tops.dedup();
            format!("{many} fields of {}", tops.join(", "))
        }
    };
    let manager = match text("manager") {
        "" => "unknown",
        manager => manager,
    };
    Some(FieldChange { at, manager: manager.replace(':', "-"), fields })
}

fn leaves(tree: &Value, path: &str, depth: usize, found: &mut Vec<String>) {
    let below: Vec<(&String, &Value)> =
        tree.as_object().into_iter().flatten().filter(|(key, _)| *key != ".").collect();
    if below.is_empty() || depth >= MAX_DEPTH {
        found.push(path.to_owned());
    }
    for (key, tree) in below {
        leaves(tree, &format!("{path}{}", step(key)), depth + 1, found);
    }
}

/// `f:image` is a field, `k:{"name":"app"}` an element by its key, `v:"x"` one by its value.
fn step(key: &str) -> String {
    match key.split_once(':') {
        Some(("f", field)) => format!(".{field}"),
        Some(("k", keys)) => {
            let keys: Value = serde_json::from_str(keys).unwrap_or_default();
            let values = keys.as_object().into_iter().flatten().map(|(_, value)| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            format!("[{}]", values.collect::<Vec<_>>().join("/"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condensed(metadata: Value, managed: Value) -> Vec<String> {
        condense(metadata.as_object().unwrap_or(&Map::new()), &managed)
    }

    fn entry(manager: &str, time: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": "Update", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn each_manager_becomes_a_line_and_the_newest_comes_last() {
        let edited = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {
            "f:image": {}, "f:resources": {"f:limits": {"f:memory": {}}}}}}}}});
        let wrote: Map<String, Value> =
            (0..12).map(|at| (format!("f:key{at}"), json!({}))).collect();
        let managed = json!([
            entry("kubectl-edit", "2026-02-01T10:00:00Z", edited),
            entry(
                "helm",
                "2026-01-01T10:00:00Z",
                json!({"f:data": wrote, "f:metadata": {"f:annotations": {}}})
            ),
            entry(
                "kube-controller-manager",
                "2026-02-02T10:00:00Z",
                json!({"f:status": {"f:replicas": {}}})
            ),
            entry("no-time", "soon", json!({"f:data": {"f:a": {}}})),
        ]);
        assert_eq!(
            condensed(json!({"name": "a"}), managed.clone()),
            [
                "2026-01-01T10:00:00Z helm: 12 fields of data",
                "2026-02-01T10:00:00Z kubectl-edit: spec.template.spec.containers[app].image, \
                 spec.template.spec.containers[app].resources.limits.memory",
            ]
        );
        let made = json!({"ownerReferences": [{"controller": true}]});
        assert_eq!(condensed(made, managed), Vec::<String>::new());
        assert_eq!(condensed(json!({}), Value::Null), Vec::<String>::new());
    }

    #[test]
    fn labels_count_and_annotations_do_not() {
        let managed = json!([
            entry(
                "kubectl-label",
                "2026-01-01T10:00:00Z",
                json!({"f:metadata": {"f:labels": {"f:app": {}}}})
            ),
            entry(
                "kubectl-annotate",
                "2026-01-02T10:00:00Z",
                json!({"f:metadata": {"f:annotations": {"f:x": {}}}})
            ),
        ]);
        assert_eq!(
            condensed(json!({}), managed),
            ["2026-01-01T10:00:00Z kubectl-label: metadata.labels.app"]
        );
    }
}
