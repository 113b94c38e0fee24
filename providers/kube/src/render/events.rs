//! Events of both APIs in one table, newest first.

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{age, number, text};
use super::table::Table;

/// When the event was last seen; empty where it does not say.
pub(crate) fn last_seen(event: &Value) -> &str {
    first(
        event,
        &[
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/deprecatedLastTimestamp",
            "/eventTime",
            "/firstTimestamp",
            "/metadata/creationTimestamp",
        ],
    )
}

fn first_seen(event: &Value) -> &str {
    first(
        event,
        &[
            "/firstTimestamp",
            "/deprecatedFirstTimestamp",
            "/eventTime",
            "/metadata/creationTimestamp",
        ],
    )
}

fn first<'a>(event: &'a Value, pointers: &[&str]) -> &'a str {
    pointers
        .iter()
        .map(|pointer| text(event, pointer))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn count(event: &Value) -> i64 {
    ["/series/count", "/count", "/deprecatedCount"]
        .iter()
        .map(|pointer| number(event, pointer))
        .find(|count| *count > 0)
        .unwrap_or(1)
}

/// Newest first; events of the same moment in the order of their names.
pub(crate) fn sort(events: &mut [Value]) {
    let moment = |event: &Value| last_seen(event).parse::<Timestamp>().unwrap_or(Timestamp::MIN);
    events.sort_by(|a, b| {
        moment(b)
            .cmp(&moment(a))
            .then_with(|| text(a, "/metadata/name").cmp(text(b, "/metadata/name")))
    });
}

/// A table of events in the order given; `with_object` names what each is about.
pub(crate) fn table(events: &[Value], now: Timestamp, with_object: bool) -> String {
    let mut headers = vec!["LAST", "FIRST", "COUNT", "TYPE", "REASON"];
    if with_object {
        headers.push("OBJECT");
    }
    headers.push("MESSAGE");
    let mut table = Table::new(&headers);
    for event in events {
        let mut cells = vec![
            age(last_seen(event), now),
            age(first_seen(event), now),
            count(event).to_string(),
            text(event, "/type").to_owned(),
            text(event, "/reason").to_owned(),
        ];
        if with_object {
            let object = event.get("involvedObject").or_else(|| event.get("regarding"));
            let object = object.unwrap_or(&Value::Null);
            cells.push(format!("{}/{}", text(object, "/kind"), text(object, "/name")));
        }
        cells.push(first(event, &["/message", "/note"]).to_owned());
        table.push(cells);
    }
    table.render()
}
