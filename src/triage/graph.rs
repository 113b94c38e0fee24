//! Who has to do with the target: its own surroundings, and upstream of them what they depend on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::api_services;
use super::collect::LogKey;
use super::dependencies;
use super::extensions::{self, DELIVERERS};
use super::objects::{Objects, Presence};
use super::pod::Pod;
use super::policy;
use super::view::{Key, list, map, selects, text};

/// How many steps of dependency are followed: the caller's service, its service, its database.
pub(super) const UPSTREAM_DEPTH: u8 = 3;

/// How near an object is to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// So many steps from the target within its own surroundings; 0 is the target.
    Own(u8),
    /// So many dependencies away.
    Upstream(u8),
    /// In reach by chance.
    Elsewhere,
}

/// The neighbourhood's shape.
#[derive(Debug, Default)]
pub(super) struct Graph {
    own: BTreeMap<Key, u8>,
    upstream: BTreeMap<Key, u8>,
    /// Services that the target's own logs blame.
    accused: BTreeSet<Key>,
    /// Set when a whole namespace is the target.
    whole: Option<String>,
}

impl Graph {
    /// Works out the target's own surroundings.
    pub(super) fn around(objects: &Objects, target: &Key) -> Self {
        let mut graph = Self::default();
        match target.kind.as_str() {
            "Namespace" => graph.whole = Some(target.name.clone()),
            "ResourceQuota" | "LimitRange" => graph.whole = Some(target.namespace.clone()),
            _ => {}
        }
        graph.put(target.clone(), 0);
        let seeds = seeds(objects, target);
        for head in &seeds {
            graph.surround(objects, head);
        }
        if let Some(object) =
            objects.get(target).filter(|_| DELIVERERS.contains(&target.kind.as_str()))
        {
            extensions::upstream_of(object).into_iter().for_each(|key| graph.put(key, 1));
        }
        // What surrounds the very pod that is the target is nearer than what surrounds its siblings.
        if let Some(object) = objects.get(target).filter(|_| target.kind == "Pod") {
            for key in parts_of_pod(Pod(object)) {
                graph.put(key, 1);
            }
        }
        graph
    }

    /// Takes in all of a namespace.
    pub(super) fn widen(&mut self, namespace: &str) {
        self.whole = Some(namespace.to_owned());
    }

    fn put(&mut self, key: Key, distance: u8) {
        let known = self.own.entry(key).or_insert(distance);
        *known = (*known).min(distance);
    }

    fn surround(&mut self, objects: &Objects, head: &Key) {
        let near: BTreeSet<Key> = surroundings(objects, head);
        self.put(head.clone(), 1);
        for key in near {
            let distance = if objects.head(&key) == *head { 1 } else { 2 };
            self.put(key, distance);
        }
    }

    /// How near an object is.
    pub(super) fn scope(&self, key: &Key) -> Scope {
        if let Some(distance) = self.own.get(key) {
            Scope::Own(*distance)
        } else if self.whole.as_ref().is_some_and(|namespace| *namespace == key.namespace) {
            Scope::Own(1)
        } else if let Some(distance) = self.upstream.get(key) {
            Scope::Upstream(*distance)
        } else {
            Scope::Elsewhere
        }
    }

    /// Whether the target's own logs blame this object or what serves behind it; `None` when they blame nobody known.
    pub(super) fn accused(&self, objects: &Objects, key: &Key) -> Option<bool> {
        if self.accused.is_empty() {
            return None;
        }
        let behind = self.accused.iter().any(|service| {
            service == key
                || objects.get(service).is_some_and(|object| {
                    selects(map(object, "/spec/selector"), objects.pod_labels(&objects.head(key)))
                })
        });
        Some(behind || matches!(self.scope(key), Scope::Upstream(depth) if depth > 1))
    }

    /// The workloads of the target's own surroundings, nearest first.
    pub(super) fn own_heads(&self, objects: &Objects) -> Vec<Key> {
        self.heads(objects, |scope| matches!(scope, Scope::Own(_)))
    }

    /// The workloads that those depend on, nearest first.
    pub(super) fn upstream_heads(&self, objects: &Objects) -> Vec<Key> {
        self.heads(objects, |scope| matches!(scope, Scope::Upstream(_)))
    }

    fn heads(&self, objects: &Objects, wanted: impl Fn(Scope) -> bool) -> Vec<Key> {
        let mut heads: Vec<(Scope, &Key)> = objects
            .families()
            .map(|(head, _)| (self.scope(head), head))
            .filter(|(scope, _)| wanted(*scope))
            .collect();
        heads.sort();
        heads.into_iter().map(|(_, head)| head.clone()).collect()
    }

