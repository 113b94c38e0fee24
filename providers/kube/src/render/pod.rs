//! What a pod's status says in one line, and its containers in full.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{age, entries, items, number, pairs, plain, text};

/// The three lists of containers with the lists of their statuses.
const CONTAINERS: [(&str, &str, &str); 3] = [
    ("init container", "initContainers", "initContainerStatuses"),
    ("container", "containers", "containerStatuses"),
    ("ephemeral container", "ephemeralContainers", "ephemeralContainerStatuses"),
];

/// `READY`, `STATUS` and `RESTARTS` as kubectl would show them.
pub(crate) struct Summary {
    pub(crate) ready: usize,
    pub(crate) total: usize,
    pub(crate) status: String,
    pub(crate) restarts: i64,
}

/// Sums a pod's status up.
pub(crate) fn summary(pod: &Value) -> Summary {
    let total = items(pod, "/spec/containers").count();
    let statuses = || items(pod, "/status/containerStatuses");
    let ready = statuses().filter(|status| status["ready"] == true).count();
    let restarts = statuses().map(|status| number(status, "/restartCount")).sum();
    let mut status = match text(pod, "/status/reason") {
        "" => text(pod, "/status/phase").to_owned(),
        reason => reason.to_owned(),
    };
    if let Some(trouble) = init_trouble(pod) {
        status = trouble;
    } else if let Some(trouble) = statuses().find_map(trouble) {
        status = trouble;
    }
    if !text(pod, "/metadata/deletionTimestamp").is_empty() {
        status = "Terminating".to_owned();
    }
    Summary { ready, total, status, restarts }
}

/// Why a container does not run, if it does not.
fn trouble(status: &Value) -> Option<String> {
    let waiting = text(status, "/state/waiting/reason");
    if !waiting.is_empty() {
        return Some(waiting.to_owned());
    }
    let terminated = status.pointer("/state/terminated")?;
    Some(match (text(terminated, "/reason"), number(terminated, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    })
}

fn init_trouble(pod: &Value) -> Option<String> {
    let total = items(pod, "/spec/initContainers").count();
    items(pod, "/status/initContainerStatuses").enumerate().find_map(|(at, status)| {
        let done =
            status.pointer("/state/terminated").is_some_and(|end| number(end, "/exitCode") == 0);
        // A sidecar counts as initialised once it has started.
        if done || status["started"] == true {
            return None;
        }
        match trouble(status) {
            Some(reason) if reason != "PodInitializing" => Some(format!("Init:{reason}")),
            _ => Some(format!("Init:{at}/{total}")),
        }
    })
}

/// Every container of a pod, or of a workload's pod template, with its state.
pub(crate) fn containers(spec: &Value, status: &Value, now: Timestamp) -> String {
    let mut output = String::new();
    for (label, list, statuses) in CONTAINERS {
        for container in items(spec, &format!("/{list}")) {
            let name = text(container, "/name");
            let state =
                items(status, &format!("/{statuses}")).find(|state| text(state, "/name") == name);
            let _ = writeln!(output, "{label} {name}:");
            container_lines(&mut output, container);
            if let Some(state) = state {
                state_lines(&mut output, state, now);
            }
        }
    }
    output
}

fn container_lines(output: &mut String, container: &Value) {
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(output, "  {label}: {value}");
        }
    };
    line("image", text(container, "/image").to_owned());
    let words = |pointer: &str| items(container, pointer).map(plain).collect::<Vec<_>>().join(" ");
    line("command", words("/command"));
    line("args", words("/args"));
    let ports = items(container, "/ports").map(|port| {
        format!("{}/{}", plain(&port["containerPort"]), port["protocol"].as_str().unwrap_or("TCP"))
    });
    line("ports", ports.collect::<Vec<_>>().join(", "));
    line("requests", pairs(container, "/resources/requests"));
    line("limits", pairs(container, "/resources/limits"));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        if let Some(probe_spec) = container.get(probe) {
            line(probe, probe_line(probe_spec));
        }
    }
    line("env", items(container, "/env").map(variable).collect::<Vec<_>>().join(", "));
    let sources = items(container, "/envFrom").map(|source| {
        let (kind, name) = match text(source, "/secretRef/name") {
            "" => ("configMap", text(source, "/configMapRef/name")),
            name => ("secret", name),
        };
        format!("{kind} {name}")
    });
    line("envFrom", sources.collect::<Vec<_>>().join(", "));
    let mounts =
        items(container, "/volumeMounts").filter(|mount| !is_token_mount(mount)).map(|mount| {
            let read_only = if mount["readOnly"] == true { " (ro)" } else { "" };
            format!("{} at {}{read_only}", text(mount, "/name"), text(mount, "/mountPath"))
        });
    line("mounts", mounts.collect::<Vec<_>>().join(", "));
}

