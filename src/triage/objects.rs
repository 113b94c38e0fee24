//! What was collected from the cluster: objects by name, events, and who belongs to whom.

use std::collections::{BTreeMap, BTreeSet};

use leadsman_ports::cluster::ObjectRef;
use serde_json::{Map, Value};

use super::pod::Pod;
use super::view::{Event, Key, controller, map, template, text};

/// The longest chain of owners that is followed; real ones are shorter than four.
const OWNER_DEPTH: usize = 8;

/// Whether an object is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is.
    Present,
    /// It is not.
    Absent,
    /// It was not or could not be looked at.
    Unknown,
}

/// Everything collected so far.
#[derive(Debug, Default)]
pub(super) struct Objects {
    by_key: BTreeMap<Key, Value>,
    absent: BTreeSet<Key>,
    /// Kind and namespace of the lists that were read to the end.
    complete: BTreeSet<(String, String)>,
    events: Vec<Event>,
    /// Positions in `events` by what they are about.
    events_about: BTreeMap<Key, Vec<usize>>,
    families: BTreeMap<Key, Vec<Key>>,
    heads: BTreeMap<Key, Key>,
}

impl Objects {
    pub(super) fn add(&mut self, object: Value) {
        if text(&object, "/kind") == "Event" {
            self.events.push(Event::of(&object));
        } else {
            self.by_key.insert(Key::of(&object), object);
        }
    }

    pub(super) fn mark_absent(&mut self, key: Key) {
        self.absent.insert(key);
    }

    /// `namespace` is empty for cluster-scoped kinds.
    pub(super) fn mark_complete(&mut self, kind: &str, namespace: &str) {
        self.complete.insert((kind.to_owned(), namespace.to_owned()));
    }

    pub(super) fn is_complete(&self, kind: &str, namespace: &str) -> bool {
        self.complete.contains(&(kind.to_owned(), namespace.to_owned()))
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.by_key.get(key)
    }

    pub(super) fn presence(&self, key: &Key) -> Presence {
        if self.by_key.contains_key(key) {
            Presence::Present
        } else if self.absent.contains(key) || self.is_complete(&key.kind, &key.namespace) {
            Presence::Absent
        } else {
            Presence::Unknown
        }
    }

