//! The catalogue of remediation workflows (Kubernaut's DataStorage is the model, reference §3.1).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What the catalogue is filtered by; taken from the incident and the root cause, never from a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkflowQuery {
    /// critical, high, warning, info
    pub severity: String,
    /// `<apiVersion>/<Kind>` of the root cause's target.
    pub component: String,
    /// As in the incident.
    pub environment: String,
    /// P0 … P3
    pub priority: String,
    /// As in the incident.
    pub remediation_id: String,
}

/// A kind of action with the number of workflows that perform it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionType {
    /// Stable name, e.g. `RestartPod`.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// How many workflows perform it.
    pub workflow_count: u32,
}

/// One workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Catalogue id.
    pub id: Uuid,
    /// Human name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Version.
    pub version: String,
    /// The action it performs.
    pub action_type: String,
    /// tekton, job, ansible
    pub execution_engine: Option<String>,
    /// What is executed.
    pub execution_bundle: Option<String>,
    /// JSON Schema of its parameters, if it declares any.
    pub parameters: Option<Value>,
}

/// Why the catalogue did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Network, 5xx.
    #[error("the workflow catalogue is unavailable: {0}")]
    Unavailable(String),
    /// No such workflow, or filtered out.
    #[error("no workflow {0}")]
    NotFound(Uuid),
}

/// The catalogue.
#[async_trait]
pub trait WorkflowCatalog: Send + Sync {
    /// The actions that fit the query.
    async fn actions(&self, query: &WorkflowQuery) -> Result<Vec<ActionType>, CatalogError>;
    /// The workflows that perform an action.
    async fn workflows(
        &self,
        query: &WorkflowQuery,
        action_type: &str,
    ) -> Result<Vec<Workflow>, CatalogError>;
    /// One workflow.
    async fn workflow(&self, query: &WorkflowQuery, id: Uuid) -> Result<Workflow, CatalogError>;
}

/// The catalogue of an installation that has none configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCatalog;

#[async_trait]
impl WorkflowCatalog for NoCatalog {
    async fn actions(&self, _: &WorkflowQuery) -> Result<Vec<ActionType>, CatalogError> {
        Ok(Vec::new())
    }
    async fn workflows(&self, _: &WorkflowQuery, _: &str) -> Result<Vec<Workflow>, CatalogError> {
        Ok(Vec::new())
    }
    async fn workflow(&self, _: &WorkflowQuery, id: Uuid) -> Result<Workflow, CatalogError> {
        Err(CatalogError::NotFound(id))
    }
}