/// Whether a volume or mount is the service account token's that every pod gets.
pub(crate) fn is_token_mount(volume: &Value) -> bool {
    text(volume, "/name").starts_with("kube-api-access-")
}

fn variable(variable: &Value) -> String {
    let name = text(variable, "/name");
    let sources = [("secretKeyRef", "secret"), ("configMapKeyRef", "configMap")];
    for (field, label) in sources {
        if let Some(source) = variable.pointer(&format!("/valueFrom/{field}")) {
            return format!(
                "{name} (from {label} {} key {})",
                text(source, "/name"),
                text(source, "/key")
            );
        }
    }
    match variable.pointer("/valueFrom") {
        Some(source) => format!("{name} (from {source})"),
        None => format!("{name}={}", text(variable, "/value")),
    }
}

fn probe_line(probe: &Value) -> String {
    let action = if let Some(http) = probe.get("httpGet") {
        let scheme = http["scheme"].as_str().unwrap_or("HTTP").to_lowercase();
        format!("{scheme} :{}{}", plain(&http["port"]), text(http, "/path"))
    } else if let Some(socket) = probe.get("tcpSocket") {
        format!("tcp :{}", plain(&socket["port"]))
    } else if let Some(grpc) = probe.get("grpc") {
        format!("grpc :{}", plain(&grpc["port"]))
    } else {
        format!("exec {}", items(probe, "/exec/command").map(plain).collect::<Vec<_>>().join(" "))
    };
    let timing = [
        ("delay", "initialDelaySeconds"),
        ("timeout", "timeoutSeconds"),
        ("period", "periodSeconds"),
        ("failures", "failureThreshold"),
    ];
    let timing = timing.iter().filter_map(|(label, field)| {
        let value = probe.get(*field)?;
        let unit = if *label == "failures" { "" } else { "s" };
        Some(format!("{label}={}{unit}", plain(value)))
    });
    std::iter::once(action).chain(timing).collect::<Vec<_>>().join(" ")
}

fn state_lines(output: &mut String, status: &Value, now: Timestamp) {
    for (label, pointer) in [("state", "/state"), ("last state", "/lastState")] {
        if let Some((state, detail)) = entries(status, pointer).next() {
            let _ = writeln!(output, "  {label}: {state}{}", state_detail(detail, now));
        }
    }
    let _ = writeln!(
        output,
        "  ready: {}  restarts: {}",
        status["ready"] == true,
        number(status, "/restartCount")
    );
    let running = text(status, "/imageID");
    if !running.is_empty() {
        let _ = writeln!(output, "  imageID: {running}");
    }
}

fn state_detail(detail: &Value, now: Timestamp) -> String {
    let mut parts = Vec::new();
    for field in ["reason", "exitCode", "signal"] {
        if let Some(value) = detail.get(field) {
            parts.push(format!("{field} {}", plain(value)));
        }
    }
    for (label, field) in [("started", "startedAt"), ("finished", "finishedAt")] {
        let moment = text(detail, &format!("/{field}"));
        if !moment.is_empty() {
            parts.push(format!("{label} {moment} ({} ago)", age(moment, now)));
        }
    }
    let message = text(detail, "/message");
    if !message.is_empty() {
        parts.push(format!("message {:?}", message.trim()));
    }
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}
