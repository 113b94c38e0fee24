//! The first phase: collects the target's neighbourhood, which the rules then judge without asking the cluster again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leadsman_ports::cluster::{Cluster, ClusterError, ObjectRef};
use serde_json::{Value, json};

use crate::engine::incident::Incident;

use super::collect::{Collector, LogKey};
use super::dependencies::{
    blamed_namespaces, blamed_strangers, foreign_namespaces, perhaps_namespaces, webhooks,
};
use super::endpoints::{self, Failure};
use super::extensions;
use super::graph::{Graph, Scope, references};
use super::objects::{Objects, Presence};
use super::placement::Usage;
use super::pod::{Container, Pod, Role};
use super::repulsion;
use super::resolve;
use super::view::{Key, flag, list, text};

/// At most so many logs are read of the target's own workloads, and as many of those upstream.
const MAX_LOGS: usize = 12;
/// The logs of at most so many pods of a workload are compared.
const MAX_COMPARED: usize = 4;
/// At most so many other namespaces are looked into.
const MAX_FOREIGN: usize = 4;
/// At most so many ConfigMaps, Secrets and nodes are read one by one.
const MAX_GETS: usize = 20;
/// Of at most so many cordoned nodes the pods are counted.
const MAX_CLOSED: usize = 4;

/// All that the rules may know.
pub(super) struct Neighbourhood {
    pub(super) now: Timestamp,
    /// When the incident fired, or now.
    pub(super) fired: Timestamp,
    pub(super) target: ObjectRef,
    /// Everything the incident says in words, in lower case: a weak hint.
    pub(super) told: String,
    pub(super) objects: Objects,
    pub(super) graph: Graph,
    pub(super) logs: BTreeMap<LogKey, String>,
    /// What is reserved on each node; known only where that decides.
    pub(super) usage: Option<Usage>,
    pub(super) notes: Vec<String>,
    /// Set when too little could be read to call anything healthy.
    pub(super) blind: bool,
}

impl Neighbourhood {
    /// The pods that are not on their way out.
    pub(super) fn pods(&self) -> impl Iterator<Item = Pod<'_>> {
        self.objects.pods().filter(|pod| !pod.deleting())
    }

    /// The workload that a fix to a pod's spec belongs to.
    pub(super) fn fix_target(&self, pod: Pod<'_>) -> ObjectRef {
        let head = self.objects.head(&pod.key());
        self.objects
            .owners(&pod.key())
            .pop()
            .filter(|owner| Key::from(owner) == head && owner.kind != "Node")
            .map_or_else(
                || self.objects.reference(&head),
                |owner| self.objects.get(&head).map_or(owner, ObjectRef::of),
            )
    }

    /// The log that tells of a container's last end, and where it stands.
    pub(super) fn log_of_crash(
        &self,
        pod: Pod<'_>,
        container: &Container<'_>,
    ) -> Option<(LogKey, &str)> {
        let previous = container.exit().is_none();
        [previous, !previous].into_iter().find_map(|previous| {
            let key = log_key(pod, container, previous);
            self.logs.get(&key).map(|log| (key, log.as_str()))
        })
    }

    /// The log of the container as it runs now.
    pub(super) fn log_now(
        &self,
        pod: Pod<'_>,
        container: &Container<'_>,
    ) -> Option<(LogKey, &str)> {
        let key = log_key(pod, container, false);
        self.logs.get(&key).map(|log| (key, log.as_str()))
    }
}

fn log_key(pod: Pod<'_>, container: &Container<'_>, previous: bool) -> LogKey {
    LogKey {
        namespace: pod.namespace().to_owned(),
        pod: pod.name().to_owned(),
        container: container.name.to_owned(),
        previous,
    }
}

