//! What else it could have been, and what was seen that rules it out. A cause counts as shown only against alternatives.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::evidence::Citation;

use super::causes::{CauseCode, Family};
use super::draft::Draft;
use super::exhibit::Exhibits;
use super::graph::Scope;
use super::neighbourhood::Neighbourhood;
use super::pod::{Container, Pod};
use super::view::{Key, condition, int, text};

/// At most so many are told.
const MAX_ALTERNATIVES: usize = 3;

/// An explanation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// What it could have been.
    pub cause: CauseCode,
    /// The same in words.
    pub statement: String,
    /// Why it is not.
    pub because: String,
    /// The words that show it.
    pub citation: Citation,
}

/// A fact that speaks against a cause.
struct Fact {
    against: CauseCode,
    statement: String,
    because: String,
    key: Key,
    quote: Quote,
}

enum Quote {
    Part(Value),
    Words(String),
}

/// The alternatives to a finding that evidence rules out, nearest to the symptom first.
pub(super) fn of(n: &Neighbourhood, draft: &Draft, exhibits: &mut Exhibits<'_>) -> Vec<RuledOut> {
    let found = draft.cause.cause();
    facts(n, draft)
        .into_iter()
        .filter(|fact| fact.against != draft.cause && rivals(fact.against, found.family))
        .filter_map(|fact| {
            let source =
                Draft::new(fact.against, draft.target.clone(), fact.key.clone(), String::new());
            let cited = match &fact.quote {
                Quote::Part(part) => source.part(&fact.key, Some(part)),
                Quote::Words(words) => source.words(&fact.key, words),
            };
            let citation = exhibits.cite(cited.proofs.first()?)?;
            let Fact { against, statement, because, .. } = fact;
            Some(RuledOut { cause: against, statement, because, citation })
        })
        .take(MAX_ALTERNATIVES)
        .collect()
}

/// A cause is no alternative to one of its own family, except where the family's members exclude each other.
fn rivals(against: CauseCode, family: Family) -> bool {
    let same = against.cause().family == family;
    !same || matches!(family, Family::Node | Family::Rollout | Family::Storage | Family::Network)
}

fn facts(n: &Neighbourhood, draft: &Draft) -> Vec<Fact> {
    let mut facts = Vec::new();
    let subject = &draft.subject;
    let head = n.objects.head(&Key::from(&draft.target));
    match subject.kind.as_str() {
        "Node" => facts.extend(of_node(n, subject)),
        "HorizontalPodAutoscaler" => facts.extend(of_scaler(n, subject)),
        "CronJob" => facts.extend(of_cron(n, subject)),
        "PersistentVolumeClaim" => facts.extend(of_claim(n, subject)),
        _ => {}
    }
    let shown = n.objects.get(subject).filter(|_| subject.kind == "Pod").map(Pod);
    let near = || n.pods().find(|pod| matches!(n.graph.scope(&pod.key()), Scope::Own(_)));
    let under = n.objects.pods_under(&head).find(|pod| pod.ready());
    if let Some(pod) = shown.or(under).or_else(near) {
        facts.extend(of_pod(n, pod, shown.is_some()));
    }
    facts.extend(of_workload(n, &head));
    facts.extend(nodes_fine(n));
    facts
}

fn of_pod(n: &Neighbourhood, pod: Pod<'_>, shows_fault: bool) -> Vec<Fact> {
    [
        serves(pod).filter(|_| !shows_fault),
        not_out_of_memory(pod).filter(|_| shows_fault),
        node_is_ready(n, pod),
        has_its_image(pod),
        has_its_node(pod),
        was_admitted(pod),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A fact that a part of a pod shows.
fn pod_fact(
    pod: Pod<'_>,
    against: CauseCode,
    statement: &str,
    because: String,
    quote: Quote,
) -> Fact {
    Fact { against, statement: statement.to_owned(), because, key: pod.key(), quote }
}

fn serves(pod: Pod<'_>) -> Option<Fact> {
    let ready = condition(pod.0, "Ready").filter(|_| pod.ready())?;
    let because = format!("pod {} is ready", pod.name());
    let quote = Quote::Part(ready.clone());
    Some(pod_fact(pod, CauseCode::ApplicationError, "the pods themselves fail", because, quote))
}

fn not_out_of_memory(pod: Pod<'_>) -> Option<Fact> {
    let (container, state) = pod
        .containers()
        .find_map(|container| Some((container, last_state(&container)?)))
        .filter(|(_, state)| text(state, "/reason") != "OOMKilled")?;
    let reason = text(state, "/reason");
    let because = format!(
        "container {} ended with exit code {} ({reason})",
        container.name,
        int(state, "/exitCode").unwrap_or_default(),
    );
    let quote = Quote::Words(format!("reason: {reason}"));
    Some(pod_fact(pod, CauseCode::OomKilled, "the kernel killed it for memory", because, quote))
}

fn node_is_ready(n: &Neighbourhood, pod: Pod<'_>) -> Option<Fact> {
    let key = Key::new("Node", "", pod.node());
    let ready = condition(n.objects.get(&key)?, "Ready")?;
    (text(ready, "/status") == "True").then(|| Fact {
        against: CauseCode::NodeNotReady,
        statement: format!("node {} is down", key.name),
        because: "the node is Ready".to_owned(),
        quote: Quote::Part(ready.clone()),
        key,
    })
}

fn has_its_image(pod: Pod<'_>) -> Option<Fact> {
    let started = pod.containers().find_map(|container| ran(&container))?;
    let because = format!("the container of pod {} has run", pod.name());
    let quote = Quote::Part(started.clone());
    Some(pod_fact(pod, CauseCode::ImagePullFailed, "the image cannot be pulled", because, quote))
}

fn has_its_node(pod: Pod<'_>) -> Option<Fact> {
    let scheduled = condition(pod.0, "PodScheduled")
        .filter(|scheduled| text(scheduled, "/status") == "True")?;
    let because = format!("pod {} is on node {}", pod.name(), pod.node());
    let quote = Quote::Part(scheduled.clone());
    Some(pod_fact(pod, CauseCode::InsufficientCpu, "no node takes the pod", because, quote))
}

fn was_admitted(pod: Pod<'_>) -> Option<Fact> {
    let phase = Some(pod.phase()).filter(|phase| !phase.is_empty())?;
    let because = format!("pod {} was created", pod.name());
    let quote = Quote::Words(format!("phase: {phase}"));
    Some(pod_fact(pod, CauseCode::QuotaExceeded, "its pods are not admitted", because, quote))
}

fn last_state<'a>(container: &Container<'a>) -> Option<&'a Value> {
    ["/state/terminated", "/lastState/terminated"]
        .iter()
        .find_map(|pointer| container.status.pointer(pointer))
}

