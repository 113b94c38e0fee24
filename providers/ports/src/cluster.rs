//! A Kubernetes cluster, read-only: a live one or a snapshot.
//!
//! Objects that come out of this port are plain API JSON, already stripped of `last-applied-configuration` and
//! already redacted; what is worth knowing of `managedFields` stands in `metadata.changes`
//! ([`FieldChange`](crate::condensed::FieldChange)). Nothing above this port ever sees a secret value.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::redact::Redactor;

/// A kind that the API server serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceType {
    /// API group, `""` for the core group.
    pub group: String,
    /// Version, e.g. `v1`.
    pub version: String,
    /// `Deployment`
    pub kind: String,
    /// `deployments`
    pub plural: String,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
}

impl ResourceType {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// Names one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `apps/v1`; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Empty for cluster-scoped objects.
    #[serde(default)]
    pub namespace: String,
    /// Object name.
    pub name: String,
}

impl ObjectRef {
    /// Reads apiVersion, kind and metadata of an API object; missing parts become empty strings.
    pub fn of(object: &Value) -> Self {
        let text = |pointer: &str| {
            object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Self {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        }
    }
}

/// `Pod shop/cart-0`, or `Node worker-1` for cluster-scoped objects.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// `None` lists all namespaces.
    pub namespace: Option<String>,
    /// Kubernetes label selector syntax.
    pub label_selector: Option<String>,
    /// Kubernetes field selector syntax.
    pub field_selector: Option<String>,
    /// Page size in objects.
    pub limit: Option<u32>,
    /// Token of the previous page.
    pub continue_token: Option<String>,
}

/// One page of a list. Every item has its `apiVersion` and `kind` filled in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObjectList {
    /// The objects in the server's order.
    pub items: Vec<Value>,
    /// Present when there is a further page.
    pub continue_token: Option<String>,
    /// How many follow this page, if the server says.
    pub remaining: Option<u64>,
}

/// Which log to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Namespace of the pod.
    pub namespace: String,
    /// Pod name.
    pub pod: String,
    /// Needed when the pod has several containers.
    pub container: Option<String>,
    /// The terminated predecessor of the container.
    pub previous: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<u32>,
    /// Only lines younger than this, in seconds.
    pub since_seconds: Option<u32>,
    /// Hard ceiling of the fetch in bytes; the adapter keeps the newest bytes.
    pub limit_bytes: u32,
}

/// A version of an API group that the API server offers and cannot serve: its aggregated API server is down, hangs, or
/// is gone while its registration stayed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnavailableGroup {
    /// API group, e.g. `metrics.k8s.io`.
    pub group: String,
    /// Version, e.g. `v1beta1`.
    pub version: String,
    /// What the API server said, without secrets.
    pub why: String,
}

impl UnavailableGroup {
    /// `metrics.k8s.io/v1beta1`.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }
}

impl fmt::Display for UnavailableGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the API group {}/{} is not available: {}", self.group, self.version, self.why)
    }
}

/// Why the cluster did not answer. The texts are fit for a model and for an operator, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The object, container or previous log does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// No API group serves such a kind.
    #[error("the cluster serves no kind {kind:?}{}", did_you_mean(.similar))]
    UnknownKind {
        /// As asked.
        kind: String,
        /// Kinds with a similar name.
        similar: Vec<String>,
    },
    /// Several API groups serve the kind.
    #[error("kind {kind:?} exists in several API groups ({}); name one of them as api_group", .groups.join(", "))]
    AmbiguousKind {
        /// As asked.
        kind: String,
        /// The candidates.
        groups: Vec<String>,
    },
    /// RBAC says no.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// 401.
    #[error("the cluster refused the credentials")]
    Unauthorized,
    /// The request makes no sense to the API server.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The server of an aggregated API is down or does not answer, so that nothing of its group can be read.
    #[error("{0}")]
    GroupUnavailable(UnavailableGroup),
    /// No answer within the deadline.
    #[error("the cluster did not answer in time")]
    Timeout,
    /// Connection refused, 5xx, TLS.
    #[error("the cluster is unavailable: {0}")]
    Unavailable(String),
}

fn did_you_mean(similar: &[String]) -> String {
    if similar.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", similar.join(", "))
    }
}

/// Read access to one cluster. Every call has its own deadline inside the adapter.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// For humans: `context prod-eu at https://10.0.0.1:6443`, `snapshot ./dump`.
    fn label(&self) -> String;

    /// The moment that ages count from: now, or the snapshot's `capturedAt`.
    fn now(&self) -> Timestamp;

    /// Masks other text as this cluster's objects are masked: equal secrets alike, and the values of the Secrets
    /// that were read from it wherever they occur.
    fn redactor(&self) -> Arc<dyn Redactor>;

    /// Every kind the API serves, preferred versions only.
    async fn resource_types(&self) -> Result<Vec<ResourceType>, ClusterError>;

    /// The groups that the API server offered and could not serve when its kinds were read last. Asks nothing.
    fn unavailable_groups(&self) -> Vec<UnavailableGroup> {
        Vec::new()
    }

    /// Finds a kind by kind, plural, singular or short name (`Deployment`, `deploy`), in any letter case.
    /// `group` may be a group (`apps`) or an apiVersion (`apps/v1`).
    async fn resolve(&self, kind: &str, group: Option<&str>) -> Result<ResourceType, ClusterError>;

    /// One object. `namespace` is ignored for cluster-scoped kinds.
    async fn get(
        &self,
        resource: &ResourceType,
        namespace: &str,
        name: &str,
    ) -> Result<Value, ClusterError>;

    /// One page of objects.
    async fn list(
        &self,
        resource: &ResourceType,
        query: &ListQuery,
    ) -> Result<ObjectList, ClusterError>;

    /// A container's log, redacted.
    async fn logs(&self, query: &LogQuery) -> Result<String, ClusterError>;
}
