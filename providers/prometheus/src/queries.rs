//! Instant and range queries.

use jiff::Timestamp;
use leadsman_ports::tool::ToolError;
use serde_json::Value;

use crate::args::{Args, Field, invalid};
use crate::http::Server;
use crate::series::{name, point, short, summary};
use crate::time::{duration, moment, written};
use crate::{Definition, listed};

/// Series that an instant query shows.
const INSTANT_SERIES: usize = 100;
/// Series that a range query sums up.
const RANGE_SERIES: usize = 30;
/// Series up to which a range query shows each one's course.
const COURSES: usize = 10;
/// Points a series that are asked for; a smaller step is widened.
const POINTS: f64 = 500.0;
/// Points a series when no step is given.
const DEFAULT_POINTS: f64 = 120.0;
const NARROW: &str = "aggregate, add label matchers or use topk()";

pub(crate) fn instant() -> Definition {
    Definition {
        name: "execute_prometheus_instant_query",
        description: "PromQL at one moment.",
        fields: const {
            &[
                Field::required("query", "PromQL"),
                Field::optional("time", "RFC 3339, Unix seconds or an age like -1h; default now"),
            ]
        },
        run: |server, args| Box::pin(run_instant(server, args)),
    }
}

pub(crate) fn range() -> Definition {
    Definition {
        name: "execute_prometheus_range_query",
        description: "PromQL over time: min, max, average, trend and course of each series.",
        fields: const {
            &[
                Field::required("query", "PromQL"),
                Field::required("start", "RFC 3339, Unix seconds or an age like -1h"),
                Field::optional("end", "Same, default now"),
                Field::optional("step", "E.g. 30s; chosen if left out"),
            ]
        },
        run: |server, args| Box::pin(run_range(server, args)),
    }
}

async fn run_instant(server: &Server, args: Args) -> Result<String, ToolError> {
    let mut query = vec![("query", args.required("query")?.to_owned())];
    if let Some(time) = args.get("time") {
        query.push(("time", moment("time", time, Timestamp::now())?.to_string()));
    }
    let answer = server.get(&["query"], &query, "query").await?;
    let result = &answer.data["result"];
    let text = match answer.data["resultType"].as_str() {
        Some("scalar" | "string") => match result.get(1).and_then(Value::as_str) {
            Some(value) => format!("{value}\n"),
            None => "No result.\n".to_owned(),
        },
        Some("vector") => vector(series(result)),
        Some("matrix") => matrix(series(result)),
        Some(_) | None => return Err(unknown()),
    };
    Ok(answer.warnings + &text)
}

async fn run_range(server: &Server, args: Args) -> Result<String, ToolError> {
    let now = Timestamp::now();
    let start = moment("start", args.required("start")?, now)?;
    let end = moment("end", args.get("end").unwrap_or("now"), now)?;
    if end <= start {
        return Err(invalid("start", "must lie before end"));
    }
    let finest = ((end - start) / POINTS).ceil().max(1.0);
    let step = match args.get("step") {
        Some(step) => duration("step", step)?,
        None => ((end - start) / DEFAULT_POINTS).ceil(),
    };
    let widened = step < finest;
    let step = step.max(finest);
    let query = [
        ("query", args.required("query")?.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
        ("step", step.to_string()),
    ];
    let answer = server.get(&["query_range"], &query, "query").await?;
    if answer.data["resultType"].as_str() != Some("matrix") {
        return Err(unknown());
    }
    let note = if widened { " (widened, to keep the points few)" } else { "" };
    Ok(format!(
        "{}{} to {}, step {step}s{note}\n{}",
        answer.warnings,
        written(start),
        written(end),
        matrix(series(&answer.data["result"]))
    ))
}

fn unknown() -> ToolError {
    ToolError::Failed("Prometheus answered with a type of result that is not known".to_owned())
}

fn series(result: &Value) -> &[Value] {
    result.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn vector(series: &[Value]) -> String {
    if series.is_empty() {
        return "No series.\n".to_owned();
    }
    let lines: Vec<String> = series
        .iter()
        .map(|series| {
            let value = match point(&series["value"]) {
                Some((_, value)) => short(value),
                // A native histogram has no single value.
                None => series["histogram"].pointer("/1/count").map_or_else(
                    || "no number".to_owned(),
                    |count| format!("histogram of {}", count.as_str().unwrap_or_default()),
                ),
            };
            format!("{} {value}", name(&series["metric"]))
        })
        .collect();
    listed(&lines, INSTANT_SERIES, "series", NARROW)
}

fn matrix(series: &[Value]) -> String {
    if series.is_empty() {
        return "No series.\n".to_owned();
    }
    let with_course = series.len() <= COURSES;
    let lines: Vec<String> = series
        .iter()
        .map(|series| {
            let values = series["values"].as_array().map(Vec::as_slice).unwrap_or_default();
            format!("{}: {}", name(&series["metric"]), summary(values, with_course))
        })
        .collect();
    listed(&lines, RANGE_SERIES, "series", NARROW)
}