/// Collects the neighbourhood; `None` in place of it, with notes, when the incident leads to no object.
pub(super) async fn collect(
    cluster: &dyn Cluster,
    incident: &Incident,
) -> Result<(Option<Neighbourhood>, Vec<String>), ClusterError> {
    let mut collector = Collector::new(cluster);
    let target = resolve::target(&mut collector, incident).await;
    let Some(target) = target else {
        collector.note("the incident names no object that exists in the cluster".to_owned());
        return match collector.outage() {
            Some(error) => Err(error),
            None => Ok((None, collector.notes)),
        };
    };
    let key = Key::from(&target);
    read_around(&mut collector, &key).await;
    collector.objects.settle();
    let told = resolve::told(incident).to_lowercase();
    let graph = explore(&mut collector, &key, &told).await;
    let usage = read_usage(&mut collector).await;
    if let Some(error) = collector.outage() {
        return Err(error);
    }
    let now = cluster.now();
    let fired = incident.firing_time.as_deref().and_then(|time| time.parse().ok());
    let neighbourhood = Neighbourhood {
        now,
        fired: fired.map_or(now, |fired: Timestamp| fired.min(now)),
        target,
        told,
        objects: collector.objects,
        graph,
        logs: collector.logs,
        usage,
        notes: collector.notes,
        blind: collector.blind,
    };
    Ok((Some(neighbourhood), Vec::new()))
}

/// Reads the target's namespace, or the namespaces of the pods of a cluster-scoped target.
async fn read_around(collector: &mut Collector<'_>, target: &Key) {
    let namespaces: BTreeSet<String> = match target.kind.as_str() {
        "Namespace" => BTreeSet::from([target.name.clone()]),
        "Node" => {
            let on_it = format!("spec.nodeName={}", target.name);
            collector.list("Pod", None, Some(on_it)).await;
            let about_it = format!("involvedObject.name={}", target.name);
            collector.list("Event", None, Some(about_it)).await;
            let cordoned =
                collector.objects.get(target).is_some_and(|node| flag(node, "/spec/unschedulable"));
            if cordoned {
                collector.list("PodDisruptionBudget", None, None).await;
            }
            BTreeSet::new()
        }
        "PersistentVolume" => {
            let object = collector.objects.get(target);
            object
                .map(|object| text(object, "/spec/claimRef/namespace").to_owned())
                .into_iter()
                .collect()
        }
        _ => collector
            .objects
            .get(target)
            .and_then(extensions::destination)
            .into_iter()
            .chain([target.namespace.clone()])
            .collect(),
    };
    for namespace in namespaces.iter().filter(|namespace| !namespace.is_empty()) {
        collector.namespace(namespace).await;
    }
}

/// Reads what only a closer look shows to be of interest: logs, configuration, nodes, storage, other namespaces.
async fn explore(collector: &mut Collector<'_>, target: &Key, told: &str) -> Graph {
    let graph = Graph::around(&collector.objects, target);
    let own = graph.own_heads(&collector.objects);
    let wanted = logs_of(collector, &own, target);
    collector.logs(wanted).await;
    if endpoints::speaks_of_calls(told) {
        let wanted = one_a_node(collector, &own);
        collector.logs(wanted).await;
    }
    read_configuration(collector, &own).await;
    extensions::read_delivery(collector, &own, target).await;
    let mut foreign: BTreeSet<String> =
        own.iter().flat_map(|head| foreign_namespaces(&collector.objects, head)).collect();
    let hooks = own.iter().flat_map(|head| webhooks(&collector.objects, head));
    foreign.extend(hooks.map(|service| service.namespace));
    foreign.extend(blamed_namespaces(&collector.objects, &collector.logs));
    read_names(collector, &mut foreign, &own).await;
    foreign.extend(read_strangers(collector).await);
    for namespace in foreign.iter().take(MAX_FOREIGN) {
        collector.namespace(namespace).await;
    }
    read_repellers(collector).await;
    read_revisions(collector, &own).await;
    read_paths(collector).await;
    read_storage(collector).await;

    let mut graph = Graph::around(&collector.objects, target);
    graph.add_upstream(&collector.objects, &collector.logs);
    let upstream = graph.upstream_heads(&collector.objects);
    let wanted = logs_of(collector, &upstream, target);
    collector.logs(wanted).await;
    read_configuration(collector, &upstream).await;
    read_nodes(collector, &graph).await;
    read_routes(collector, &graph).await;
    extensions::read_certificates(collector, &graph, target).await;
    graph
}

