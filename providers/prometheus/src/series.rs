//! Series as text: names in PromQL's own form, values short, ranges summed up.

use serde_json::Value;

use crate::time::written;

/// Averages that stand for the course of a series.
const BUCKETS: usize = 10;
/// Share by which a series has to change for a trend.
const TREND: f64 = 0.1;

/// `up{instance="a",job="b"}`
pub(crate) fn name(metric: &Value) -> String {
    let labels = metric.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pairs: Vec<String> = labels
        .filter(|(key, _)| *key != "__name__")
        .map(|(key, value)| format!("{key}={:?}", text(value)))
        .collect();
    let name = text(&metric["__name__"]);
    if pairs.is_empty() && !name.is_empty() {
        return name;
    }
    format!("{name}{{{}}}", pairs.join(","))
}

/// One point: Unix seconds and value.
pub(crate) fn point(point: &Value) -> Option<(f64, f64)> {
    let value = point.get(1)?;
    let value = value.as_str().map_or_else(|| value.as_f64(), |text| text.parse().ok())?;
    Some((point.get(0)?.as_f64()?, value))
}

/// Four significant digits, without an exponent where the number is of ordinary size.
pub(crate) fn short(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - magnitude).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Extremes with their moments, average, ends, trend, and the course as averages over equal parts. NaN is
/// counted and otherwise left out.
pub(crate) fn summary(values: &[Value], with_course: bool) -> String {
    let all: Vec<(f64, f64)> = values.iter().filter_map(point).collect();
    let points: Vec<(f64, f64)> = all.iter().copied().filter(|point| !point.1.is_nan()).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return format!("{} points, none a number", all.len());
    };
    let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let min = points.iter().min_by(by_value).unwrap_or(first);
    let max = points.iter().max_by(by_value).unwrap_or(last);
    let mut text = format!("{} points", points.len());
    if points.len() < all.len() {
        text.push_str(&format!(" and {} NaN", all.len() - points.len()));
    }
    if min.1 == max.1 {
        text.push_str(&format!(", always {}", short(min.1)));
        text.push_str(&format!(", from {} to {}", written(first.0), written(last.0)));
        return text;
    }
    text.push_str(&format!(
        ", min {} at {}, max {} at {}, avg {}, first {}, last {} at {}, {}",
        short(min.1),
        written(min.0),
        short(max.1),
        written(max.0),
        short(average(&points)),
        short(first.1),
        short(last.1),
        written(last.0),
        trend(&points)
    ));
    if with_course && points.len() > 2 {
        let part = points.len().div_ceil(BUCKETS);
        let course: Vec<String> =
            points.chunks(part).map(|points| short(average(points))).collect();
        text.push_str(&format!("\n  averages of {part} points each: {}", course.join(" ")));
    }
    text
}

fn average(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|point| point.1).sum::<f64>() / points.len().max(1) as f64
}

/// Compares the first quarter with the last.
fn trend(points: &[(f64, f64)]) -> &'static str {
    let quarter = points.len().div_ceil(4);
    let before = average(&points[..quarter]);
    let after = average(&points[points.len() - quarter..]);
    let change = (after - before) / before.abs().max(after.abs());
    match change {
        change if change > TREND => "rising",
        change if change < -TREND => "falling",
        _ => "level",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{name, short, summary};

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.123_456, "0.1235"),
            (1234.567, "1235"),
            (268_435_456.0, "268435456"),
            (1e-9, "1.000e-9"),
            (f64::INFINITY, "inf"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn names_are_written_as_in_a_query() {
        assert_eq!(name(&json!({"__name__": "up", "job": "a\"b"})), "up{job=\"a\\\"b\"}");
        assert_eq!(name(&json!({"__name__": "up"})), "up");
        assert_eq!(name(&json!({})), "{}");
    }

    #[test]
    fn nothing_but_nan_is_said_so() {
        assert_eq!(
            summary(&[json!([1, "NaN"]), json!([2, "NaN"])], true),
            "2 points, none a number"
        );
        assert_eq!(summary(&[], true), "0 points, none a number");
    }
}
