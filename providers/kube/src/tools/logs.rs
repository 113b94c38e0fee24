//! `kubectl_logs`: the end of a pod's logs, errors first and repeats folded.

use leadsman_ports::cluster::{Cluster, ClusterError, LogQuery};
use leadsman_ports::tool::ToolError;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::args::{Field, Holds, invalid, typed};
use super::{BYTE_CAP, Definition, fetch};
use crate::render;
use crate::render::fields::{items, text};

/// Lines that are read unless the caller says otherwise.
const DEFAULT_TAIL: u32 = 1000;
/// Bytes that are read of each container's log; folded they take less room.
const READ_BYTES: u32 = 1024 * 1024;
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
    exclude: Option<String>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_logs",
        description: "The end of a pod's logs, errors first, repeated lines folded. previous=true reads the instance before the last restart: use it for crash loops.",
        fields: const {
            &[
                Field::required("pod", "Pod name"),
                Field::required("namespace", "Namespace"),
                Field::optional("container", "Container; all if left out", Holds::Text),
                Field::optional("previous", "The instance before the restart", Holds::Flag),
                Field::optional(
                    "tail_lines",
                    "Lines from the end, default 1000",
                    Holds::Number(5000),
                ),
                Field::optional("since_seconds", "Only younger lines", Holds::Number(31_536_000)),
                Field::optional(
                    "grep",
                    "Regex that lines must match, case-insensitive",
                    Holds::Text,
                ),
                Field::optional("exclude", "Regex of lines to leave out", Holds::Text),
            ]
        },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let filter = Filter {
        grep: args.grep.as_deref().map(|text| pattern("grep", text)).transpose()?,
        exclude: args.exclude.as_deref().map(|text| pattern("exclude", text)).transpose()?,
    };
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
        let searching = filter.grep.is_some() || filter.exclude.is_some();
        let query = LogQuery {
            namespace: args.namespace.clone(),
            pod: args.pod.clone(),
            container: Some((*container).to_owned()),
            previous: args.previous.unwrap_or(false),
            tail_lines: Some(if searching { SEARCHED_LINES } else { tail }),
            since_seconds: args.since_seconds,
            limit_bytes: if searching { SEARCHED_BYTES } else { READ_BYTES },
        };
        let log = match cluster.logs(&query).await {
            Ok(log) => newest_lines(&log, &filter, tail as usize, share.saturating_sub(200)),
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

/// Which lines are wanted.
struct Filter {
    grep: Option<Regex>,
    exclude: Option<Regex>,
}

impl Filter {
    fn takes(&self, line: &str) -> bool {
        self.grep.as_ref().is_none_or(|pattern| pattern.is_match(line))
            && !self.exclude.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }
}

fn pattern(field: &str, text: &str) -> Result<Regex, ToolError> {
    RegexBuilder::new(text).case_insensitive(true).size_limit(1 << 20).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
        invalid(
            field,
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

/// The last lines that match, folded, with a note where something is missing.
fn newest_lines(log: &str, filter: &Filter, most: usize, bytes: usize) -> String {
    let matching: Vec<&str> = log.lines().filter(|line| filter.takes(line)).collect();
    if matching.is_empty() {
        return match log.lines().count() {
            0 => "(the log is empty)\n".to_owned(),
            searched => format!("(none of the last {searched} lines matches)\n"),
        };
    }
    let newest = &matching[matching.len().saturating_sub(most)..];
    let folded = render::log::fold(newest, bytes);
    if newest.len() < matching.len() {
        format!("[the newest {} of {} lines]\n{folded}", newest.len(), matching.len())
    } else {
        folded
    }
}
