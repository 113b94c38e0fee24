//! Tells the operator of a foreground run which endpoint fails and why. Results speak to clients and leave both
//! out; whoever runs the command has configured the endpoint and reads standard error, not a log.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use leadsman_ports::chat::{ChatModel, ChatRequest, ChatResponse, DeltaSink, ModelError};
use leadsman_ports::cluster::{
    Cluster, ClusterError, ListQuery, LogQuery, ObjectList, ResourceType,
};
use leadsman_ports::redact::Redactor;
use leadsman_ports::tool::{Tool, ToolError, ToolSpec};
use serde_json::Value;

use crate::config::mask;

/// The most different outages that one run tells.
const MOST: usize = 20;

/// Where outages are told.
#[derive(Clone)]
pub(super) struct Outages {
    told: Arc<Mutex<BTreeSet<String>>>,
    tell: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Outages {
    pub(super) fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { told: Arc::default(), tell: Arc::new(tell) }
    }

    /// Watches a cluster.
    pub(super) fn of_cluster(&self, cluster: Arc<dyn Cluster>) -> Arc<dyn Cluster> {
        Arc::new(WatchedCluster { inner: cluster, outages: self.clone() })
    }

    /// Watches the model at an endpoint.
    pub(super) fn of_model(
        &self,
        model: Arc<dyn ChatModel>,
        endpoint: Option<&str>,
    ) -> Arc<dyn ChatModel> {
        let at = endpoint.map(mask::url).unwrap_or_default();
        Arc::new(WatchedModel { inner: model, at, outages: self.clone() })
    }

    /// Watches the tools that ask a Prometheus.
    pub(super) fn of_metrics(
        &self,
        tools: Vec<Arc<dyn Tool>>,
        url: Option<&str>,
    ) -> Vec<Arc<dyn Tool>> {
        let at = url.map(mask::url).unwrap_or_default();
        let watched = |tool| {
            Arc::new(WatchedTool { inner: tool, at: at.clone(), outages: self.clone() }) as Arc<_>
        };
        tools.into_iter().map(watched).collect()
    }

    /// Says it once.
    fn tell(&self, outage: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST && told.insert(outage.clone()) {
            drop(told);
            (self.tell)(&outage);
        }
    }
}

struct WatchedCluster {
    inner: Arc<dyn Cluster>,
    outages: Outages,
}

impl WatchedCluster {
    /// Tells an outage; what the cluster answered, be it a refusal, is a matter of the investigation.
    fn heard<T>(&self, answer: Result<T, ClusterError>) -> Result<T, ClusterError> {
        if let Err(error) = &answer {
            match error {
                ClusterError::Unauthorized
                | ClusterError::Timeout
                | ClusterError::Unavailable(_) => {
                    self.outages.tell(format!("cluster {}: {error}", self.inner.label()));
                }
                ClusterError::NotFound(_)
                | ClusterError::UnknownKind { .. }
                | ClusterError::AmbiguousKind { .. }
                | ClusterError::Forbidden(_)
                | ClusterError::GroupUnavailable(_)
                | ClusterError::Invalid(_) => {}
            }
        }
        answer
    }
}

#[async_trait]
impl Cluster for WatchedCluster {
    fn label(&self) -> String {
        self.inner.label()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn redactor(&self) -> Arc<dyn Redactor> {
        self.inner.redactor()
    }

    async fn resource_types(&self) -> Result<Vec<ResourceType>, ClusterError> {
        self.heard(self.inner.resource_types().await)
    }

    async fn resolve(&self, kind: &str, group: Option<&str>) -> Result<ResourceType, ClusterError> {
        self.heard(self.inner.resolve(kind, group).await)
    }

    async fn get(
        &self,
        resource: &ResourceType,
        namespace: &str,
        name: &str,
    ) -> Result<Value, ClusterError> {
        self.heard(self.inner.get(resource, namespace, name).await)
    }

    async fn list(
        &self,
        resource: &ResourceType,
        query: &ListQuery,
    ) -> Result<ObjectList, ClusterError> {
        self.heard(self.inner.list(resource, query).await)
    }

    async fn logs(&self, query: &LogQuery) -> Result<String, ClusterError> {
        self.heard(self.inner.logs(query).await)
    }
}

struct WatchedModel {
    inner: Arc<dyn ChatModel>,
    at: String,
    outages: Outages,
}

#[async_trait]
impl ChatModel for WatchedModel {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn complete(
        &self,
        request: &ChatRequest,
        deltas: Option<&dyn DeltaSink>,
    ) -> Result<ChatResponse, ModelError> {
        let answer = self.inner.complete(request, deltas).await;
        if let Err(error) = &answer {
            self.outages.tell(format!("model {} at {}: {error}", self.inner.model(), self.at));
        }
        answer
    }
}

struct WatchedTool {
    inner: Arc<dyn Tool>,
    at: String,
    outages: Outages,
}

#[async_trait]
impl Tool for WatchedTool {
    fn spec(&self) -> &ToolSpec {
        self.inner.spec()
    }

    async fn call(&self, arguments: Value) -> Result<String, ToolError> {
        let answer = self.inner.call(arguments).await;
        if let Err(ToolError::Failed(problem)) = &answer {
            self.outages.tell(format!("prometheus at {}: {problem}", self.at));
        }
        answer
    }
}
