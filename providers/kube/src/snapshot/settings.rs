//! The optional root `snapshot.yaml`, and what stands in for it.

use jiff::Timestamp;
use serde_json::Value;

use super::decode;
use super::error::SnapshotError;

/// The file's name; it counts only at the root.
pub(super) const FILE: &str = "snapshot.yaml";

/// The version that is reported where neither `snapshot.yaml` nor a node tells one.
const UNKNOWN_VERSION: &str = "v1.33.0";

/// Fields whose newest value is the moment of capture if nothing else says it. Those that may lie in the future
/// (`deletionTimestamp`, certificate ends) are not among them.
const PAST_TIMES: [&str; 20] = [
    "completionTime",
    "creationTimestamp",
    "eventTime",
    "finishedAt",
    "firstTimestamp",
    "lastHeartbeatTime",
    "lastObservedTime",
    "lastProbeTime",
    "lastScaleTime",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "renewTime",
    "startTime",
    "startedAt",
    "time",
    "timestamp",
    "acquireTime",
];

/// What `snapshot.yaml` says.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) captured_at: Option<Timestamp>,
    pub(super) server_version: Option<String>,
}

/// Reads `snapshot.yaml`; `None` if the file holds an API object instead (`kubectl get all -o yaml > snapshot.yaml`).
pub(super) fn read(content: &[u8]) -> Result<Option<Settings>, SnapshotError> {
    let documents = decode::documents(FILE, content)?;
    let [document] = documents.as_slice() else {
        return Ok(if documents.is_empty() { Some(Settings::default()) } else { None });
    };
    if document.get("apiVersion").is_some() && document.get("kind").is_some() {
        return Ok(None);
    }
    let Value::Object(fields) = document else {
        return Err(wrong(
            "the document",
            "is not a mapping",
            "write capturedAt: and serverVersion:",
        ));
    };
    let mut settings = Settings::default();
    for (field, value) in fields {
        let text = value.as_str().ok_or_else(|| wrong(field, "is not a string", "quote it"));
        match field.as_str() {
            "capturedAt" => {
                let fix = "write it as 2026-01-31T12:00:00Z";
                let time = text?.parse().map_err(|_| wrong(field, "is not a time", fix))?;
                settings.captured_at = Some(time);
            }
            "serverVersion" => settings.server_version = Some(text?.to_owned()),
            _ => {
                let fix = "only capturedAt and serverVersion are known";
                return Err(wrong(field, "is not a known field", fix));
            }
        }
    }
    Ok(Some(settings))
}

fn wrong(field: &str, problem: &str, fix: &'static str) -> SnapshotError {
    SnapshotError::Settings { field: field.to_owned(), problem: problem.to_owned(), fix }
}

/// The newest moment that any object remembers.
pub(super) fn newest_time<'a>(objects: impl Iterator<Item = &'a Value>) -> Option<Timestamp> {
    let mut newest = None;
    let mut pending: Vec<&Value> = objects.collect();
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(items) => pending.extend(items),
            Value::Object(fields) => {
                for (field, value) in fields {
                    match value {
                        Value::String(text) if PAST_TIMES.contains(&field.as_str()) => {
                            newest = newest.max(text.parse::<Timestamp>().ok());
                        }
                        Value::Array(_) | Value::Object(_) => pending.push(value),
                        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
                    }
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    newest
}

/// The highest kubelet version, which the API server is never older than.
pub(super) fn version_of_nodes<'a>(nodes: impl Iterator<Item = &'a Value>) -> String {
    let newest = nodes
        .filter_map(|node| node.pointer("/status/nodeInfo/kubeletVersion")?.as_str())
        .max_by_key(|version| numbers(version));
    newest.unwrap_or(UNKNOWN_VERSION).to_owned()
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .take(3)
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}
