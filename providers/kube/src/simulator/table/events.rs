//! Events, in either of their two shapes.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{name, number, since, text};
use super::{Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    match (group, kind) {
        ("" | "events.k8s.io", "Event") => Some(Printer {
            columns: &[
                Text("Last Seen"),
                Text("Type"),
                Text("Reason"),
                Text("Object"),
                Wide("Subobject"),
                Wide("Source"),
                Text("Message"),
                Wide("First Seen"),
                Wide("Count"),
                Wide("Name"),
            ],
            cells,
        }),
        _ => None,
    }
}

/// The first of several pointers with text.
fn first<'a>(event: &'a Value, pointers: &[&str]) -> &'a str {
    pointers.iter().map(|pointer| text(event, pointer)).find(|text| !text.is_empty()).unwrap_or("")
}

fn cells(event: &Value, now: Timestamp) -> Vec<Value> {
    let first_seen = first(event, &["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"]);
    let last_seen = first(
        event,
        &["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp", "/eventTime"],
    );
    let count = ["/series/count", "/count", "/deprecatedCount"]
        .iter()
        .map(|pointer| number(event, pointer))
        .find(|count| *count > 0)
        .unwrap_or(1);
    let kind = first(event, &["/involvedObject/kind", "/regarding/kind"]).to_lowercase();
    let object = first(event, &["/involvedObject/name", "/regarding/name"]);
    vec![
        since(last_seen, now).into(),
        text(event, "/type").into(),
        text(event, "/reason").into(),
        if object.is_empty() { kind } else { format!("{kind}/{object}") }.into(),
        first(event, &["/involvedObject/fieldPath", "/regarding/fieldPath"]).into(),
        source(event).into(),
        first(event, &["/message", "/note"]).trim().into(),
        since(first_seen, now).into(),
        count.into(),
        name(event),
    ]
}

fn source(event: &Value) -> String {
    let component = first(
        event,
        &[
            "/source/component",
            "/deprecatedSource/component",
            "/reportingComponent",
            "/reportingController",
        ],
    );
    match first(event, &["/source/host", "/deprecatedSource/host", "/reportingInstance"]) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}
