//! Links that are slow or lose packets: calls between sound pods that break off now and then, until now.

use std::collections::BTreeSet;

use crate::triage::causes::CauseCode;
use crate::triage::collect::LogKey;
use crate::triage::draft::Draft;
use crate::triage::endpoints::{self, Place, broke_off, speaks_of_calls};
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::Pod;
use crate::triage::view::{Key, condition, shorten};

/// Calls must break off so often …
const RECURRING: usize = 3;
/// … with the last one among the last so many lines.
const FRESH: usize = 8;

/// So many lines must tell of anything else.
const COMES_THROUGH: usize = 3;

/// A pod whose calls break off.
struct Sufferer<'n> {
    pod: Pod<'n>,
    log: LogKey,
    line: &'n str,
    count: usize,
}

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    // A log in which some call failed is no fault while nobody asks.
    if !speaks_of_calls(&n.told) {
        return Vec::new();
    }
    n.graph.own_heads(&n.objects).iter().filter_map(|head| degraded(n, head)).collect()
}

fn degraded(n: &Neighbourhood, head: &Key) -> Option<Draft> {
    let read: Vec<(Pod<'_>, LogKey, &str)> = n
        .objects
        .pods_under(head)
        .filter(|pod| pod.ready() && !pod.deleting())
        .flat_map(|pod| {
            pod.containers()
                .filter_map(move |c| n.log_now(pod, &c))
                .map(move |(key, log)| (pod, key, log))
        })
        .collect();
    let suffering: Vec<Sufferer<'_>> =
        read.iter().filter_map(|(pod, key, log)| suffers(*pod, key, log)).collect();
    let worst = suffering.iter().max_by_key(|sufferer| sufferer.count)?;
    let on = |pods: &mut dyn Iterator<Item = Pod<'_>>| -> BTreeSet<String> {
        pods.map(|pod| pod.node().to_owned()).collect()
    };
    let bad = on(&mut suffering.iter().map(|sufferer| sufferer.pod));
    let good: BTreeSet<String> =
        on(&mut read.iter().map(|(pod, ..)| *pod)).difference(&bad).cloned().collect();
    let node = match (bad.len(), good.len()) {
        (1, 1..) => bad.first().map(|name| Key::new("Node", "", name)),
        _ => None,
    };
    let name = worst.pod.name();
    let line = shorten(worst.line.trim(), 160);
    let (target, why) = match &node {
        Some(node) => (
            n.objects.reference(node),
            format!(
                "calls of the pods on node {} break off, those on other nodes do not",
                node.name
            ),
        ),
        None => (n.fix_target(worst.pod), "its calls break off now and then".to_owned()),
    };
    let summary = format!("{} {}: {why}, as in pod {name}: {line}", head.kind, head.name);
    let draft = Draft::new(CauseCode::LinkDegraded, target, worst.pod.key(), summary)
        .chain([
            why,
            format!("Pod {name}, {} times lately: {line}", worst.count),
            format!("{} {} serves with errors and delays", head.kind, head.name),
        ])
        .confidence(if node.is_some() { 0.88 } else { 0.8 })
        // A callee that fails explains as much.
        .victim(true)
        .log(worst.log.clone(), worst.line.trim().chars().take(300).collect())
        .part(&worst.pod.key(), condition(worst.pod.0, "Ready"));
    Some(match node {
        Some(node) => draft.words(&worst.pod.key(), &format!("nodeName: {}", node.name)),
        None => draft,
    })
}

/// Whether a line speaks of hosts outside the cluster alone.
fn is_external(line: &str, namespace: &str) -> bool {
    let hosts = endpoints::read(line);
    let outside = |host: &str| match endpoints::place(host, namespace) {
        Place::External | Place::Either(_) => true,
        Place::Address(address) => !address.is_private(),
        Place::Service(_) => false,
    };
    !hosts.is_empty() && hosts.iter().all(|endpoint| outside(endpoint.host))
}

/// Calls that break off again and again while others come through, until now.
fn suffers<'n>(pod: Pod<'n>, key: &LogKey, log: &'n str) -> Option<Sufferer<'n>> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let broken: Vec<usize> = (0..lines.len())
        .filter(|at| broke_off(lines[*at]) && !is_external(lines[*at], pod.namespace()))
        .collect();
    let last = *broken.last()?;
    let comes_and_goes = lines.len() - broken.len() >= COMES_THROUGH;
    (broken.len() >= RECURRING && comes_and_goes && lines.len() - last <= FRESH).then(|| Sufferer {
        pod,
        log: key.clone(),
        line: lines[last],
        count: broken.len(),
    })
}
