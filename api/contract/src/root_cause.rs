//! The root cause and what was found out about its target. Keys without content are left out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::incident::Severity;

/// Why it happened.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct RootCauseAnalysis {
    /// The root cause in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Stable machine code from the catalogue of causes, e.g. `container.oom_killed`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// How bad the root cause is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub severity: Option<Severity>,
    /// What to fix. Camel case on the wire, unlike its neighbours.
    #[serde(rename = "remediationTarget", default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remediation_target: Option<RemediationTarget>,
    /// The name that the signal should have had.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signal_name: String,
    /// What made it possible or worse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contributing_factors: Vec<String>,
    /// From the root cause to the symptom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causal_chain: Vec<String>,
    /// How the investigator checked itself.
    #[serde(default, skip_serializing_if = "DueDiligence::is_empty")]
    pub due_diligence: DueDiligence,
}

/// The resource to fix. An unknown part is an empty string; `api_version` is left out then.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RemediationTarget {
    /// E.g. `Deployment`.
    #[serde(default)]
    pub kind: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its namespace; empty for a cluster-scoped resource.
    #[serde(default)]
    pub namespace: String,
    /// E.g. `apps/v1`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
}

/// Eight questions that the investigator answers about its own work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DueDiligence {
    /// Does the chain reach from cause to symptom?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub causal_completeness: String,
    /// Is the target the thing to fix?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target_accuracy: String,
    /// Does the evidence suffice?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub evidence_sufficiency: String,
    /// What else could it be?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alternative_hypotheses: String,
    /// Was everything affected looked at?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope_completeness: String,
    /// Is the remedy in proportion?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proportionality: String,
    /// Has this happened before?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub regression_awareness: String,
    /// Does the confidence fit the evidence?
    #[serde(skip_serializing_if = "String::is_empty")]
    pub confidence_calibration: String,
}

impl DueDiligence {
    /// Whether no question was answered.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was detected about how the target is run. A false or empty value is left out; for a detector that
/// failed it means "unknown", and the detector is listed in `failedDetections`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DetectedLabels {
    /// Argo CD or Flux owns it.
    #[serde(skip_serializing_if = "is_false")]
    pub git_ops_managed: bool,
    /// argocd or flux.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_ops_tool: String,
    /// A HorizontalPodAutoscaler scales it.
    #[serde(skip_serializing_if = "is_false")]
    pub hpa_enabled: bool,
    /// A PodDisruptionBudget guards it.
    #[serde(skip_serializing_if = "is_false")]
    pub pdb_protected: bool,
    /// It keeps state.
    #[serde(skip_serializing_if = "is_false")]
    pub stateful: bool,
    /// Helm installed it.
    #[serde(skip_serializing_if = "is_false")]
    pub helm_managed: bool,
    /// A NetworkPolicy isolates it.
    #[serde(skip_serializing_if = "is_false")]
    pub network_isolated: bool,
    /// A ResourceQuota bounds it.
    #[serde(skip_serializing_if = "is_false")]
    pub resource_quota_constrained: bool,
    /// It is a virtual machine.
    #[serde(skip_serializing_if = "is_false")]
    pub virtual_machine: bool,
    /// The virtual machine can migrate while running.
    #[serde(skip_serializing_if = "is_false")]
    pub live_migratable: bool,
    /// The Containerized Data Importer manages its disks.
    #[serde(skip_serializing_if = "is_false")]
    pub cdi_managed: bool,
    /// istio or linkerd.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_mesh: String,
    /// odf-ceph, lvms or local.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub storage_backend: String,
    /// Detectors that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_detections: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_false(value: &bool) -> bool {
    !value
}
