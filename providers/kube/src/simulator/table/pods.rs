//! Pods: READY, STATUS and RESTARTS as the real server derives them from the containers' states.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{age, items, name, number, or_none, since, text};
use super::{Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    match (group, kind) {
        ("", "Pod") => Some(Printer {
            columns: &[
                Text("Name"),
                Text("Ready"),
                Text("Status"),
                Text("Restarts"),
                Text("Age"),
                Wide("IP"),
                Wide("Node"),
                Wide("Nominated Node"),
                Wide("Readiness Gates"),
            ],
            cells,
        }),
        _ => None,
    }
}

/// What the containers' states add up to.
#[derive(Default)]
struct Summary {
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: String,
    status: String,
}

fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let summary = summarize(pod);
    let restarts = if summary.restarts != 0 && !summary.last_restart.is_empty() {
        format!("{} ({} ago)", summary.restarts, since(&summary.last_restart, now))
    } else {
        summary.restarts.to_string()
    };
    let ip = match text(pod, "/status/podIP") {
        "" => items(pod, "/status/podIPs").next().map_or("", |ip| text(ip, "/ip")),
        ip => ip,
    };
    vec![
        name(pod),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.status.into(),
        restarts.into(),
        age(pod, now),
        or_none(ip),
        or_none(text(pod, "/spec/nodeName")),
        or_none(text(pod, "/status/nominatedNodeName")),
        readiness_gates(pod),
    ]
}

fn readiness_gates(pod: &Value) -> Value {
    let mut total = 0;
    let mut open = 0;
    for gate in items(pod, "/spec/readinessGates") {
        total += 1;
        open += usize::from(has_condition(pod, text(gate, "/conditionType")));
    }
    if total == 0 { "<none>".into() } else { format!("{open}/{total}").into() }
}

fn has_condition(pod: &Value, condition: &str) -> bool {
    items(pod, "/status/conditions")
        .any(|found| text(found, "/type") == condition && text(found, "/status") == "True")
}

fn summarize(pod: &Value) -> Summary {
    let phase = text(pod, "/status/phase");
    let mut status = match text(pod, "/status/reason") {
        "" => phase.to_owned(),
        reason => reason.to_owned(),
    };
    let gated = items(pod, "/status/conditions").any(|condition| {
        text(condition, "/type") == "PodScheduled"
            && text(condition, "/reason") == "SchedulingGated"
    });
    if gated {
        "SchedulingGated".clone_into(&mut status);
    }
    let sidecars = items(pod, "/spec/initContainers").filter(|container| is_sidecar(container));
    let total = items(pod, "/spec/containers").count() + sidecars.count();
    let mut summary = Summary { total, status, ..Summary::default() };
    let initializing = init_containers(pod, &mut summary);
    if !initializing || has_condition(pod, "Initialized") {
        main_containers(pod, &mut summary);
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        if text(pod, "/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut summary.status);
        } else if !matches!(phase, "Failed" | "Succeeded") {
            "Terminating".clone_into(&mut summary.status);
        }
    }
    summary
}

/// An init container that keeps running beside the others.
fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

fn count_restarts(container: &Value, restarts: &mut i64, last: &mut String) {
    *restarts = restarts.saturating_add(number(container, "/restartCount"));
    let finished = text(container, "/lastState/terminated/finishedAt");
    let newer = match (finished.parse::<Timestamp>(), last.parse::<Timestamp>()) {
        (Ok(finished), Ok(last)) => finished > last,
        (Ok(_), Err(_)) => true,
        (Err(_), _) => false,
    };
    if newer {
        finished.clone_into(last);
    }
}

fn exit_reason(terminated: &Value) -> String {
    match (text(terminated, "/reason"), number(terminated, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// True while the pod is still initializing. Restarts of plain init containers count only until then.
fn init_containers(pod: &Value, summary: &mut Summary) -> bool {
    let specs: Vec<&Value> = items(pod, "/spec/initContainers").collect();
    let mut sidecar_restarts = (0, String::new());
    let mut initializing = false;
    for (index, container) in items(pod, "/status/initContainerStatuses").enumerate() {
        count_restarts(container, &mut summary.restarts, &mut summary.last_restart);
        let of_sidecar = specs
            .iter()
            .any(|spec| is_sidecar(spec) && text(spec, "/name") == text(container, "/name"));
        if of_sidecar {
            count_restarts(container, &mut sidecar_restarts.0, &mut sidecar_restarts.1);
        }
        let terminated = container.pointer("/state/terminated").filter(|state| state.is_object());
        let waiting = text(container, "/state/waiting/reason");
        let flag = |field: &str| container.get(field).and_then(Value::as_bool) == Some(true);
        let status = match terminated {
            Some(terminated) if number(terminated, "/exitCode") == 0 => continue,
            Some(_) | None if of_sidecar && flag("started") => {
                summary.ready += usize::from(flag("ready"));
                continue;
            }
            Some(terminated) => exit_reason(terminated),
            None if !waiting.is_empty() && waiting != "PodInitializing" => waiting.to_owned(),
            None => format!("{index}/{}", specs.len()),
        };
        summary.status = format!("Init:{status}");
        initializing = true;
        break;
    }
    if !initializing || has_condition(pod, "Initialized") {
        (summary.restarts, summary.last_restart) = sidecar_restarts;
    }
    initializing
}

fn main_containers(pod: &Value, summary: &mut Summary) {
    let mut has_running = false;
    for container in items(pod, "/status/containerStatuses").rev() {
        count_restarts(container, &mut summary.restarts, &mut summary.last_restart);
        let state = |name: &str| {
            container.pointer(&format!("/state/{name}")).filter(|state| state.is_object())
        };
        let waiting = text(container, "/state/waiting/reason");
        if !waiting.is_empty() {
            waiting.clone_into(&mut summary.status);
        } else if let Some(terminated) = state("terminated") {
            summary.status = exit_reason(terminated);
        } else if container.get("ready").and_then(Value::as_bool) == Some(true)
            && state("running").is_some()
        {
            has_running = true;
            summary.ready += 1;
        }
    }
    if summary.status == "Completed" && has_running {
        let status = if has_condition(pod, "Ready") { "Running" } else { "NotReady" };
        status.clone_into(&mut summary.status);
    }
}
