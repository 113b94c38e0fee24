//! The first phase: collects the target's neighbourhood, which the rules then judge without asking the cluster again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leadsman_ports::cluster::{Cluster, ClusterError, ObjectRef, UnavailableGroup};

use crate::engine::incident::Incident;

use super::api_services;
use super::collect::{Collector, LogKey};
use super::explore;
use super::extensions;
use super::graph::Graph;
use super::objects::Objects;
use super::placement::Usage;
use super::pod::{Container, Pod};
use super::resolve;
use super::view::{Key, flag, text};

/// All that the rules may know.
pub(super) struct Neighbourhood {
    pub(super) now: Timestamp,
    /// When the incident fired, or now.
    pub(super) fired: Timestamp,
    pub(super) target: ObjectRef,
    /// The namespace that the incident is about, where its words led to a part of it.
    pub(super) about: Option<String>,
    /// Everything the incident says in words, in lower case: a weak hint.
    pub(super) told: String,
    pub(super) objects: Objects,
    pub(super) graph: Graph,
    pub(super) logs: BTreeMap<LogKey, String>,
    /// What is reserved on each node; known only where that decides.
    pub(super) usage: Option<Usage>,
    /// The API groups that could not be looked at.
    pub(super) unavailable: Vec<UnavailableGroup>,
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

pub(super) fn log_key(pod: Pod<'_>, container: &Container<'_>, previous: bool) -> LogKey {
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
        api_services::read(&mut collector).await;
        return match collector.outage() {
            Some(error) => Err(error),
            None => Ok((None, collector.notes)),
        };
    };
    let key = Key::from(&target);
    read_around(&mut collector, &key).await;
    collector.objects.settle();
    let told = resolve::told(incident).to_lowercase();
    let graph = explore::surroundings(&mut collector, &key, &told).await;
    let usage = explore::usage(&mut collector).await;
    let unavailable = api_services::read(&mut collector).await;
    if let Some(error) = collector.outage() {
        return Err(error);
    }
    let now = cluster.now();
    let fired = incident.firing_time.as_deref().and_then(|time| time.parse().ok());
    let neighbourhood = Neighbourhood {
        now,
        fired: fired.map_or(now, |fired: Timestamp| fired.min(now)),
        about: resolve::named_namespace(incident).filter(|_| target.kind != "Namespace"),
        target,
        told,
        objects: collector.objects,
        graph,
        logs: collector.logs,
        usage,
        unavailable,
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
        "APIService" => {
            let backend = collector.objects.get(target).and_then(api_services::backend);
            backend.map(|service| service.namespace).into_iter().collect()
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