/// The state that shows that a container was started.
fn ran<'a>(container: &Container<'a>) -> Option<&'a Value> {
    let states = ["/state/running", "/state/terminated", "/lastState/terminated"];
    states
        .iter()
        .filter_map(|pointer| container.status.pointer(pointer))
        .find(|state| !text(state, "/startedAt").is_empty())
}

fn of_workload(n: &Neighbourhood, head: &Key) -> Option<Fact> {
    let replicas = int(n.objects.get(head)?, "/spec/replicas").filter(|replicas| *replicas > 0)?;
    Some(Fact {
        against: CauseCode::ScaledToZero,
        statement: format!("{} {} is switched off", head.kind, head.name),
        because: format!("it asks for {replicas} replicas"),
        key: head.clone(),
        quote: Quote::Words(format!("replicas: {replicas}")),
    })
}

/// The conditions of a node that are as they should be.
fn of_node(n: &Neighbourhood, key: &Key) -> Vec<Fact> {
    let table = [
        ("MemoryPressure", CauseCode::MemoryPressure, "it is short of memory"),
        ("DiskPressure", CauseCode::DiskPressure, "it is short of disk"),
        ("PIDPressure", CauseCode::PidPressure, "it runs out of process ids"),
    ];
    in_order(n, key, "False", &table)
}

fn of_scaler(n: &Neighbourhood, key: &Key) -> Vec<Fact> {
    let table = [
        ("AbleToScale", CauseCode::ScaleTargetMissing, "its target is missing"),
        ("ScalingActive", CauseCode::MetricsMissing, "it gets no metrics"),
    ];
    in_order(n, key, "True", &table)
}

/// The conditions of an object that have the status which rules something out.
fn in_order(
    n: &Neighbourhood,
    key: &Key,
    status: &str,
    table: &[(&str, CauseCode, &str)],
) -> Vec<Fact> {
    let Some(object) = n.objects.get(key) else { return Vec::new() };
    let fact = |(kind, against, what): &(&str, CauseCode, &str)| {
        let shown = condition(object, kind).filter(|shown| text(shown, "/status") == status)?;
        Some(Fact {
            against: *against,
            statement: format!("{} {}: {what}", key.kind, key.name),
            because: format!("{kind} is {status}"),
            key: key.clone(),
            quote: Quote::Part(shown.clone()),
        })
    };
    table.iter().filter_map(fact).collect()
}

/// A run of a CronJob that came to its end.
fn of_cron(n: &Neighbourhood, key: &Key) -> Option<Fact> {
    let jobs = n.objects.members(key).iter().filter(|member| member.kind == "Job");
    let (job, done) = jobs.rev().find_map(|job| {
        let done = condition(n.objects.get(job)?, "Complete")?;
        (text(done, "/status") == "True").then_some((job, done))
    })?;
    Some(Fact {
        against: CauseCode::JobFailed,
        statement: "its runs fail".to_owned(),
        because: format!("Job {} completed", job.name),
        key: job.clone(),
        quote: Quote::Part(done.clone()),
    })
}

fn of_claim(n: &Neighbourhood, key: &Key) -> Option<Fact> {
    let class = text(n.objects.get(key)?, "/spec/storageClassName");
    let class_key = Key::new("StorageClass", "", class);
    let provisioner = text(n.objects.get(&class_key)?, "/provisioner");
    Some(Fact {
        against: CauseCode::StorageClassMissing,
        statement: format!("StorageClass {class} does not exist"),
        because: "it exists".to_owned(),
        key: class_key,
        quote: Quote::Words(format!("provisioner: {provisioner}")),
    })
}

/// The nodes as a whole, where all that are known are ready.
fn nodes_fine(n: &Neighbourhood) -> Option<Fact> {
    let is_ready = |node: &Value| {
        condition(node, "Ready").is_some_and(|ready| text(ready, "/status") == "True")
    };
    let fine = || n.objects.kind("Node").filter(|node| is_ready(node));
    let count = fine().count();
    let node = fine().next()?;
    let all = count == n.objects.kind("Node").count();
    Some(Fact {
        against: if all { CauseCode::NodeNotReady } else { CauseCode::NetworkUnavailable },
        statement: if all { "its nodes are down" } else { "all nodes are affected" }.to_owned(),
        because: format!("{count} of them are Ready"),
        key: Key::of(node),
        quote: Quote::Part(condition(node, "Ready")?.clone()),
    })
}