/// ConfigMaps are read for the hosts they name and the keys they lack; Secrets only where something fails for want of one.
async fn read_configuration(collector: &mut Collector<'_>, heads: &[Key]) {
    let mut wanted: BTreeSet<Key> = BTreeSet::new();
    for head in heads {
        let objects = &collector.objects;
        let failing = objects.pods_under(head).any(|pod| !pod.fine());
        if let Some(spec) = objects.pod_spec(head) {
            wanted.extend(references(spec, &head.namespace).into_iter().filter(|key| {
                match key.kind.as_str() {
                    "ConfigMap" => true,
                    "Secret" => failing && config_complaint(objects, head),
                    _ => false,
                }
            }));
        }
    }
    for key in wanted.into_iter().take(MAX_GETS) {
        let reference = collector.objects.reference(&key);
        collector.get(&reference).await;
    }
}

fn config_complaint(objects: &Objects, head: &Key) -> bool {
    objects.pods_under(head).any(|pod| {
        pod.containers().any(|container| {
            container.waiting().is_some_and(|(reason, _)| reason == "CreateContainerConfigError")
        }) || objects.events_of(&pod.key()).any(|event| event.reason == "FailedMount")
    })
}

/// The revisions of StatefulSets and DaemonSets, where one of their pods is in trouble.
async fn read_revisions(collector: &mut Collector<'_>, own: &[Key]) {
    let namespaces: BTreeSet<&str> = own
        .iter()
        .filter(|head| matches!(head.kind.as_str(), "StatefulSet" | "DaemonSet"))
        .filter(|head| collector.objects.pods_under(head).any(|pod| !pod.fine()))
        .map(|head| head.namespace.as_str())
        .collect();
    for namespace in namespaces {
        collector.list("ControllerRevision", Some(namespace), None).await;
    }
}

/// Two-part names such as `db.data` are namespaces only if there is one of that name.
async fn read_names(collector: &mut Collector<'_>, foreign: &mut BTreeSet<String>, own: &[Key]) {
    let perhaps: BTreeSet<String> =
        own.iter().flat_map(|head| perhaps_namespaces(&collector.objects, head)).collect();
    if perhaps.iter().all(|name| foreign.contains(name)) {
        return;
    }
    collector.list("Namespace", None, None).await;
    let known = |name: &String| collector.objects.get(&Key::new("Namespace", "", name)).is_some();
    foreign.extend(perhaps.into_iter().filter(known));
}

/// The namespaces of the Services whose addresses the logs blame, where no Service that is known has them.
async fn read_strangers(collector: &mut Collector<'_>) -> BTreeSet<String> {
    let addresses = blamed_strangers(&collector.objects, &collector.logs);
    if addresses.is_empty() {
        return BTreeSet::new();
    }
    let Some(services) = collector.search("Service").await else { return BTreeSet::new() };
    let namespaces: BTreeSet<String> = services
        .iter()
        .filter(|service| addresses.contains(text(service, "/spec/clusterIP")))
        .map(|service| text(service, "/metadata/namespace").to_owned())
        .collect();
    for namespace in &namespaces {
        collector.adopt("Service", namespace, &services);
    }
    namespaces
}

/// The workloads of any namespace whose pods keep a waiting pod away, where the scheduler says that some do.
async fn read_repellers(collector: &mut Collector<'_>) {
    let repelled: Vec<Value> = collector
        .objects
        .pods()
        .filter(|pod| pod.unscheduled() && repulsion::is_told(&collector.objects, *pod))
        .map(|pod| pod.0.clone())
        .collect();
    if repelled.is_empty() {
        return;
    }
    for kind in repulsion::KINDS {
        for workload in collector.search(kind).await.unwrap_or_default() {
            if repelled.iter().any(|pod| repulsion::repels(&workload, Pod(pod)).is_some()) {
                collector.objects.add(workload);
            }
        }
    }
}

