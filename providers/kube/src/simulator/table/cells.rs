//! What the columns of many kinds have in common.

use jiff::Timestamp;
use serde_json::Value;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Text at a pointer; empty if there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number at a pointer; 0 if there is none, as in Go's types.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// Items of a list at a pointer; none if there is no list.
pub(super) fn items<'a>(
    object: &'a Value,
    pointer: &str,
) -> impl DoubleEndedIterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[][..], Vec::as_slice).iter()
}

/// How many entries a list or mapping has.
pub(super) fn count(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(fields)) => fields.len(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => 0,
    }
}

/// A number or text as people write it, e.g. `50%` or `2`.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// What kubectl shows for nothing.
pub(super) fn or_none(text: impl Into<String>) -> Value {
    or(text, "<none>")
}

/// The text, or something else where it is empty.
pub(super) fn or(text: impl Into<String>, otherwise: &str) -> Value {
    let text = text.into();
    if text.is_empty() { otherwise.into() } else { text.into() }
}

pub(super) fn name(object: &Value) -> Value {
    text(object, "/metadata/name").into()
}

/// Time since creation.
pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    since(text(object, "/metadata/creationTimestamp"), now).into()
}

/// Time since a moment, `<unknown>` if that is not there.
pub(super) fn since(moment: &str, now: Timestamp) -> String {
    match moment.parse::<Timestamp>() {
        Ok(moment) => human_duration(now.as_second() - moment.as_second()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A duration in seconds as kubectl writes it: at most two units, the smaller only where it matters.
pub(super) fn human_duration(seconds: i64) -> String {
    let two = |amount: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 { format!("{amount}{unit}") } else { format!("{amount}{unit}{rest}{small}") }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two(s / MINUTE, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two(s / HOUR, "h", s % HOUR / MINUTE, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two(s / DAY, "d", s % DAY / HOUR, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two(s / YEAR, "y", s % YEAR / DAY, "d"),
        s => format!("{}y", s / YEAR),
    }
}

/// `a=b,c=d`; labels are in order of their names.
pub(super) fn labels(object: &Value, pointer: &str) -> String {
    let Some(Value::Object(labels)) = object.pointer(pointer) else { return String::new() };
    let mut pairs: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
    pairs.sort();
    pairs.join(",")
}

/// A LabelSelector in the syntax of the command line.
pub(super) fn label_selector(object: &Value, pointer: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let matched = labels(object, &format!("{pointer}/matchLabels"));
    if !matched.is_empty() {
        parts.push(matched);
    }
    for expression in items(object, &format!("{pointer}/matchExpressions")) {
        let key = text(expression, "/key");
        let values: Vec<String> = items(expression, "/values").map(plain).collect();
        let values = values.join(",");
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}

/// Names and images of the containers of a pod template.
pub(super) fn containers(object: &Value, pod_spec: &str) -> (Value, Value) {
    let list = |field: &str| {
        let containers = items(object, &format!("{pod_spec}/containers"));
        let values: Vec<&str> = containers.map(|container| text(container, field)).collect();
        Value::from(values.join(","))
    };
    (list("/name"), list("/image"))
}

/// Joins the strings of a list.
pub(super) fn joined(object: &Value, pointer: &str) -> String {
    items(object, pointer).map(plain).collect::<Vec<_>>().join(",")
}

/// Up to three items, and how many more there are.
pub(super) fn shortened(items: &[String], total: usize) -> String {
    let shown: Vec<&str> = items.iter().take(3).map(String::as_str).collect();
    let mut text = shown.join(",");
    if total > shown.len() {
        text.push_str(&format!(" + {} more...", total - shown.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::human_duration;

    #[test]
    fn durations_are_written_as_kubectl_writes_them() {
        for (seconds, text) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (28_800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ] {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }
}
