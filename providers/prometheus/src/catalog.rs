//! What there is to ask for: metric names, labels, series, metadata.

use jiff::Timestamp;
use leadsman_ports::tool::ToolError;
use serde_json::Value;

use crate::args::{Args, Field, invalid};
use crate::http::{self, Server};
use crate::series::name;
use crate::time::moment;
use crate::{Definition, listed};

/// Names and values that are shown.
const NAMES: usize = 500;
/// Series that are shown unless the caller says otherwise.
const SERIES: usize = 100;
/// Series that are shown at most.
const MOST_SERIES: usize = 500;
/// Metrics whose metadata is shown.
const METADATA: usize = 200;

const MATCH: Field = Field::optional(
    "match",
    "Series selector, e.g. {namespace=\"shop\"} or {__name__=~\"http.*\"}",
);
const NARROW: &str = "narrow it with match";

pub(crate) fn metric_names() -> Definition {
    Definition {
        name: "get_metric_names",
        description: "Names of metrics.",
        fields: const { &[MATCH] },
        run: |server, args| Box::pin(values(server, "__name__".to_owned(), args)),
    }
}

pub(crate) fn label_values() -> Definition {
    Definition {
        name: "get_label_values",
        description: "Values of one label.",
        fields: const { &[Field::required("label", "Label name"), MATCH] },
        run: |server, args| {
            Box::pin(async move {
                let label = label(args.required("label")?)?.to_owned();
                values(server, label, args).await
            })
        },
    }
}

pub(crate) fn all_labels() -> Definition {
    Definition {
        name: "get_all_labels",
        description: "Names of labels.",
        fields: const { &[MATCH] },
        run: |server, args| Box::pin(names(server, &["labels"], args)),
    }
}

pub(crate) fn series() -> Definition {
    Definition {
        name: "get_series",
        description: "Series that match, with all their labels.",
        fields: const {
            &[
                Field::required("match", "Series selector"),
                Field::optional("start", "RFC 3339, Unix seconds or an age; default -1h"),
                Field::optional("end", "Same, default now"),
                Field::optional("limit", "Default 100, at most 500"),
            ]
        },
        run: |server, args| Box::pin(matching(server, args)),
    }
}

pub(crate) fn metadata() -> Definition {
    Definition {
        name: "get_metric_metadata",
        description: "Type and help of metrics.",
        fields: const { &[Field::optional("metric", "One metric; all if left out")] },
        run: |server, args| Box::pin(described(server, args)),
    }
}

/// A label name as PromQL allows it without quotes.
fn label(name: &str) -> Result<&str, ToolError> {
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        Ok(name)
    } else {
        Err(invalid("label", "must begin with a letter or _ and hold letters, digits and _ only"))
    }
}

async fn values(server: &Server, label: String, args: Args) -> Result<String, ToolError> {
    names(server, &["label", &label, "values"], args).await
}

async fn names(server: &Server, path: &[&str], args: Args) -> Result<String, ToolError> {
    let selector = args.get("match").map(|selector| ("match[]", selector.to_owned()));
    let query: Vec<(&str, String)> = selector.into_iter().collect();
    let answer = server.get(path, &query, "match").await?;
    let mut lines: Vec<String> = strings(&answer.data).map(http::short).collect();
    lines.sort();
    let text = if lines.is_empty() {
        "None.\n".to_owned()
    } else {
        listed(&lines, NAMES, "names", NARROW)
    };
    Ok(answer.warnings + &text)
}

fn strings(data: &Value) -> impl Iterator<Item = &str> {
    data.as_array().into_iter().flatten().filter_map(Value::as_str)
}

async fn matching(server: &Server, args: Args) -> Result<String, ToolError> {
    let now = Timestamp::now();
    let limit = args.limit("limit", SERIES, MOST_SERIES)?;
    let start = moment("start", args.get("start").unwrap_or("-1h"), now)?;
    let end = moment("end", args.get("end").unwrap_or("now"), now)?;
    if end <= start {
        return Err(invalid("start", "must lie before end"));
    }
    let query = [
        ("match[]", args.required("match")?.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
    ];
    let answer = server.get(&["series"], &query, "match").await?;
    let mut lines: Vec<String> = answer.data.as_array().into_iter().flatten().map(name).collect();
    lines.sort();
    let text = if lines.is_empty() {
        "No series.\n".to_owned()
    } else {
        listed(&lines, limit, "series", "narrow match or raise limit")
    };
    Ok(answer.warnings + &text)
}

async fn described(server: &Server, args: Args) -> Result<String, ToolError> {
    let metric = args.get("metric").map(|metric| ("metric", metric.to_owned()));
    let query: Vec<(&str, String)> = metric.into_iter().collect();
    let answer = server.get(&["metadata"], &query, "metric").await?;
    let mut lines: Vec<String> = answer
        .data
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(metric, about)| {
            // Targets may disagree; the first is as good as any.
            let about = about.get(0)?;
            let field = |name: &str| http::short(about[name].as_str().unwrap_or_default());
            Some(format!("{metric} {}: {}", field("type"), field("help")))
        })
        .collect();
    lines.sort();
    let text = if lines.is_empty() {
        "No metadata.\n".to_owned()
    } else {
        listed(&lines, METADATA, "metrics", "name one metric")
    };
    Ok(answer.warnings + &text)
}
