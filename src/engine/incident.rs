//! The incident under investigation, in the product's own terms.

use std::collections::BTreeMap;

use leadsman_ports::cluster::ObjectRef;
use serde::{Deserialize, Serialize};

/// How bad it is, as the sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Users are hurt.
    Critical,
    /// Users will be hurt.
    High,
    /// Worth a look.
    Warning,
    /// For the record.
    Info,
    /// Not said.
    #[default]
    Unknown,
}

impl Severity {
    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether something has happened or is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalMode {
    /// It has happened.
    #[default]
    Reactive,
    /// It is predicted.
    Proactive,
}

/// What was submitted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Incident {
    /// The sender's name for it.
    pub incident_id: String,
    /// The sender's correlation id.
    pub remediation_id: String,
    /// Alert or event name.
    pub signal_name: String,
    /// Who raised it.
    pub signal_source: String,
    /// See [`Severity`].
    pub severity: Severity,
    /// What it was raised for; any part may be empty.
    pub resource: ObjectRef,
    /// What the sender knows of the error.
    pub error_message: String,
    /// Longer text, if any.
    #[serde(default)]
    pub description: Option<String>,
    /// prod, staging …
    pub environment: String,
    /// P0 … P3
    pub priority: String,
    /// low, medium, high
    pub risk_tolerance: String,
    /// Free text.
    pub business_category: String,
    /// The sender's name for the cluster.
    pub cluster_name: String,
    /// See [`SignalMode`].
    #[serde(default)]
    pub mode: SignalMode,
    /// Set when the sender has seen the signal before.
    #[serde(default)]
    pub duplicate: Option<Duplicate>,
    /// RFC 3339 time of the first firing, as sent.
    #[serde(default)]
    pub firing_time: Option<String>,
    /// Alert labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Alert annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// How often the signal has been seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// Times.
    pub occurrences: u32,
    /// Window in minutes, if said.
    pub window_minutes: Option<u32>,
}
