//! A cluster in memory, for the tests of this module.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use leadsman_ports::cluster::{
    Cluster, ClusterError, ListQuery, LogQuery, ObjectList, ObjectRef, ResourceType,
};
use leadsman_ports::redact::Redactor;
use leadsman_ports::testing::NoRedaction;
use serde_json::Value;

use super::collect::{BESIDE, NAMESPACED};
use super::objects::api_version;

/// The kinds that are served beside those that are read of each namespace.
const OTHERS: [&str; 23] = [
    "APIService",
    "ConfigMap",
    "Secret",
    "Node",
    "Namespace",
    "StorageClass",
    "PersistentVolume",
    "ServiceAccount",
    "ControllerRevision",
    "NetworkPolicy",
    "IngressClass",
    "EndpointSlice",
    "Application",
    "Kustomization",
    "HelmRelease",
    "GitRepository",
    "HelmRepository",
    "Certificate",
    "CertificateRequest",
    "Order",
    "Challenge",
    "Issuer",
    "ClusterIssuer",
];
const CLUSTER_SCOPED: [&str; 7] = [
    "APIService",
    "Node",
    "Namespace",
    "StorageClass",
    "PersistentVolume",
    "IngressClass",
    "ClusterIssuer",
];

fn known() -> impl Iterator<Item = &'static str> {
    NAMESPACED.into_iter().chain(BESIDE).chain(OTHERS)
}

fn resource_type(kind: &str) -> ResourceType {
    let (group, version) = api_version(kind).split_once('/').unwrap_or(("", api_version(kind)));
    ResourceType {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
        namespaced: !CLUSTER_SCOPED.contains(&kind),
    }
}

/// Serves the objects it was given, in pages of two so that paging is always under test.
pub(super) struct FakeCluster {
    pub(super) now: Timestamp,
    pub(super) objects: Vec<Value>,
    /// By `namespace/pod/container`, with `/previous` for the log before the restart.
    pub(super) logs: BTreeMap<String, String>,
    /// Kinds that may not be read.
    pub(super) forbidden: Vec<String>,
    /// Set when nothing answers.
    pub(super) down: bool,
    pub(super) page: usize,
    /// Every list that was asked for: kind, namespace and field selector.
    pub(super) lists: Mutex<Vec<(String, String, String)>>,
}

impl FakeCluster {
    pub(super) fn new(objects: Vec<Value>) -> Self {
        Self {
            now: "2026-01-01T12:00:00Z".parse().unwrap(),
            objects,
            logs: BTreeMap::new(),
            forbidden: Vec::new(),
            down: false,
            page: 2,
            lists: Mutex::default(),
        }
    }

    pub(super) fn log(mut self, key: &str, text: &str) -> Self {
        self.logs.insert(key.to_owned(), text.to_owned());
        self
    }

    fn allow(&self, kind: &str) -> Result<(), ClusterError> {
        if self.down {
            Err(ClusterError::Unavailable("connection refused".into()))
        } else if self.forbidden.iter().any(|forbidden| forbidden == kind) {
            Err(ClusterError::Forbidden(format!("may not read {kind}")))
        } else {
            Ok(())
        }
    }
}

fn selected(object: &Value, query: &ListQuery) -> bool {
    let reference = ObjectRef::of(object);
    query.namespace.as_ref().is_none_or(|namespace| *namespace == reference.namespace)
        && query.field_selector.as_ref().is_none_or(|selector| {
            let (path, value) = selector.split_once('=').unwrap();
            let pointer = format!("/{}", path.replace('.', "/"));
            object.pointer(&pointer).and_then(Value::as_str) == Some(value)
        })
}

#[async_trait]
impl Cluster for FakeCluster {
    fn label(&self) -> String {
        "fake".into()
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn redactor(&self) -> Arc<dyn Redactor> {
        Arc::new(NoRedaction)
    }

    async fn resource_types(&self) -> Result<Vec<ResourceType>, ClusterError> {
        Ok(known().map(resource_type).collect())
    }

    async fn resolve(&self, kind: &str, _: Option<&str>) -> Result<ResourceType, ClusterError> {
        if self.down {
            return Err(ClusterError::Unavailable("connection refused".into()));
        }
        let Some(kind) = known().find(|known| known.eq_ignore_ascii_case(kind)) else {
            return Err(ClusterError::UnknownKind { kind: kind.to_owned(), similar: Vec::new() });
        };
        Ok(resource_type(kind))
    }

    async fn get(
        &self,
        resource: &ResourceType,
        namespace: &str,
        name: &str,
    ) -> Result<Value, ClusterError> {
        self.allow(&resource.kind)?;
        self.objects
            .iter()
            .find(|object| {
                let found = ObjectRef::of(object);
                found.kind == resource.kind && found.namespace == namespace && found.name == name
            })
            .cloned()
            .ok_or_else(|| ClusterError::NotFound(name.to_owned()))
    }

    async fn list(
        &self,
        resource: &ResourceType,
        query: &ListQuery,
    ) -> Result<ObjectList, ClusterError> {
        self.allow(&resource.kind)?;
        if query.continue_token.is_none() {
            self.lists.lock().unwrap().push((
                resource.kind.clone(),
                query.namespace.clone().unwrap_or_default(),
                query.field_selector.clone().unwrap_or_default(),
            ));
        }
        let start: usize = query.continue_token.as_ref().map_or(0, |token| token.parse().unwrap());
        let all: Vec<&Value> = self
            .objects
            .iter()
            .filter(|object| object["kind"] == resource.kind.as_str() && selected(object, query))
            .collect();
        let end = all.len().min(start + self.page);
        Ok(ObjectList {
            items: all[start..end].iter().map(|object| (*object).clone()).collect(),
            continue_token: (end < all.len()).then(|| end.to_string()),
            remaining: None,
        })
    }

    async fn logs(&self, query: &LogQuery) -> Result<String, ClusterError> {
        self.allow("Log")?;
        let container = query.container.as_deref().unwrap_or_default();
        let previous = if query.previous { "/previous" } else { "" };
        let key = format!("{}/{}/{container}{previous}", query.namespace, query.pod);
        self.logs.get(&key).cloned().ok_or(ClusterError::NotFound(key))
    }
}
