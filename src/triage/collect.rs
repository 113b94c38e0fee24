//! Reads what the rules need from the cluster, each list and each object once, and notes what it may not read.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use leadsman_ports::cluster::{
    Cluster, ClusterError, ListQuery, LogQuery, ObjectRef, ResourceType,
};
use serde_json::Value;

use super::objects::{Objects, Presence, api_version};
use super::placement::Usage;
use super::view::{Key, text};

const PAGE: u32 = 500;
/// No list is read beyond so many pages.
const MAX_PAGES: usize = 20;
const LOG_LINES: u32 = 400;
const LOG_BYTES: u32 = 64 * 1024;

/// The kinds read of each namespace.
pub(super) const NAMESPACED: [&str; 11] = [
    "Pod",
    "Event",
    "ReplicaSet",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Service",
    "PersistentVolumeClaim",
    "ResourceQuota",
];

/// The kinds read beside them, where the API server serves them and they may be read.
pub(super) const BESIDE: [&str; 3] = ["HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress"];

/// Names a container's log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogKey {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) previous: bool,
}

/// Collects objects and logs of one cluster.
pub(super) struct Collector<'c> {
    pub(super) cluster: &'c dyn Cluster,
    pub(super) objects: Objects,
    pub(super) logs: BTreeMap<LogKey, String>,
    pub(super) notes: Vec<String>,
    /// Set when pods, events or workloads could not be read, so that nothing can be called healthy.
    pub(super) blind: bool,
    /// The failure of a cluster that does not answer at all, kept until something does answer.
    outage: Option<ClusterError>,
    answered: bool,
    types: BTreeMap<(String, String), Option<ResourceType>>,
    /// What searches in all namespaces found, by kind.
    searched: BTreeMap<String, Option<Arc<Vec<Value>>>>,
}

impl<'c> Collector<'c> {
    pub(super) fn new(cluster: &'c dyn Cluster) -> Self {
        Self {
            cluster,
            objects: Objects::default(),
            logs: BTreeMap::new(),
            notes: Vec::new(),
            blind: false,
            outage: None,
            answered: false,
            types: BTreeMap::new(),
            searched: BTreeMap::new(),
        }
    }

