//! Short ways to read fields of an object, and how moments and labels are written.

use jiff::Timestamp;
use serde_json::Value;

/// The text at a JSON pointer, empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer, 0 where there is none.
pub(crate) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The elements of the array at a JSON pointer.
pub(crate) fn items<'a>(
    object: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The entries of the object at a JSON pointer.
pub(crate) fn entries<'a>(
    object: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    object.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

/// A scalar without quotes, anything else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `a=1,b=2`
pub(crate) fn pairs(object: &Value, pointer: &str) -> String {
    entries(object, pointer)
        .map(|(key, value)| format!("{key}={}", plain(value)))
        .collect::<Vec<_>>()
        .join(",")
}

/// How long before `now` a moment lies, as kubectl writes it: `45s`, `12m`, `3h5m`, `2d4h`, `40d`.
/// Empty for what is no moment.
pub(crate) fn age(moment: &str, now: Timestamp) -> String {
    match moment.parse::<Timestamp>() {
        Ok(moment) => duration(now.as_second() - moment.as_second()),
        Err(_) => String::new(),
    }
}

/// The age of the whole object.
pub(crate) fn object_age(object: &Value, now: Timestamp) -> String {
    age(text(object, "/metadata/creationTimestamp"), now)
}

/// Seconds as kubectl writes durations; the future counts as no time at all.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let with = |whole: i64, unit: &str, rest: i64, rest_unit: &str| {
        if rest == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{rest}{rest_unit}") }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => with(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => with(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => with(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => with(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_kubectl_writes_them() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (3600, "60m"),
            (10_860, "3h1m"),
            (90_000, "25h"),
            (187_200, "2d4h"),
            (864_000, "10d"),
            (63_072_000, "2y"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn ages_of_nonsense_are_empty() {
        assert_eq!(age("yesterday", Timestamp::UNIX_EPOCH), "");
        assert_eq!(age("1970-01-01T00:00:00Z", Timestamp::UNIX_EPOCH), "0s");
    }
}
