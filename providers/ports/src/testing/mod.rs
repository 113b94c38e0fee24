//! Fakes for tests, and the suites that every implementation of a port must pass.

pub mod audit_conformance;
pub mod store_conformance;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::chat::{ChatModel, ChatRequest, ChatResponse, DeltaSink, ModelError};
use crate::clock::Clock;
use crate::cluster::{Cluster, ClusterError, ListQuery, LogQuery, ObjectList, ResourceType};
use crate::redact::Redactor;

/// A clock that stands where it is put.
#[derive(Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A model that answers from a list and keeps the requests it got.
#[derive(Debug, Default)]
pub struct ScriptedModel {
    answers: Mutex<VecDeque<Result<ChatResponse, ModelError>>>,
    requests: Mutex<Vec<ChatRequest>>,
}

impl ScriptedModel {
    /// Answers in this order; a call past the end fails with [`ModelError::Unavailable`].
    pub fn new(answers: impl IntoIterator<Item = Result<ChatResponse, ModelError>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), requests: Mutex::default() }
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn model(&self) -> &str {
        "scripted"
    }

    async fn complete(
        &self,
        request: &ChatRequest,
        _deltas: Option<&dyn DeltaSink>,
    ) -> Result<ChatResponse, ModelError> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
            .unwrap_or_else(|| Err(ModelError::Unavailable("the script has ended".into())))
    }
}

/// A model that never answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct HangingModel;

#[async_trait]
impl ChatModel for HangingModel {
    fn model(&self) -> &str {
        "hanging"
    }

    async fn complete(
        &self,
        _: &ChatRequest,
        _: Option<&dyn DeltaSink>,
    ) -> Result<ChatResponse, ModelError> {
        std::future::pending().await
    }
}

/// Leaves text as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRedaction;

impl Redactor for NoRedaction {
    fn text(&self, text: &str) -> String {
        text.to_owned()
    }

    fn value(&self, _: &str, value: &str) -> String {
        value.to_owned()
    }
}

/// A cluster that nobody reaches: every call times out at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnreachableCluster;

#[async_trait]
impl Cluster for UnreachableCluster {
    fn label(&self) -> String {
        "unreachable".to_owned()
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn redactor(&self) -> Arc<dyn Redactor> {
        Arc::new(NoRedaction)
    }

    async fn resource_types(&self) -> Result<Vec<ResourceType>, ClusterError> {
        Err(ClusterError::Timeout)
    }

    async fn resolve(&self, _: &str, _: Option<&str>) -> Result<ResourceType, ClusterError> {
        Err(ClusterError::Timeout)
    }

    async fn get(&self, _: &ResourceType, _: &str, _: &str) -> Result<Value, ClusterError> {
        Err(ClusterError::Timeout)
    }

    async fn list(&self, _: &ResourceType, _: &ListQuery) -> Result<ObjectList, ClusterError> {
        Err(ClusterError::Timeout)
    }

    async fn logs(&self, _: &LogQuery) -> Result<String, ClusterError> {
        Err(ClusterError::Timeout)
    }
}
