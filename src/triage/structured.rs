//! Log lines that are JSON: their level and what they say.

use serde_json::Value;

use super::logs::Weight;

/// A JSON log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Structured {
    /// What the level weighs; `None` for warnings and below, and where there is no level.
    pub(super) weight: Option<Weight>,
    /// Whether the line has a level at all.
    pub(super) has_level: bool,
    /// The message, with the error's own message where there is one.
    pub(super) text: String,
}

/// Reads a line that is one JSON object.
pub(super) fn read(line: &str) -> Option<Structured> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let object: Value = serde_json::from_str(line).ok()?;
    let level = ["level", "severity", "lvl", "log.level"].iter().find_map(|key| object.get(key));
    let text = |keys: &[&str]| {
        keys.iter().find_map(|key| object.pointer(key).and_then(Value::as_str)).unwrap_or_default()
    };
    let message = text(&["/msg", "/message", "/log", "/event"]);
    let error = text(&[
        "/err/message",
        "/error/message",
        "/exception/message",
        "/err",
        "/error",
        "/exception",
    ]);
    let said = match (message, error) {
        ("", error) => error.to_owned(),
        (message, "") => message.to_owned(),
        (message, error) => format!("{message}: {error}"),
    };
    Some(Structured { weight: level.and_then(weigh), has_level: level.is_some(), text: said })
}

/// Weighs a level by name, or by number as bunyan and pino write it.
fn weigh(level: &Value) -> Option<Weight> {
    match level {
        Value::Number(number) => match number.as_u64()? {
            60.. => Some(Weight::Fatal),
            50..60 => Some(Weight::Error),
            _ => None,
        },
        Value::String(name) => match name.to_ascii_lowercase().as_str() {
            "fatal" | "panic" | "emerg" | "emergency" | "alert" => Some(Weight::Fatal),
            "error" | "err" | "critical" | "crit" | "severe" => Some(Weight::Error),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_by_name_and_by_number() {
        for (line, weight) in [
            (r#"{"level":60,"msg":"x"}"#, Some(Weight::Fatal)),
            (r#"{"level":50,"msg":"x"}"#, Some(Weight::Error)),
            (r#"{"level":30,"msg":"failed"}"#, None),
            (r#"{"severity":"CRITICAL","message":"x"}"#, Some(Weight::Error)),
        ] {
            assert_eq!(read(line).unwrap().weight, weight, "{line}");
        }
        assert_eq!(read("{not json"), None);
    }

    #[test]
    fn the_error_s_own_message_is_part_of_the_text() {
        let line = r#"{"level":60,"err":{"type":"E","message":"bad port"},"msg":"startup failed"}"#;
        assert_eq!(read(line).unwrap().text, "startup failed: bad port");
    }
}
