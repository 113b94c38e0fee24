//! Pods and their containers as the kubelet reports them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::view::{Key, condition, flag, int, list, text, time};

/// How long after a restart a container still counts as in trouble.
const SETTLED: SignedDuration = SignedDuration::from_mins(10);

/// A pod that is younger than this may still be on its way.
const START: SignedDuration = SignedDuration::from_mins(2);

/// Waiting reasons that say no more than that a start is under way.
const STARTING: [&str; 3] = ["", "ContainerCreating", "PodInitializing"];

/// A pod.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pod<'a>(pub(super) &'a Value);

/// What a container is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Must end well before the others start.
    Init,
    /// An init container that keeps running.
    Sidecar,
    /// An ordinary container.
    Main,
}

/// A container: what was asked for and what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Container<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// See [`Role`].
    pub(super) role: Role,
    /// Its part of `spec`.
    pub(super) spec: &'a Value,
    /// Its part of `status`; null before the kubelet has reported.
    pub(super) status: &'a Value,
}

/// How a container ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit<'a> {
    pub(super) code: i64,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) finished: Option<Timestamp>,
}

/// A container that ended badly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crash<'a> {
    pub(super) exit: Exit<'a>,
    /// Whether it is still in trouble, or has run well since.
    pub(super) active: bool,
}

impl<'a> Pod<'a> {
    pub(super) fn key(self) -> Key {
        Key::new("Pod", self.namespace(), self.name())
    }

    pub(super) fn name(self) -> &'a str {
        text(self.0, "/metadata/name")
    }

    pub(super) fn namespace(self) -> &'a str {
        text(self.0, "/metadata/namespace")
    }

    pub(super) fn phase(self) -> &'a str {
        text(self.0, "/status/phase")
    }

    pub(super) fn node(self) -> &'a str {
        text(self.0, "/spec/nodeName")
    }

    pub(super) fn deleting(self) -> bool {
        !text(self.0, "/metadata/deletionTimestamp").is_empty()
    }

    pub(super) fn created(self) -> Option<Timestamp> {
        time(self.0, "/metadata/creationTimestamp")
    }

    /// Waits for the scheduler.
    pub(super) fn unscheduled(self) -> bool {
        self.node().is_empty() && matches!(self.phase(), "Pending" | "")
    }

    /// Has ended, well or badly.
    pub(super) fn ended(self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    pub(super) fn ready(self) -> bool {
        condition(self.0, "Ready").is_some_and(|ready| text(ready, "/status") == "True")
    }

    /// Ready, or ended well.
    pub(super) fn fine(self) -> bool {
        self.ready() || self.phase() == "Succeeded"
    }

    /// Was made just now and has met no trouble yet.
    pub(super) fn starts_up(self, now: Timestamp) -> bool {
        let young = self.created().is_some_and(|at| now.duration_since(at) < START);
        young
            && self.containers().all(|container| {
                container.restarts() == 0
                    && container.exit().is_none_or(|exit| exit.code == 0)
                    && container.waiting().is_none_or(|(reason, _)| STARTING.contains(&reason))
            })
    }

    /// Init containers first, in the order of the spec.
    pub(super) fn containers(self) -> impl Iterator<Item = Container<'a>> {
        let of = move |specs: &'static str, statuses: &'static str| {
            list(self.0, specs).iter().map(move |spec| {
                let name = text(spec, "/name");
                let status = list(self.0, statuses)
                    .iter()
                    .find(|status| text(status, "/name") == name)
                    .unwrap_or(&Value::Null);
                let role = match specs {
                    "/spec/containers" => Role::Main,
                    _ if text(spec, "/restartPolicy") == "Always" => Role::Sidecar,
                    _ => Role::Init,
                };
                Container { name, role, spec, status }
            })
        };
        of("/spec/initContainers", "/status/initContainerStatuses")
            .chain(of("/spec/containers", "/status/containerStatuses"))
    }
}

impl<'a> Container<'a> {
    /// Reason and message of the waiting state.
    pub(super) fn waiting(&self) -> Option<(&'a str, &'a str)> {
        let waiting = self.status.pointer("/state/waiting")?;
        Some((text(waiting, "/reason"), text(waiting, "/message")))
    }

    /// Since when it runs, if it does.
    pub(super) fn running_since(&self) -> Option<Option<Timestamp>> {
        self.status.pointer("/state/running").map(|running| time(running, "/startedAt"))
    }

    pub(super) fn ready(&self) -> bool {
        flag(self.status, "/ready")
    }

    pub(super) fn restarts(&self) -> i64 {
        int(self.status, "/restartCount").unwrap_or_default()
    }

    pub(super) fn image(&self) -> &'a str {
        text(self.spec, "/image")
    }

    /// How the present state ended.
    pub(super) fn exit(&self) -> Option<Exit<'a>> {
        exit(self.status.pointer("/state/terminated")?)
    }

    /// How the state before ended.
    pub(super) fn last_exit(&self) -> Option<Exit<'a>> {
        exit(self.status.pointer("/lastState/terminated")?)
    }

    /// Its bad end, if it had one: now, or before the restart that it has not settled from.
    pub(super) fn crash(&self, pod: Pod<'_>, now: Timestamp) -> Option<Crash<'a>> {
        let failed = |exit: &Exit<'_>| exit.code != 0 || exit.reason == "OOMKilled";
        if let Some(exit) = self.exit() {
            let active = pod.phase() != "Succeeded";
            return Some(Crash { exit, active }).filter(|_| failed(&exit));
        }
        let waits_for = self.waiting().map(|(reason, _)| reason);
        let looping = waits_for == Some("CrashLoopBackOff");
        // A server that ends with 0 over and over is in a loop as well.
        let exit = self.last_exit().filter(|exit| looping || failed(exit))?;
        let started = self.running_since().flatten().or(exit.finished);
        let fresh = started.is_none_or(|at| now.duration_since(at) < SETTLED);
        // Waiting for anything else, such as an image, is a fault of its own.
        let active = looping || (fresh && waits_for.is_none_or(|why| STARTING.contains(&why)));
        Some(Crash { exit, active })
    }
}

fn exit(terminated: &Value) -> Option<Exit<'_>> {
    Some(Exit {
        code: int(terminated, "/exitCode")?,
        reason: text(terminated, "/reason"),
        message: text(terminated, "/message"),
        finished: time(terminated, "/finishedAt"),
    })
}