    /// All objects of a kind, by namespace and name.
    pub(super) fn kind<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let kind = kind.to_owned();
        self.by_key
            .range(Key::new(&kind, "", "")..)
            .take_while(move |(key, _)| key.kind == kind)
            .map(|(_, object)| object)
    }

    /// All pods.
    pub(super) fn pods(&self) -> impl Iterator<Item = Pod<'_>> {
        self.kind("Pod").map(Pod)
    }

    /// All events, newest first once [`Objects::settle`] has run.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events about an object, newest first.
    pub(super) fn events_of<'a>(&'a self, key: &Key) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.events_about.get(key).into_iter().flatten().filter_map(|at| self.events.get(*at))
    }

    /// The full name of an object, with its apiVersion where that is known.
    pub(super) fn reference(&self, key: &Key) -> ObjectRef {
        self.get(key).map_or_else(
            || ObjectRef {
                api_version: api_version(&key.kind).to_owned(),
                kind: key.kind.clone(),
                namespace: key.namespace.clone(),
                name: key.name.clone(),
            },
            ObjectRef::of,
        )
    }

    /// The owners of an object, nearest first.
    pub(super) fn owners(&self, key: &Key) -> Vec<ObjectRef> {
        let mut owners: Vec<ObjectRef> = Vec::new();
        let mut current = key.clone();
        while let Some(owner) = self.owner(&current) {
            current = Key::from(&owner);
            if owner.kind == "Node" || current == *key || owners.contains(&owner) {
                break;
            }
            owners.push(owner);
            if owners.len() >= OWNER_DEPTH {
                break;
            }
        }
        owners
    }

    fn owner(&self, key: &Key) -> Option<ObjectRef> {
        if let Some(object) = self.get(key) {
            return controller(object);
        }
        // A ReplicaSet that may not be read: its name is the Deployment's and the template's hash.
        let deployment = (key.kind == "ReplicaSet").then(|| key.name.rsplit_once('-')).flatten()?;
        Some(self.reference(&Key::new("Deployment", &key.namespace, deployment.0)))
            .filter(|owner| self.get(&Key::from(owner)).is_some())
    }

    /// Sorts the events and works out families. To be called after objects were added.
    pub(super) fn settle(&mut self) {
        self.events.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.about.cmp(&b.about)));
        self.events.dedup();
        self.events_about.clear();
        for (at, event) in self.events.iter().enumerate() {
            self.events_about.entry(event.about.clone()).or_default().push(at);
        }
        self.families.clear();
        self.heads.clear();
        let members =
            ["Pod", "ReplicaSet", "Job", "Deployment", "StatefulSet", "DaemonSet", "CronJob"];
        let keys: Vec<Key> = members.iter().flat_map(|kind| self.kind(kind)).map(Key::of).collect();
        for key in keys {
            let head = self.owners(&key).last().map_or_else(|| key.clone(), Key::from);
            self.families.entry(head.clone()).or_default().push(key.clone());
            self.heads.insert(key, head);
        }
    }

    /// The workload that a fix belongs to: the top of the chain of owners, or the object itself.
    pub(super) fn head(&self, key: &Key) -> Key {
        self.heads.get(key).unwrap_or(key).clone()
    }

    /// Every workload with its members (pods, ReplicaSets, Jobs, itself).
    pub(super) fn families(&self) -> impl Iterator<Item = (&Key, &[Key])> {
        self.families.iter().map(|(head, members)| (head, members.as_slice()))
    }

    /// A workload's members: its pods, ReplicaSets and Jobs, and itself.
    pub(super) fn members(&self, head: &Key) -> &[Key] {
        self.families.get(head).map_or(&[], Vec::as_slice)
    }

    /// Whether anything was found in a namespace.
    pub(super) fn inhabited(&self, namespace: &str) -> bool {
        self.by_key.keys().any(|key| key.namespace == namespace)
    }

    /// The pods of a workload.
    pub(super) fn pods_under<'a>(&'a self, head: &Key) -> impl Iterator<Item = Pod<'a>> + use<'a> {
        self.families
            .get(head)
            .into_iter()
            .flatten()
            .filter(|key| key.kind == "Pod")
            .filter_map(|key| self.get(key))
            .map(Pod)
    }

    /// The labels that a workload gives its pods.
    pub(super) fn pod_labels(&self, head: &Key) -> Option<&Map<String, Value>> {
        let own = self.get(head).and_then(|object| match head.kind.as_str() {
            "Pod" => map(object, "/metadata/labels"),
            _ => template(object).and_then(|template| map(template, "/metadata/labels")),
        });
        own.or_else(|| self.pods_under(head).find_map(|pod| map(pod.0, "/metadata/labels")))
    }

    /// The pod spec of a workload: its template's, or that of one of its pods.
    pub(super) fn pod_spec(&self, head: &Key) -> Option<&Value> {
        let own = self.get(head).and_then(|object| match head.kind.as_str() {
            "Pod" => object.get("spec"),
            _ => template(object).and_then(|template| template.get("spec")),
        });
        own.or_else(|| self.pods_under(head).find_map(|pod| pod.0.get("spec")))
    }
}

/// The apiVersion of the kinds that every cluster has and of those of well-known extensions; empty for others.
pub(super) fn api_version(kind: &str) -> &'static str {
    match kind {
        "Pod"
        | "Service"
        | "Node"
        | "Namespace"
        | "ConfigMap"
        | "Secret"
        | "ServiceAccount"
        | "PersistentVolumeClaim"
        | "PersistentVolume"
        | "ResourceQuota"
        | "LimitRange"
        | "Event"
        | "Endpoints"
        | "ReplicationController" => "v1",
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "ControllerRevision" => {
            "apps/v1"
        }
        "Job" | "CronJob" => "batch/v1",
        "APIService" => "apiregistration.k8s.io/v1",
        "StorageClass" => "storage.k8s.io/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "PodDisruptionBudget" => "policy/v1",
        "EndpointSlice" => "discovery.k8s.io/v1",
        "Ingress" | "IngressClass" | "NetworkPolicy" => "networking.k8s.io/v1",
        "Application" => "argoproj.io/v1alpha1",
        "Kustomization" => "kustomize.toolkit.fluxcd.io/v1",
        "HelmRelease" => "helm.toolkit.fluxcd.io/v2",
        "GitRepository" | "OCIRepository" | "HelmRepository" | "HelmChart" | "Bucket" => {
            "source.toolkit.fluxcd.io/v1"
        }
        "Certificate" | "CertificateRequest" | "Issuer" | "ClusterIssuer" => "cert-manager.io/v1",
        "Order" | "Challenge" => "acme.cert-manager.io/v1",
        _ => "",
    }
}
