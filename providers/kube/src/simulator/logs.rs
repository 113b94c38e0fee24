//! The `log` subresource of pods.
//!
//! `follow` ends at the end of what is recorded, and `timestamps` adds nothing: a snapshot knows no times but those
//! that its lines begin with.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::query::Query;
use super::reply::{Reply, text_reply};
use super::status::ApiError;
use crate::snapshot::{ResourceKind, Snapshot};

/// Serves a recorded log, or says as the real server does why there is none.
pub(super) fn read(
    snapshot: &Snapshot,
    kind: &ResourceKind,
    namespace: &str,
    pod: &str,
    query: &Query,
) -> Result<Reply, ApiError> {
    let cut = Cut::parse(query, snapshot.captured_at())?;
    let previous = query.flag("previous")?;
    let asked = query.text("container");
    let log = match snapshot.get(kind, namespace, pod) {
        Some(object) => log_of_pod(snapshot, object, namespace, pod, asked, previous)?,
        None => log_without_pod(snapshot, kind, namespace, pod, asked, previous)?,
    };
    Ok(text_reply(cut.apply(log)))
}

fn log_of_pod<'a>(
    snapshot: &'a Snapshot,
    object: &Value,
    namespace: &str,
    pod: &str,
    asked: Option<&str>,
    previous: bool,
) -> Result<&'a Bytes, ApiError> {
    let container = choose_container(object, pod, asked)?;
    if let Some(log) = snapshot.log(namespace, pod, container, previous) {
        return Ok(log);
    }
    let status = container_status(object, container).ok_or_else(|| {
        ApiError::bad_request(format!("container {container:?} in pod {pod:?} is not available"))
    })?;
    check_has_log(status, container, pod, previous)?;
    // Between two attempts the log of a container is that of its last one.
    let waits = status.pointer("/state/waiting").is_some();
    if waits
        && !previous
        && let Some(log) = snapshot.log(namespace, pod, container, true)
    {
        return Ok(log);
    }
    Err(not_recorded(pod, container, previous))
}

/// Logs may be there without their pod, e.g. of one that is gone.
fn log_without_pod<'a>(
    snapshot: &'a Snapshot,
    kind: &ResourceKind,
    namespace: &str,
    pod: &str,
    asked: Option<&str>,
    previous: bool,
) -> Result<&'a Bytes, ApiError> {
    let known = snapshot.logged_containers(namespace, pod);
    let container = match (asked, known.as_slice()) {
        (Some(container), _) => container,
        (None, []) => "",
        (None, [container]) => container,
        (None, several) => return Err(must_name_container(pod, several, &[])),
    };
    match snapshot.log(namespace, pod, container, previous) {
        Some(log) => Ok(log),
        None if known.is_empty() => Err(ApiError::not_found(kind, pod)),
        None => Err(not_recorded(pod, container, previous)),
    }
}

fn not_recorded(pod: &str, container: &str, previous: bool) -> ApiError {
    let which = if previous { "previous log" } else { "log" };
    ApiError::not_recorded(format!(
        "the snapshot holds no {which} of container {container:?} in pod {pod:?}"
    ))
}

fn names<'a>(pod: &'a Value, list: &str) -> Vec<&'a str> {
    let containers = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
    containers.filter_map(|container| container.get("name")?.as_str()).collect()
}

fn choose_container<'a>(
    object: &'a Value,
    pod: &str,
    asked: Option<&'a str>,
) -> Result<&'a str, ApiError> {
    let containers = names(object, "/spec/containers");
    let init = names(object, "/spec/initContainers");
    let ephemeral = names(object, "/spec/ephemeralContainers");
    match (asked, containers.as_slice()) {
        (Some(asked), _) => {
            let known = [&containers, &init, &ephemeral].iter().any(|list| list.contains(&asked));
            let complaint = || format!("container {asked} is not valid for pod {pod}");
            if known { Ok(asked) } else { Err(ApiError::bad_request(complaint())) }
        }
        (None, [only]) => Ok(only),
        (None, several) => Err(must_name_container(pod, several, &init)),
    }
}

fn must_name_container(pod: &str, containers: &[&str], init: &[&str]) -> ApiError {
    let containers = containers.join(" ");
    let mut message =
        format!("a container name must be specified for pod {pod}, choose one of: [{containers}]");
    if !init.is_empty() {
        message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
    }
    ApiError::bad_request(message)
}

