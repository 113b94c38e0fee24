//! `kubectl_logs`: the end of a pod's logs.

use leadsman_ports::cluster::{Cluster, ClusterError, LogQuery};
use leadsman_ports::tool::ToolError;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::args::{Field, Holds, invalid, typed};
use super::{BYTE_CAP, Definition, fetch};
use crate::render::fields::{items, text};

/// Lines that are shown unless the caller says otherwise.
const DEFAULT_TAIL: u32 = 200;
/// Lines that are searched for a pattern.
const SEARCHED_LINES: u32 = 20_000;
/// Bytes that are searched for a pattern.
const SEARCHED_BYTES: u32 = 8 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    pod: String,
    namespace: String,
    container: Option<String>,
    previous: Option<bool>,
    tail_lines: Option<u32>,
    since_seconds: Option<u32>,
    grep: Option<String>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_logs",
        description: "The last log lines of a pod, of one container or of all. previous=true reads the container instance before the last restart: use it for crash loops. grep keeps only matching lines.",
        fields: const {
            &[
                Field::required("pod", "Pod name"),
                Field::required("namespace", "Namespace of the pod"),
                Field::optional(
                    "container",
                    "Container name; all containers if left out",
                    Holds::Text,
                ),
                Field::optional(
                    "previous",
                    "Read the terminated predecessor, false if left out",
                    Holds::Flag,
                ),
                Field::optional(
                    "tail_lines",
                    "Lines from the end, 200 if left out",
                    Holds::Number(2000),
                ),
                Field::optional(
                    "since_seconds",
                    "Only lines younger than this",
                    Holds::Number(31_536_000),
                ),
                Field::optional(
                    "grep",
                    "Regular expression, case-insensitive, that lines must match",
                    Holds::Text,
                ),
            ]
        },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let pattern = args.grep.as_deref().map(pattern).transpose()?;
    let pods = fetch::resolve(cluster, "Pod", Some("v1")).await?;
    let pod = fetch::object(cluster, &pods, &args.namespace, &args.pod).await?;
    let all = containers(&pod);
    let chosen: Vec<&str> = match args.container.as_deref() {
        None => all.clone(),
        Some(name) if all.contains(&name) => vec![name],
        Some(name) => {
            return Err(invalid(
                "container",
                format!("{name:?} does not exist; the pod has {}", all.join(", ")),
            ));
        }
    };
    let tail = args.tail_lines.unwrap_or(DEFAULT_TAIL);
    let share = BYTE_CAP / chosen.len().max(1);
    let mut output = String::new();
    for container in &chosen {
        let searching = pattern.is_some();
        let query = LogQuery {
            namespace: args.namespace.clone(),
            pod: args.pod.clone(),
            container: Some((*container).to_owned()),
            previous: args.previous.unwrap_or(false),
            tail_lines: Some(if searching { SEARCHED_LINES } else { tail }),
            since_seconds: args.since_seconds,
            limit_bytes: if searching {
                SEARCHED_BYTES
            } else {
                u32::try_from(share).unwrap_or(u32::MAX)
            },
        };
        let log = match cluster.logs(&query).await {
            Ok(log) => {
                newest_lines(&log, pattern.as_ref(), tail as usize, share.saturating_sub(200))
            }
            // In a pod of several containers one without a log must not hide the others.
            Err(ClusterError::NotFound(why) | ClusterError::Invalid(why)) => {
                format!("(no log: {why})\n")
            }
            Err(error) => return Err(fetch::failed(error)),
        };
        if all.len() > 1 {
            output.push_str(&format!("== container {container} ==\n"));
        }
        output.push_str(&log);
    }
    Ok(output)
}

fn pattern(text: &str) -> Result<Regex, ToolError> {
    RegexBuilder::new(text).case_insensitive(true).size_limit(1 << 20).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
        invalid(
            "grep",
            format!("is no regular expression ({reason}); escape special characters with \\"),
        )
    })
}

/// Init containers, containers and ephemeral containers in the pod's order.
fn containers(pod: &Value) -> Vec<&str> {
    ["/spec/initContainers", "/spec/containers", "/spec/ephemeralContainers"]
        .iter()
        .flat_map(|list| items(pod, list))
        .map(|container| text(container, "/name"))
        .collect()
}

/// The last lines that match, at most so many lines and bytes, with a note where something is missing.
fn newest_lines(log: &str, pattern: Option<&Regex>, most: usize, bytes: usize) -> String {
    let matching: Vec<&str> =
        log.lines().filter(|line| pattern.is_none_or(|pattern| pattern.is_match(line))).collect();
    if matching.is_empty() {
        return match pattern {
            Some(_) => format!("(none of the last {} lines matches)\n", log.lines().count()),
            None => "(the log is empty)\n".to_owned(),
        };
    }
    let mut size = 0;
    let kept = matching
        .iter()
        .rev()
        .take(most)
        .take_while(|line| {
            size += line.len() + 1;
            size <= bytes
        })
        .count();
    let mut output = String::new();
    if kept < matching.len() {
        output.push_str(&format!("[the newest {kept} of {} lines]\n", matching.len()));
    }
    if kept == 0 {
        // One line alone is over the ceiling: its end is what is newest.
        let line = matching[matching.len() - 1];
        output.push_str(&line[line.ceil_char_boundary(line.len().saturating_sub(bytes))..]);
        output.push('\n');
    }
    for line in &matching[matching.len() - kept..] {
        output.push_str(line);
        output.push('\n');
    }
    output
}
