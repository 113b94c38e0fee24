//! Remediation workflows as a result names them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The workflow that the investigation recommends. Keys without content are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct SelectedWorkflow {
    /// Catalogue id, a UUID.
    pub workflow_id: String,
    /// The kind of action it performs, e.g. `RestartPod`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action_type: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// How sure the choice is, 0 to 1.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// Why this one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rationale: String,
    /// Its parameters, with the target's coordinates among them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    /// What is executed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub execution_bundle: String,
    /// Digest of what is executed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub execution_bundle_digest: String,
    /// tekton, job or ansible.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub execution_engine: String,
    /// Whom it runs as.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_account_name: String,
}

/// A workflow that was considered and not chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlternativeWorkflow {
    /// Catalogue id.
    pub workflow_id: String,
    /// What would be executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_bundle: Option<String>,
    /// How sure the choice would be, 0 to 1.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// Why it was considered and why not chosen.
    pub rationale: String,
}

/// One attempt at validating the chosen workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidationAttempt {
    /// Counted from 1.
    #[schema(minimum = 1)]
    pub attempt: u32,
    /// What was validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// Whether it passed.
    pub is_valid: bool,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// RFC 3339.
    pub timestamp: String,
}