    /// Every object near the target that is known, nearest first, without the target.
    pub(super) fn neighbours(&self, objects: &Objects) -> Vec<Key> {
        let mut near: Vec<(u8, &Key)> = self
            .own
            .iter()
            .map(|(key, distance)| (*distance, key))
            .chain(self.upstream.iter().map(|(key, distance)| (u8::MAX / 2 + distance, key)))
            .filter(|(distance, key)| *distance > 0 && objects.get(key).is_some())
            .collect();
        near.sort();
        near.into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// Follows dependencies from the target's own workloads.
    pub(super) fn add_upstream(&mut self, objects: &Objects, logs: &BTreeMap<LogKey, String>) {
        let mut frontier = self.own_heads(objects);
        for depth in 1..=UPSTREAM_DEPTH {
            let mut next = Vec::new();
            for head in &frontier {
                let found = dependencies::of(objects, logs, head);
                if depth == 1 {
                    self.accused.extend(found.blamed.iter().cloned());
                }
                for service in found.named.into_iter().chain(found.blamed) {
                    if self.scope(&service) == Scope::Elsewhere {
                        next.extend(self.reach(objects, service, depth));
                    }
                }
            }
            frontier = next;
        }
        self.accused.retain(|service| !self.own.contains_key(service));
    }

    fn reach(&mut self, objects: &Objects, service: Key, depth: u8) -> Vec<Key> {
        let heads = match objects.get(&service).filter(|_| service.kind == "Ingress") {
            Some(ingress) => services_of_ingress(ingress)
                .map(|name| Key::new("Service", &service.namespace, name))
                .flat_map(|backend| self.reach(objects, backend, depth))
                .collect(),
            None => behind(objects, &service),
        };
        self.upstream.insert(service, depth);
        for head in &heads {
            let mut near = surroundings(objects, head);
            near.insert(head.clone());
            for key in near {
                if !self.own.contains_key(&key) {
                    self.upstream.entry(key).or_insert(depth);
                }
            }
        }
        heads
    }
}

/// The workloads that the target consists of, serves for or belongs to.
fn seeds(objects: &Objects, target: &Key) -> Vec<Key> {
    let object = objects.get(target).unwrap_or(&Value::Null);
    let in_namespace = |kind: &str, name: &str| Key::new(kind, &target.namespace, name);
    match target.kind.as_str() {
        "Namespace" | "ResourceQuota" | "LimitRange" => Vec::new(),
        "Service" => behind(objects, target),
        "APIService" => api_services::backend(object)
            .into_iter()
            .flat_map(|service| {
                let mut heads = behind(objects, &service);
                heads.push(service);
                heads
            })
            .collect(),
        "Ingress" => services_of_ingress(object)
            .map(|name| in_namespace("Service", name))
            .flat_map(|service| {
                let mut heads = behind(objects, &service);
                heads.push(service);
                heads
            })
            .collect(),
        "PodDisruptionBudget" => objects
            .families()
            .map(|(head, _)| head)
            .filter(|head| head.namespace == target.namespace)
            .filter(|head| {
                let labels = objects.pod_labels(head);
                labels.is_some() && policy::matches(object.pointer("/spec/selector"), labels)
            })
            .cloned()
            .collect(),
        "HorizontalPodAutoscaler" => vec![in_namespace(
            text(object, "/spec/scaleTargetRef/kind"),
            text(object, "/spec/scaleTargetRef/name"),
        )],
        "PersistentVolumeClaim" | "ConfigMap" | "Secret" | "ServiceAccount" => objects
            .families()
            .map(|(head, _)| head)
            .filter(|head| {
                objects
                    .pods_under(head)
                    .flat_map(parts_of_pod)
                    .chain(
                        objects
                            .pod_spec(head)
                            .into_iter()
                            .flat_map(|spec| references(spec, &head.namespace)),
                    )
                    .any(|key| key == *target)
            })
            .cloned()
            .collect(),
        "PersistentVolume" => {
            let claim = Key::new(
                "PersistentVolumeClaim",
                text(object, "/spec/claimRef/namespace"),
                text(object, "/spec/claimRef/name"),
            );
            let mut heads = seeds(objects, &claim);
            heads.push(claim);
            heads
        }
        "Node" => {
            let on_it: BTreeSet<Key> = objects
                .pods()
                .filter(|pod| pod.node() == target.name)
                .map(|pod| objects.head(&pod.key()))
                .collect();
            on_it.into_iter().collect()
        }
        kind if DELIVERERS.contains(&kind) => objects
            .families()
            .map(|(head, _)| head)
            .filter(|head| extensions::known_deliverers(objects, head).contains(target))
            .cloned()
            .collect(),
        _ => vec![objects.head(target)],
    }
}

fn services_of_ingress(ingress: &Value) -> impl Iterator<Item = &str> {
    let default = text(ingress, "/spec/defaultBackend/service/name");
    list(ingress, "/spec/rules")
        .iter()
        .flat_map(|rule| list(rule, "/http/paths"))
        .map(|path| text(path, "/backend/service/name"))
        .chain([default])
        .filter(|name| !name.is_empty())
}

/// The workloads that a Service selects; if it selects none, those that it seems to mean.
fn behind(objects: &Objects, service: &Key) -> Vec<Key> {
    let Some(object) = objects.get(service) else { return Vec::new() };
    let selector = map(object, "/spec/selector");
    let local = || {
        objects.families().map(|(head, _)| head).filter(|head| head.namespace == service.namespace)
    };
    let selected: Vec<Key> =
        local().filter(|head| selects(selector, objects.pod_labels(head))).cloned().collect();
    if !selected.is_empty() {
        return selected;
    }
    local()
        .filter(|head| seems_to_mean(service, selector, head, objects.pod_labels(head)))
        .cloned()
        .collect()
}

/// Whether a Service that selects nothing was probably made for a workload: same name, or a label in common.
pub(super) fn seems_to_mean(
    service: &Key,
    selector: Option<&Map<String, Value>>,
    head: &Key,
    labels: Option<&Map<String, Value>>,
) -> bool {
    let Some(selector) = selector.filter(|selector| !selector.is_empty()) else { return false };
    let shared = |labels: &Map<String, Value>| {
        selector.iter().any(|(key, value)| labels.get(key) == Some(value))
    };
    service.name == head.name || labels.is_some_and(shared)
}

/// A workload's members, and what its pods use and are reached by.
fn surroundings(objects: &Objects, head: &Key) -> BTreeSet<Key> {
    let mut near: BTreeSet<Key> = objects.members(head).iter().cloned().collect();
    near.extend(objects.pods_under(head).flat_map(parts_of_pod));
    if let Some(spec) = objects.pod_spec(head) {
        near.extend(references(spec, &head.namespace));
    }
    let labels = objects.pod_labels(head);
    for service in objects.kind("Service") {
        let key = Key::of(service);
        let selector = map(service, "/spec/selector");
        if key.namespace == head.namespace
            && (selects(selector, labels)
                || (seems_to_mean(&key, selector, head, labels)
                    && behind(objects, &key).contains(head)))
        {
            near.insert(key);
        }
    }
    let reached: Vec<Key> = near.iter().filter(|key| key.kind == "Service").cloned().collect();
    near.extend(around(objects, head, &reached));
    near
}

/// What scales a workload, guards it, leads to its Services and delivers it.
fn around(objects: &Objects, head: &Key, services: &[Key]) -> Vec<Key> {
    let local = |object: &&Value| text(object, "/metadata/namespace") == head.namespace;
    let labels = objects.pod_labels(head);
    let scalers = objects.kind("HorizontalPodAutoscaler").filter(local).filter(|hpa| {
        let (kind, name) =
            (text(hpa, "/spec/scaleTargetRef/kind"), text(hpa, "/spec/scaleTargetRef/name"));
        let target = Key::new(kind, &head.namespace, name);
        // One whose target is gone may have been made for the workload under its former name.
        let alike = head.name.starts_with(name) || name.starts_with(&head.name);
        kind == head.kind
            && (name == head.name
                || (!name.is_empty() && alike && objects.presence(&target) == Presence::Absent))
    });
    let budgets = objects
        .kind("PodDisruptionBudget")
        .filter(local)
        .filter(|pdb| labels.is_some() && policy::matches(pdb.pointer("/spec/selector"), labels));
    let routes = objects.kind("Ingress").filter(local).filter(|ingress| {
        services_of_ingress(ingress).any(|name| services.iter().any(|key| key.name == name))
    });
    let mut found: Vec<Key> = scalers.chain(budgets).chain(routes).map(Key::of).collect();
    let deliverers = extensions::known_deliverers(objects, head);
    found.extend(
        deliverers.iter().filter_map(|key| objects.get(key)).flat_map(extensions::upstream_of),
    );
    found.extend(deliverers);
    found
}

fn parts_of_pod(pod: Pod<'_>) -> Vec<Key> {
    let mut parts =
        pod.0.get("spec").map(|spec| references(spec, pod.namespace())).unwrap_or_default();
    if !pod.node().is_empty() {
        parts.push(Key::new("Node", "", pod.node()));
    }
    parts
}

/// The objects that a pod spec names: ConfigMaps, Secrets, claims and the ServiceAccount.
pub(super) fn references(spec: &Value, namespace: &str) -> Vec<Key> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for volume in list(spec, "/volumes") {
        names.push(("ConfigMap", text(volume, "/configMap/name")));
        names.push(("Secret", text(volume, "/secret/secretName")));
        names.push(("PersistentVolumeClaim", text(volume, "/persistentVolumeClaim/claimName")));
        for source in list(volume, "/projected/sources") {
            names.push(("ConfigMap", text(source, "/configMap/name")));
            names.push(("Secret", text(source, "/secret/name")));
        }
    }
    for container in list(spec, "/initContainers").iter().chain(list(spec, "/containers")) {
        for source in list(container, "/envFrom") {
            names.push(("ConfigMap", text(source, "/configMapRef/name")));
            names.push(("Secret", text(source, "/secretRef/name")));
        }
        for variable in list(container, "/env") {
            names.push(("ConfigMap", text(variable, "/valueFrom/configMapKeyRef/name")));
            names.push(("Secret", text(variable, "/valueFrom/secretKeyRef/name")));
        }
    }
    names.push(("ServiceAccount", text(spec, "/serviceAccountName")));
    let mut keys: Vec<Key> = names
        .into_iter()
        .filter(|(_, name)| !name.is_empty() && *name != "kube-root-ca.crt")
        .map(|(kind, name)| Key::new(kind, namespace, name))
        .collect();
    keys.sort();
    keys.dedup();
    keys
}