/// What lies on the way of connections that fail: policies, and the cluster's DNS where names do not resolve.
async fn read_paths(collector: &mut Collector<'_>) {
    let failures: BTreeSet<(String, bool)> = collector
        .logs
        .iter()
        .flat_map(|(key, log)| log.lines().rev().take(100).map(move |line| (key, line)))
        .filter_map(|(key, line)| {
            endpoints::failure(line)
                .filter(|failure| *failure != Failure::Refused)
                .map(|failure| (key.namespace.clone(), failure == Failure::Name))
        })
        .collect();
    if failures.is_empty() {
        return;
    }
    let namespaces: BTreeSet<String> =
        collector.objects.pods().map(|pod| pod.namespace().to_owned()).collect();
    for namespace in &namespaces {
        collector.list("NetworkPolicy", Some(namespace), None).await;
        let reference = collector.objects.reference(&Key::new("Namespace", "", namespace));
        collector.get(&reference).await;
    }
    if failures.iter().any(|(_, name)| *name) {
        collector.namespace("kube-system").await;
    }
}

/// What the Ingresses near the target refer to.
async fn read_routes(collector: &mut Collector<'_>, graph: &Graph) {
    let near: Vec<Value> = collector
        .objects
        .kind("Ingress")
        .filter(|ingress| graph.scope(&Key::of(ingress)) != Scope::Elsewhere)
        .map(|ingress| json!({"metadata": ingress.get("metadata"), "spec": ingress.get("spec")}))
        .collect();
    if near.iter().any(|ingress| !text(ingress, "/spec/ingressClassName").is_empty()) {
        collector.list("IngressClass", None, None).await;
    }
    let secrets: BTreeSet<Key> = near
        .iter()
        .flat_map(|ingress| {
            list(ingress, "/spec/tls").iter().map(|tls| {
                Key::new("Secret", text(ingress, "/metadata/namespace"), text(tls, "/secretName"))
            })
        })
        .filter(|key| !key.name.is_empty())
        .collect();
    for key in secrets.into_iter().take(MAX_GETS) {
        let reference = collector.objects.reference(&key);
        collector.get(&reference).await;
    }
}

/// What is reserved on closed nodes decides whether they would take a pod that waits.
async fn read_usage(collector: &mut Collector<'_>) -> Option<Usage> {
    if !collector.objects.pods().any(Pod::unscheduled) {
        return None;
    }
    let closed: Vec<String> = collector
        .objects
        .kind("Node")
        .filter(|node| flag(node, "/spec/unschedulable"))
        .map(|node| text(node, "/metadata/name").to_owned())
        .take(MAX_CLOSED)
        .collect();
    if closed.is_empty() { None } else { collector.usage(&closed).await }
}

/// StorageClasses and volumes matter only while a claim waits.
async fn read_storage(collector: &mut Collector<'_>) {
    let waiting = collector
        .objects
        .kind("PersistentVolumeClaim")
        .any(|claim| text(claim, "/status/phase") != "Bound");
    if waiting {
        collector.list("StorageClass", None, None).await;
        collector.list("PersistentVolume", None, None).await;
    }
}

/// All nodes matter while a pod waits for one; otherwise only those that the near pods run on.
async fn read_nodes(collector: &mut Collector<'_>, graph: &Graph) {
    // A kubelet that rejects a pod may be older than the others.
    let rejected = |pod: Pod<'_>| {
        pod.phase() == "Failed" && text(pod.0, "/status/message").starts_with("Pod was rejected")
    };
    if collector.objects.pods().any(|pod| pod.unscheduled() || rejected(pod)) {
        collector.list("Node", None, None).await;
        return;
    }
    let names: BTreeSet<String> = collector
        .objects
        .pods()
        .filter(|pod| {
            (!pod.ended() || text(pod.0, "/status/reason") == "Evicted")
                && graph.scope(&pod.key()) != Scope::Elsewhere
        })
        .map(|pod| pod.node().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    for name in names.into_iter().take(MAX_GETS) {
        let reference = collector.objects.reference(&Key::new("Node", "", &name));
        if collector.get(&reference).await == Presence::Unknown {
            break;
        }
    }
}

/// Chooses the logs worth reading: of each workload the worst pod's, and those of the target pod.
fn logs_of(collector: &Collector<'_>, heads: &[Key], target: &Key) -> Vec<LogKey> {
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
        let curious = *head == own_head || target.kind == "Service";
        for pod in pods.iter().take(if pods.first().is_some_and(|pod| pod.key() == *target) {
            2
        } else {
            1
        }) {
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
fn one_a_node(collector: &Collector<'_>, own: &[Key]) -> Vec<LogKey> {
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
