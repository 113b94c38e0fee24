//! Reads what only a closer look at a namespace shows to be of interest.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::collect::Collector;
use super::dependencies::{
    blamed_hosts, blamed_namespaces, blamed_strangers, foreign_namespaces, hosts_of,
    perhaps_namespaces, webhooks,
};
use super::endpoints::{self, Failure};
use super::extensions;
use super::graph::{Graph, Scope, UPSTREAM_DEPTH, references};
use super::log_choice;
use super::objects::{Objects, Presence};
use super::placement::Usage;
use super::pod::Pod;
use super::repulsion;
use super::view::{Key, flag, list, map, text};

/// At most so many other namespaces are looked into.
const MAX_FOREIGN: usize = 4;
/// At most so many ConfigMaps, Secrets and nodes are read one by one.
const MAX_GETS: usize = 20;
/// Of at most so many cordoned nodes the pods are counted.
const MAX_CLOSED: usize = 4;

/// Reads what only a closer look shows to be of interest: logs, configuration, nodes, storage, other namespaces; for the
/// target's own workloads first, then step by step for those that they depend on.
pub(super) async fn surroundings(collector: &mut Collector<'_>, target: &Key, told: &str) -> Graph {
    let asks = endpoints::speaks_of_calls(told);
    let mut graph = Graph::around(&collector.objects, target);
    let own = graph.own_heads(&collector.objects);
    let wanted = log_choice::of(collector, &own, target, false);
    collector.logs(wanted).await;
    if asks {
        let wanted = log_choice::one_a_node(collector, &own);
        collector.logs(wanted).await;
    }
    read_configuration(collector, &own).await;
    extensions::read_delivery(collector, &own, target).await;
    let mut seen: BTreeSet<Key> = own.iter().cloned().collect();
    let mut frontier = own.clone();
    for depth in 0..UPSTREAM_DEPTH {
        read_namespaces(collector, &frontier).await;
        graph = Graph::around(&collector.objects, target);
        graph.add_upstream(&collector.objects, &collector.logs);
        frontier = graph.upstream_heads(&collector.objects);
        frontier.retain(|head| seen.insert(head.clone()));
        if frontier.is_empty() {
            break;
        }
        let wanted = log_choice::of(collector, &frontier, target, asks || depth == 0);
        collector.logs(wanted).await;
        read_configuration(collector, &frontier).await;
    }
    read_repellers(collector).await;
    read_revisions(collector, &own).await;
    read_paths(collector).await;
    read_storage(collector).await;
    read_nodes(collector, &graph).await;
    read_endpoints(collector, &graph).await;
    read_routes(collector, &graph).await;
    extensions::read_certificates(collector, &graph, target).await;
    graph
}

/// Reads the other namespaces that the configuration or the logs of workloads lead to.
async fn read_namespaces(collector: &mut Collector<'_>, heads: &[Key]) {
    let mut foreign: BTreeSet<String> =
        heads.iter().flat_map(|head| foreign_namespaces(&collector.objects, head)).collect();
    let hooks = heads.iter().flat_map(|head| webhooks(&collector.objects, head));
    foreign.extend(hooks.map(|service| service.namespace));
    foreign.extend(blamed_namespaces(&collector.objects, &collector.logs));
    read_names(collector, &mut foreign, heads).await;
    foreign.extend(read_strangers(collector).await);
    foreign.extend(read_hosts(collector).await);
    for namespace in foreign.iter().take(MAX_FOREIGN) {
        collector.namespace(namespace).await;
    }
}

/// The namespaces of the Ingresses whose hosts the logs blame.
async fn read_hosts(collector: &mut Collector<'_>) -> BTreeSet<String> {
    let hosts = blamed_hosts(&collector.objects, &collector.logs);
    let serves = |ingress: &Value| hosts_of(ingress).any(|host| hosts.contains(host));
    if hosts.is_empty() { BTreeSet::new() } else { homes(collector, "Ingress", serves).await }
}

/// The namespaces of the Services whose addresses the logs blame, where no Service that is known has them.
async fn read_strangers(collector: &mut Collector<'_>) -> BTreeSet<String> {
    let addresses = blamed_strangers(&collector.objects, &collector.logs);
    let has = |service: &Value| addresses.contains(text(service, "/spec/clusterIP"));
    if addresses.is_empty() { BTreeSet::new() } else { homes(collector, "Service", has).await }
}

/// The namespaces in which objects of a kind fit, with all objects of the kind there taken in.
async fn homes(
    collector: &mut Collector<'_>,
    kind: &str,
    fits: impl Fn(&Value) -> bool,
) -> BTreeSet<String> {
    let Some(found) = collector.search(kind).await else { return BTreeSet::new() };
    let namespaces: BTreeSet<String> = found
        .iter()
        .filter(|object| fits(object))
        .map(|object| text(object, "/metadata/namespace").to_owned())
        .collect();
    for namespace in &namespaces {
        collector.adopt(kind, namespace, &found);
    }
    namespaces
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
        for workload in collector.search(kind).await.unwrap_or_default().iter() {
            if repelled.iter().any(|pod| repulsion::repels(workload, Pod(pod)).is_some()) {
                collector.objects.add(workload.clone());
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

/// The endpoints of Services near the target that select no pods, so that only their endpoints say where they lead.
async fn read_endpoints(collector: &mut Collector<'_>, graph: &Graph) {
    let namespaces: BTreeSet<String> = collector
        .objects
        .kind("Service")
        .filter(|service| needs_endpoints(service))
        .map(Key::of)
        .filter(|key| graph.scope(key) != Scope::Elsewhere)
        .map(|key| key.namespace)
        .collect();
    for namespace in &namespaces {
        collector.list("EndpointSlice", Some(namespace), None).await;
    }
}

/// Whether a Service leads to endpoints that somebody writes, rather than to pods or to a name.
pub(super) fn needs_endpoints(service: &Value) -> bool {
    let selects = map(service, "/spec/selector").is_some_and(|selector| !selector.is_empty());
    let key = Key::of(service);
    !selects
        && text(service, "/spec/type") != "ExternalName"
        && (key.namespace.as_str(), key.name.as_str()) != ("default", "kubernetes")
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
pub(super) async fn usage(collector: &mut Collector<'_>) -> Option<Usage> {
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