    /// The error that kept everything from being read, if nothing could be.
    pub(super) fn outage(&self) -> Option<ClusterError> {
        self.outage.clone().filter(|_| !self.answered)
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn failed(&mut self, what: &str, error: &ClusterError) {
        match error {
            ClusterError::Unauthorized | ClusterError::Timeout | ClusterError::Unavailable(_) => {
                self.outage.get_or_insert_with(|| error.clone());
            }
            ClusterError::NotFound(_)
            | ClusterError::UnknownKind { .. }
            | ClusterError::AmbiguousKind { .. }
            | ClusterError::GroupUnavailable(_)
            | ClusterError::Forbidden(_)
            | ClusterError::Invalid(_) => self.answered = true,
        }
        self.note(format!("{what} could not be read: {error}"));
    }

    /// Finds a kind in whatever way it is written; a wrong apiVersion is forgiven.
    pub(super) async fn resource_type(&mut self, kind: &str, group: &str) -> Option<ResourceType> {
        let asked = (kind.to_owned(), group.to_owned());
        if let Some(known) = self.types.get(&asked) {
            return known.clone();
        }
        let group = if group.is_empty() { api_version(kind) } else { group };
        let mut found = self.cluster.resolve(kind, (!group.is_empty()).then_some(group)).await;
        if matches!(found, Err(ClusterError::UnknownKind { .. })) && !group.is_empty() {
            found = self.cluster.resolve(kind, None).await;
        }
        if let Err(ClusterError::AmbiguousKind { groups, .. }) = &found
            && let Some(first) = groups.first()
        {
            found = self.cluster.resolve(kind, Some(first)).await;
        }
        let resource = match found {
            Ok(resource) => {
                self.answered = true;
                Some(resource)
            }
            Err(error) => {
                self.failed(kind, &error);
                None
            }
        };
        self.types.insert(asked, resource.clone());
        resource
    }

    /// Reads one object unless it is known already.
    pub(super) async fn get(&mut self, reference: &ObjectRef) -> Presence {
        let Some(resource) = self.resource_type(&reference.kind, &reference.api_version).await
        else {
            return Presence::Unknown;
        };
        let namespace = if resource.namespaced { reference.namespace.as_str() } else { "" };
        let key = Key::new(&resource.kind, namespace, &reference.name);
        let known = self.objects.presence(&key);
        if known != Presence::Unknown {
            return known;
        }
        match self.cluster.get(&resource, namespace, &reference.name).await {
            Ok(object) => {
                self.answered = true;
                self.objects.add(object);
                Presence::Present
            }
            Err(ClusterError::NotFound(_)) => {
                self.answered = true;
                self.objects.mark_absent(key);
                Presence::Absent
            }
            Err(error) => {
                self.failed(&format!("{} {}", resource.kind, reference.name), &error);
                Presence::Unknown
            }
        }
    }

    /// Lists a kind, all of it or what a field selector leaves. Returns what was found.
    pub(super) async fn list(
        &mut self,
        kind: &str,
        namespace: Option<&str>,
        field_selector: Option<String>,
    ) -> Vec<Key> {
        let whole = field_selector.is_none();
        if whole && self.objects.is_complete(kind, namespace.unwrap_or_default()) {
            return Vec::new();
        }
        let Some(resource) = self.resource_type(kind, "").await else { return Vec::new() };
        let query = ListQuery {
            namespace: namespace.map(str::to_owned),
            field_selector,
            limit: Some(PAGE),
            ..ListQuery::default()
        };
        let outcome = read_list(self.cluster, &resource, query).await;
        self.absorb(kind, namespace.unwrap_or_default(), whole, outcome)
    }

    fn absorb(
        &mut self,
        kind: &str,
        namespace: &str,
        whole: bool,
        outcome: (Vec<Value>, Result<(), ClusterError>),
    ) -> Vec<Key> {
        let (items, end) = outcome;
        let keys = items.iter().map(Key::of).collect();
        items.into_iter().for_each(|item| self.objects.add(item));
        match end {
            Ok(()) => {
                self.answered = true;
                if whole {
                    self.objects.mark_complete(kind, namespace);
                }
            }
            Err(error) => {
                let place =
                    if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
                self.failed(&format!("the list of {kind}{place}"), &error);
                self.blind |= NAMESPACED.contains(&kind) && kind != "ResourceQuota";
            }
        }
        keys
    }

    /// All objects of a kind in all namespaces, for [`Collector::adopt`] to keep those that turn out to matter; asked for
    /// once. `None` where they could not be read.
    pub(super) async fn search(&mut self, kind: &str) -> Option<Arc<Vec<Value>>> {
        if let Some(known) = self.searched.get(kind) {
            return known.clone();
        }
        let found = self.search_afresh(kind).await.map(Arc::new);
        self.searched.insert(kind.to_owned(), found.clone());
        found
    }

    async fn search_afresh(&mut self, kind: &str) -> Option<Vec<Value>> {
        let resource = self.resource_type(kind, "").await?;
        let query = ListQuery { limit: Some(PAGE), ..ListQuery::default() };
        let (items, end) = read_list(self.cluster, &resource, query).await;
        match end {
            Ok(()) => {
                self.answered = true;
                Some(items)
            }
            Err(error) => {
                self.failed(&format!("the list of {kind}"), &error);
                None
            }
        }
    }

    /// Keeps what a search found in a namespace, so that the kind need not be listed there again.
    pub(super) fn adopt(&mut self, kind: &str, namespace: &str, found: &[Value]) {
        let local = found.iter().filter(|object| text(object, "/metadata/namespace") == namespace);
        local.for_each(|object| self.objects.add(object.clone()));
        self.objects.mark_complete(kind, namespace);
    }

    /// Reads what the pods on some nodes have reserved, without keeping the pods.
    pub(super) async fn usage(&mut self, nodes: &[String]) -> Option<Usage> {
        let resource = self.resource_type("Pod", "").await?;
        let mut usage = Usage::default();
        for node in nodes {
            let query = ListQuery {
                field_selector: Some(format!("spec.nodeName={node}")),
                limit: Some(PAGE),
                ..ListQuery::default()
            };
            let (pods, end) = read_list(self.cluster, &resource, query).await;
            if let Err(error) = end {
                self.failed(&format!("the list of Pod on node {node}"), &error);
                return None;
            }
            usage.of_node(node);
            pods.iter().for_each(|pod| usage.add(pod));
        }
        Some(usage)
    }

    /// Whether the API server serves a kind that an extension brings. Asks nothing that is not known already.
    pub(super) async fn serves(&mut self, kind: &str, group: &str) -> bool {
        self.cluster
            .resource_types()
            .await
            .is_ok_and(|types| types.iter().any(|t| t.kind == kind && t.group == group))
    }

    /// Reads a namespace's workloads, events and what stands around them.
    pub(super) async fn namespace(&mut self, namespace: &str) {
        let mut wanted = Vec::new();
        for kind in NAMESPACED.into_iter().chain(BESIDE) {
            if self.objects.is_complete(kind, namespace) {
                continue;
            }
            match self.resource_type(kind, "").await {
                Some(resource) => wanted.push((kind, resource)),
                None => self.blind |= !BESIDE.contains(&kind),
            }
        }
        let cluster = self.cluster;
        let outcomes = join_all(wanted.iter().map(|(_, resource)| {
            let query = ListQuery {
                namespace: Some(namespace.to_owned()),
                limit: Some(PAGE),
                ..ListQuery::default()
            };
            read_list(cluster, resource, query)
        }))
        .await;
        for ((kind, _), outcome) in wanted.iter().zip(outcomes) {
            self.absorb(kind, namespace, true, outcome);
        }
        self.objects.settle();
    }

    /// Reads logs; those that do not exist are left out.
    pub(super) async fn logs(&mut self, wanted: Vec<LogKey>) {
        let cluster = self.cluster;
        let wanted: Vec<LogKey> =
            wanted.into_iter().filter(|key| !self.logs.contains_key(key)).collect();
        let outcomes = join_all(wanted.iter().map(|key| async move {
            let query = LogQuery {
                namespace: key.namespace.clone(),
                pod: key.pod.clone(),
                container: Some(key.container.clone()),
                previous: key.previous,
                tail_lines: Some(LOG_LINES),
                since_seconds: None,
                limit_bytes: LOG_BYTES,
            };
            cluster.logs(&query).await
        }))
        .await;
        for (key, outcome) in wanted.into_iter().zip(outcomes) {
            match outcome {
                Ok(log) if !log.trim().is_empty() => {
                    self.logs.insert(key, log);
                }
                // A container that has not started, or whose log is gone, is no lack of access.
                Ok(_) | Err(ClusterError::NotFound(_) | ClusterError::Invalid(_)) => {}
                Err(error) => {
                    self.failed(&format!("the log of {}/{}", key.pod, key.container), &error);
                }
            }
        }
    }
}

/// Reads pages until the end; keeps what came before an error.
async fn read_list(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    mut query: ListQuery,
) -> (Vec<Value>, Result<(), ClusterError>) {
    let mut items = Vec::new();
    for _ in 0..MAX_PAGES {
        match cluster.list(resource, &query).await {
            Ok(page) => {
                items.extend(page.items);
                if page.continue_token.is_none() {
                    return (items, Ok(()));
                }
                query.continue_token = page.continue_token;
            }
            Err(error) => return (items, Err(error)),
        }
    }
    let why = format!("only the first {} were read", items.len());
    (items, Err(ClusterError::Invalid(why)))
}