fn container_status<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    lists.iter().find_map(|list| {
        let statuses = pod.pointer(&format!("/status/{list}"))?.as_array()?;
        statuses.iter().find(|status| status.get("name").and_then(Value::as_str) == Some(container))
    })
}

/// The kubelet's rules for which logs can exist.
fn check_has_log(
    status: &Value,
    container: &str,
    pod: &str,
    previous: bool,
) -> Result<(), ApiError> {
    let has = |pointer: &str| status.pointer(pointer).is_some_and(Value::is_object);
    let complain = |what: String| {
        Err(ApiError::bad_request(format!("container {container:?} in pod {pod:?} {what}")))
    };
    if previous {
        if has("/lastState/terminated") {
            return Ok(());
        }
        let message =
            format!("previous terminated container {container:?} in pod {pod:?} not found");
        return Err(ApiError::bad_request(message));
    }
    if has("/state/running") || has("/state/terminated") || has("/lastState/terminated") {
        return Ok(());
    }
    match status.pointer("/state/waiting/reason").and_then(Value::as_str) {
        Some("ErrImagePull") => complain("is waiting to start: image can't be pulled".to_owned()),
        Some("ImagePullBackOff") => {
            complain("is waiting to start: trying and failing to pull image".to_owned())
        }
        Some(reason) => complain(format!("is waiting to start: {reason}")),
        None => complain("is waiting to start - no logs yet".to_owned()),
    }
}

/// Which part of a log is asked for.
struct Cut {
    since: Option<Timestamp>,
    tail: Option<usize>,
    limit_bytes: Option<usize>,
}

impl Cut {
    fn parse(query: &Query, now: Timestamp) -> Result<Self, ApiError> {
        let invalid = |field, problem| ApiError::invalid("PodLogOptions", field, problem);
        let seconds = query.integer("sinceSeconds")?;
        let time = query.text("sinceTime");
        let since = match (seconds, time) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                let problem = "at most one of `sinceTime` or `sinceSeconds` may be specified";
                return Err(invalid("sinceSeconds", problem));
            }
            (Some(seconds), None) if seconds < 1 => {
                return Err(invalid("sinceSeconds", "must be greater than 0"));
            }
            // Longer ago than time goes back is everything.
            (Some(seconds), None) => now.checked_sub(SignedDuration::from_secs(seconds)).ok(),
            (None, Some(time)) => Some(
                time.parse().map_err(|_| invalid("sinceTime", "must be a time as in RFC 3339"))?,
            ),
        };
        let tail = match query.integer("tailLines")?.map(usize::try_from) {
            Some(Err(_)) => {
                return Err(invalid("tailLines", "must be greater than or equal to 0"));
            }
            tail => tail.and_then(Result::ok),
        };
        let limit_bytes = match query.integer("limitBytes")?.map(usize::try_from) {
            Some(Err(_) | Ok(0)) => return Err(invalid("limitBytes", "must be greater than 0")),
            limit => limit.and_then(Result::ok),
        };
        Ok(Self { since, tail, limit_bytes })
    }

    /// Since, then tail, then limit, as the kubelet does. All three keep whole stretches, so nothing is copied.
    ///
    /// A snapshot has the time of a line only if the line begins with it (`kubectl logs --timestamps`, or the
    /// program's own); lines without one belong to the line before. A log without any time is kept whole.
    fn apply(&self, log: &Bytes) -> Bytes {
        let mut start = self.since.map_or(0, |since| first_since(log, since));
        if let Some(tail) = self.tail {
            start = start.max(start_of_tail(log, tail));
        }
        let end = match self.limit_bytes {
            Some(limit) => log.len().min(start.saturating_add(limit)),
            None => log.len(),
        };
        log.slice(start..end)
    }
}

/// Where the first line at or after `since` begins.
fn first_since(log: &[u8], since: Timestamp) -> usize {
    let mut offset = 0;
    let mut has_times = false;
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        if let Some(time) = line_time(line) {
            has_times = true;
            if time >= since {
                return offset;
            }
        }
        offset += line.len();
    }
    if has_times { log.len() } else { 0 }
}

fn line_time(line: &[u8]) -> Option<Timestamp> {
    let word = line.split(|byte| byte.is_ascii_whitespace()).next()?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn start_of_tail(log: &[u8], lines: usize) -> usize {
    if lines == 0 {
        return log.len();
    }
    // The last line may or may not end with a line feed; that one ends no line before it.
    let body = log.strip_suffix(b"\n").unwrap_or(log);
    let mut ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    ends.nth(lines - 1).map_or(0, |(index, _)| index + 1)
}
