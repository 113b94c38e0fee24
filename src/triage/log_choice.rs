//! Chooses the logs that are worth reading.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::collect::{Collector, LogKey};
use super::neighbourhood::log_key;
use super::pod::{Container, Pod, Role};
use super::view::Key;

/// At most so many logs are read of the target's own workloads, and as many of those upstream.
const MAX_LOGS: usize = 12;
/// The logs of at most so many pods of a workload are compared.
const MAX_COMPARED: usize = 4;

/// Chooses the logs worth reading: of each workload the worst pod's, and those of the target pod. `sound` says whether those
/// of pods that serve are worth it, too.
pub(super) fn of(
    collector: &Collector<'_>,
    heads: &[Key],
    target: &Key,
    sound: bool,
) -> Vec<LogKey> {
    let now = collector.cluster.now();
    let own_head = collector.objects.head(target);
    let mut wanted = Vec::new();
    for head in heads {
        let mut pods: Vec<Pod<'_>> =
            collector.objects.pods_under(head).filter(|pod| !pod.node().is_empty()).collect();
        pods.sort_by_key(|pod| {
            let crashed = pod
                .containers()
                .filter_map(|container| container.crash(*pod, now))
                .any(|crash| crash.active);
            let age = pod.created().map_or(i64::MAX, |at| now.duration_since(at).as_secs());
            (pod.key() != *target, pod.fine(), !crashed, age)
        });
        let curious = sound || *head == own_head || target.kind == "Service";
        let holds_target = pods.first().is_some_and(|pod| pod.key() == *target);
        for pod in pods.iter().take(if holds_target { 2 } else { 1 }) {
            wanted.extend(
                pod.containers().flat_map(|container| of_container(*pod, &container, now, curious)),
            );
        }
    }
    wanted.truncate(MAX_LOGS);
    wanted
}

/// The logs of one sound pod a node, for the first workload of the target: where calls break off, the others tell whether
/// that is the node's doing.
pub(super) fn one_a_node(collector: &Collector<'_>, own: &[Key]) -> Vec<LogKey> {
    let mut nodes: BTreeSet<&str> = BTreeSet::new();
    own.iter()
        .take(1)
        .flat_map(|head| collector.objects.pods_under(head))
        .filter(|pod| pod.ready() && nodes.insert(pod.node()))
        .take(MAX_COMPARED)
        .flat_map(|pod| pod.containers().map(move |container| (pod, container)))
        .filter(|(_, container)| container.running_since().is_some())
        .map(|(pod, container)| log_key(pod, &container, false))
        .collect()
}

fn of_container(
    pod: Pod<'_>,
    container: &Container<'_>,
    now: Timestamp,
    curious: bool,
) -> Vec<LogKey> {
    if container.crash(pod, now).is_some() {
        let ended = container.exit().is_some();
        // A container that waits for its restart may offer its last log under either name.
        return if ended {
            vec![log_key(pod, container, false)]
        } else {
            vec![log_key(pod, container, true), log_key(pod, container, false)]
        };
    }
    let runs = container.running_since().is_some();
    let struggles = runs && (!container.ready() || container.role == Role::Init);
    if struggles || (runs && curious) { vec![log_key(pod, container, false)] } else { Vec::new() }
}
