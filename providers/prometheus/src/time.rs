//! Moments and durations as models write them.

use jiff::Timestamp;
use leadsman_ports::tool::ToolError;

use crate::args::invalid;

const FORMS: &str =
    "give RFC 3339 (2026-01-02T10:00:00Z), Unix seconds, now, or an age such as -1h";

/// A moment in Unix seconds: RFC 3339, Unix seconds, `now`, `now-1h` or `-1h`.
pub(crate) fn moment(field: &'static str, text: &str, now: Timestamp) -> Result<f64, ToolError> {
    let wrong = || invalid(field, format!("{text:?} is no moment; {FORMS}"));
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(seconds(moment));
    }
    let relative = text.strip_prefix("now").unwrap_or(text).trim();
    if relative.is_empty() {
        return Ok(seconds(now));
    }
    if let Some(age) = relative.strip_prefix('-') {
        return match span(age) {
            Some(age) => Ok(seconds(now) - age),
            None => Err(wrong()),
        };
    }
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..1e11).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

/// A duration in seconds, above zero: `30s`, `5m`, `1h30m`, or a plain number of seconds.
pub(crate) fn duration(field: &'static str, text: &str) -> Result<f64, ToolError> {
    span(text)
        .filter(|seconds| *seconds > 0.0)
        .ok_or_else(|| invalid(field, format!("{text:?} is no duration; give one like 30s or 5m")))
}

/// `2026-01-02T10:00:00Z`
pub(crate) fn written(seconds: f64) -> String {
    // Whole seconds are enough to read; a moment outside jiff's range is shown as the number it is.
    match Timestamp::from_second(seconds.round() as i64) {
        Ok(moment) => moment.to_string(),
        Err(_) => seconds.to_string(),
    }
}

fn seconds(moment: Timestamp) -> f64 {
    moment.as_millisecond() as f64 / 1000.0
}

fn span(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Some(seconds).filter(|seconds| (0.0..1e11).contains(seconds));
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(rest.len());
        total += number
            * match &rest[..end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                "y" => 31_536_000.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    (total > 0.0 && total < 1e11).then_some(total)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{duration, moment, written};

    fn now() -> Timestamp {
        "2026-01-02T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn moments_are_read_in_every_form() {
        for (text, meant) in [
            ("2026-01-02T09:00:00Z", "2026-01-02T09:00:00Z"),
            ("2026-01-02T10:00:00+01:00", "2026-01-02T09:00:00Z"),
            ("now", "2026-01-02T10:00:00Z"),
            ("-1h", "2026-01-02T09:00:00Z"),
            ("now-1h30m", "2026-01-02T08:30:00Z"),
            ("-3600", "2026-01-02T09:00:00Z"),
            ("1767346800", "2026-01-02T09:40:00Z"),
        ] {
            assert_eq!(written(moment("start", text, now()).unwrap()), meant, "{text}");
        }
        for text in ["yesterday", "-", "-1x", "NaN", "1e300", "h"] {
            assert!(moment("start", text, now()).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_in_every_form() {
        for (text, seconds) in [("30s", 30.0), ("1h30m", 5400.0), ("15", 15.0), ("500ms", 0.5)] {
            assert_eq!(duration("step", text).unwrap(), seconds, "{text}");
        }
        for text in ["0", "-5m", "m", "5 minutes", "5m5", "inf"] {
            assert!(duration("step", text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            let _ = moment("start", &text, now());
            if let Ok(seconds) = duration("step", &text) {
                prop_assert!(seconds > 0.0 && seconds.is_finite());
            }
        }
    }
}
