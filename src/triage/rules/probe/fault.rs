//! What is wrong with a probe itself: its scheme, command, port, path or patience.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::logs::{Weight, blames_dependency, decisive, weigh};
use crate::triage::pod::Container;
use crate::triage::view::{int, list, text};

/// A log that tells less says nothing about how far a start has come.
const MIN_LINES: usize = 3;

/// Words by which servers say that they listen, each followed by the place.
const LISTENS: [&str; 12] = [
    "listening",
    "listen on",
    "serving",
    "running on",
    "running at",
    "started on port",
    "started server on",
    "server started",
    "bound to",
    "binding to",
    "ready to accept connections",
    "server on port",
];
/// Words by which processes say that their start is over.
const STARTED: [&str; 8] = [
    "started in",
    "startup complete",
    "started successfully",
    "ready to accept",
    "server is ready",
    "is now ready",
    "accepting connections",
    "application started",
];

/// A number of two digits is part of a time of day, but for 80.
static PORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?::|port(?:\(s\)|s)?[ :="\[]+|\bport=)(80|\d{3,5})\b"#).ok()
});
static DURATION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(\d+(?:\.\d+)?) ?(ms|s|sec|seconds)\b").ok());

/// What the kubelet says of a probe, and what the container says meanwhile.
pub(super) struct Seen<'a> {
    /// The probe's part of the container's spec.
    pub(super) probe: Option<&'a Value>,
    /// The kubelet's words.
    pub(super) said: &'a str,
    /// The log of the life that the probe ended, or judges.
    pub(super) log: &'a str,
    /// Whether the probe ends that life.
    pub(super) kills: bool,
}

/// What is wrong with the probe itself, if that can be told.
pub(super) fn of(container: &Container<'_>, seen: &Seen<'_>) -> Option<CauseCode> {
    let lower = seen.said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&[
        "server gave http response to https client",
        "malformed http response",
        "http request to an https server",
        "client sent an http request",
        "first record does not look like a tls handshake",
    ]) {
        Some(CauseCode::ProbeWrongScheme)
    } else if says(&[
        "executable file not found",
        "exec failed",
        "unable to start container process",
    ]) {
        Some(CauseCode::ProbeBadCommand)
    } else if says(&["statuscode: 404"]) {
        Some(CauseCode::ProbeWrongPath)
    } else if says(&["connection refused", "could not connect", "couldn't connect"])
        && wrong_port(container, seen)
    {
        Some(CauseCode::ProbeWrongPort)
    } else if seen.kills && impatient(container, seen, &lower) {
        Some(CauseCode::ProbeTiming)
    } else {
        None
    }
}

/// The port that a probe asks, by number; that of a command is known by what it says.
fn port(container: &Container<'_>, seen: &Seen<'_>) -> Option<i64> {
    let probe = seen.probe?;
    if probe.get("exec").is_some() {
        let found = PORT.as_ref()?.captures(seen.said)?;
        return found.get(1)?.as_str().parse().ok();
    }
    let wanted = ["/httpGet/port", "/tcpSocket/port", "/grpc/port"]
        .iter()
        .find_map(|pointer| probe.pointer(pointer))?;
    let declared = list(container.spec, "/ports");
    wanted.as_i64().or_else(|| {
        let named =
            declared.iter().find(|port| text(port, "/name") == wanted.as_str().unwrap_or(""));
        named.and_then(|port| int(port, "/containerPort"))
    })
}

/// The ports on which a log says that the process listens.
fn listens_on(log: &str) -> Vec<i64> {
    let Some(pattern) = PORT.as_ref() else { return Vec::new() };
    log.lines()
        .filter(|line| {
            let lower = line.to_lowercase();
            LISTENS.iter().any(|words| lower.contains(words))
        })
        .flat_map(|line| pattern.captures_iter(line))
        .filter_map(|found| found.get(1)?.as_str().parse().ok())
        .filter(|port| (1..=65_535).contains(port))
        .collect()
}

fn wrong_port(container: &Container<'_>, seen: &Seen<'_>) -> bool {
    let Some(asked) = port(container, seen) else { return false };
    let listens = listens_on(seen.log);
    if listens.contains(&asked) {
        return false;
    }
    let declared: Vec<i64> = list(container.spec, "/ports")
        .iter()
        .filter_map(|port| int(port, "/containerPort"))
        .collect();
    let fails = decisive(seen.log).is_some_and(|line| line.weight >= Weight::Error);
    // A port that is not declared is wrong unless the process has trouble of its own.
    !listens.is_empty() || (!declared.is_empty() && !declared.contains(&asked) && !fails)
}

/// The lines of a log up to where the process is told to stop.
fn before_stop(log: &str) -> impl Iterator<Item = &str> {
    log.lines().take_while(|line| {
        let lower = line.to_lowercase();
        !["shutdown", "shutting down", "sigterm", "signal terminated", "stopping"]
            .iter()
            .any(|words| lower.contains(words))
    })
}

/// Whether a sound process was given too little time: to start, or to answer.
fn impatient(container: &Container<'_>, seen: &Seen<'_>, said: &str) -> bool {
    let late = ["deadline exceeded", "client.timeout", "timeout", "timed out"]
        .iter()
        .any(|words| said.contains(words));
    let closed = said.contains("connection refused") || said.contains("statuscode: 503");
    let sound = before_stop(seen.log).all(|line| {
        weigh(line).is_none_or(|weight| weight < Weight::Error) && !blames_dependency(line)
    });
    if !sound || (!late && !closed) {
        return false;
    }
    (late && answers_late(seen)) || starting(container, seen)
}

/// Whether the log shows answers that took longer than the probe waits.
fn answers_late(seen: &Seen<'_>) -> bool {
    let Some(pattern) = DURATION.as_ref() else { return false };
    let patience = seen.probe.and_then(|probe| int(probe, "/timeoutSeconds")).unwrap_or(1);
    let path = seen.probe.map_or("", |probe| text(probe, "/httpGet/path"));
    seen.log.lines().any(|line| {
        let of_request = (path.len() > 1 && line.contains(path))
            || ["GET ", "POST ", " 200", "status=200", "\"status\":200"]
                .iter()
                .any(|words| line.contains(words));
        of_request
            && pattern.captures_iter(line).any(|found| {
                let number = found.get(1).and_then(|n| n.as_str().parse::<f64>().ok());
                let unit = found.get(2).map_or("", |unit| unit.as_str());
                let seconds = number.map(|n| if unit == "ms" { n / 1000.0 } else { n });
                seconds.is_some_and(|seconds| seconds > patience as f64)
            })
    })
}

/// Whether the log shows a start that goes on: it tells something, and not that it is over.
fn starting(container: &Container<'_>, seen: &Seen<'_>) -> bool {
    let lines: Vec<&str> = before_stop(seen.log).collect();
    let lower = lines.join("\n").to_lowercase();
    let asked = port(container, seen);
    let open = asked.is_some_and(|port| listens_on(seen.log).contains(&port));
    lines.iter().filter(|line| !line.trim().is_empty()).count() >= MIN_LINES
        && !open
        && !STARTED.iter().any(|words| lower.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_where_a_server_says_that_it_listens() {
        for (line, ports) in [
            ("2026-01-02 03:04:05 INFO Tomcat started on port 8080 (http)", vec![8080]),
            ("time=2026-01-02T03:04:05Z msg=\"listening\" addr=:9090", vec![9090]),
            ("INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)", vec![8000]),
            ("2026-01-02 03:04:05,123 listening", vec![]),
            ("connecting to db:5432", vec![]),
        ] {
            assert_eq!(listens_on(line), ports, "{line}");
        }
    }
}
