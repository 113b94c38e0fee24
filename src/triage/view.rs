//! Typed sight of API objects: tolerant readers over JSON that never fail on a missing or odd field.

use jiff::Timestamp;
use leadsman_ports::cluster::ObjectRef;
use serde_json::{Map, Value};

/// The string at a JSON pointer, or `""`.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a JSON pointer, or an empty one.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The whole number at a JSON pointer.
pub(super) fn int(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// Whether the flag at a JSON pointer is set.
pub(super) fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// The RFC 3339 time at a JSON pointer.
pub(super) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// The map at a JSON pointer, or an empty one.
pub(super) fn map<'a>(object: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    object.pointer(pointer).and_then(Value::as_object)
}

/// Names an object within a neighbourhood, whatever version of it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// `Pod`
    pub(super) kind: String,
    /// Empty for cluster-scoped objects.
    pub(super) namespace: String,
    /// Object name.
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(super) fn of(object: &Value) -> Self {
        let reference = ObjectRef::of(object);
        Self { kind: reference.kind, namespace: reference.namespace, name: reference.name }
    }
}

impl From<&ObjectRef> for Key {
    fn from(reference: &ObjectRef) -> Self {
        Self::new(&reference.kind, &reference.namespace, &reference.name)
    }
}

/// The owner that controls an object, or failing that its first owner.
pub(super) fn controller(object: &Value) -> Option<ObjectRef> {
    let owners = list(object, "/metadata/ownerReferences");
    let owner = owners.iter().find(|owner| flag(owner, "/controller")).or(owners.first())?;
    let kind = text(owner, "/kind");
    let namespace = if kind == "Node" { "" } else { text(object, "/metadata/namespace") };
    Some(ObjectRef {
        api_version: text(owner, "/apiVersion").to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: text(owner, "/name").to_owned(),
    })
}

/// The condition of a type, from `status.conditions`.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// Whether every `key: value` of a plain selector stands among the labels. An empty selector matches nothing.
pub(super) fn selects(
    selector: Option<&Map<String, Value>>,
    labels: Option<&Map<String, Value>>,
) -> bool {
    match (selector, labels) {
        (Some(selector), Some(labels)) if !selector.is_empty() => {
            selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        }
        _ => false,
    }
}

/// The pod template's path in an object of a workload kind.
pub(super) fn template(object: &Value) -> Option<&Value> {
    object.pointer("/spec/jobTemplate/spec/template").or_else(|| object.pointer("/spec/template"))
}

/// One event, from either of the two event APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// What it is about.
    pub(super) about: Key,
    /// The container it is about, if it names one.
    pub(super) container: Option<String>,
    /// `Normal` or `Warning`.
    pub(super) level: String,
    /// `FailedScheduling`
    pub(super) reason: String,
    /// White space squeezed, so that it fits on a line.
    pub(super) message: String,
    /// How often it was seen, at least 1.
    pub(super) count: i64,
    /// When it was seen last.
    pub(super) last: Option<Timestamp>,
}

impl Event {
    pub(super) fn of(object: &Value) -> Self {
        let about =
            if object.get("regarding").is_some() { "/regarding" } else { "/involvedObject" };
        let part = |field: &str| text(object, &format!("{about}/{field}"));
        let message = Some(text(object, "/message")).filter(|m| !m.is_empty());
        let times = [
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/deprecatedLastTimestamp",
            "/eventTime",
            "/firstTimestamp",
            "/metadata/creationTimestamp",
        ];
        let counts = ["/series/count", "/count", "/deprecatedCount"];
        Self {
            about: Key::new(part("kind"), part("namespace"), part("name")),
            container: part("fieldPath")
                .split_once('{')
                .map(|(_, rest)| rest.trim_end_matches('}').to_owned()),
            level: text(object, "/type").to_owned(),
            reason: text(object, "/reason").to_owned(),
            message: squeeze(message.unwrap_or_else(|| text(object, "/note"))),
            count: counts.iter().find_map(|pointer| int(object, pointer)).unwrap_or(1).max(1),
            last: times.iter().find_map(|pointer| time(object, pointer)),
        }
    }
}

/// Turns every run of white space into one blank.
pub(super) fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first `limit` characters, with an ellipsis where something was cut.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_event_apis_read_alike() {
        let core = Event::of(&json!({
            "involvedObject": {"kind": "Pod", "namespace": "a", "name": "p", "fieldPath": "spec.containers{app}"},
            "type": "Warning", "reason": "BackOff", "message": "Back-off\nrestarting", "count": 3,
            "lastTimestamp": "2026-01-02T03:04:05Z"
        }));
        let new = Event::of(&json!({
            "regarding": {"kind": "Pod", "namespace": "a", "name": "p", "fieldPath": "spec.containers{app}"},
            "type": "Warning", "reason": "BackOff", "note": "Back-off restarting",
            "series": {"count": 3, "lastObservedTime": "2026-01-02T03:04:05Z"}
        }));
        assert_eq!(core, new);
        assert_eq!(core.container.as_deref(), Some("app"));
        assert_eq!(core.message, "Back-off restarting");
    }

    #[test]
    fn an_empty_selector_selects_nothing() {
        let labels = json!({"app": "x", "tier": "web"});
        let selects = |selector: Value| super::selects(selector.as_object(), labels.as_object());
        assert!(selects(json!({"app": "x"})));
        assert!(!selects(json!({"app": "y"})));
        assert!(!selects(json!({})));
    }

    #[test]
    fn shortening_respects_characters() {
        assert_eq!(shorten("größe", 3), "grö…");
        assert_eq!(shorten("ab", 3), "ab");
    }
}
