//! What a client submits. [`IncidentRequest::decode`] reads it with complaints that name every bad field.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Declares a closed set of wire words: the enum, its words in order, and the way back. A word is matched as
/// `tt`, because the schema derive cannot look into a `literal`.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:tt,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word that the wire allows, in documented order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a wire word; `None` for a word that the wire does not allow.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_enum;

wire_enum! {
    /// How bad the signal is, as its sender sees it.
    Severity {
        /// Users are hurt.
        Critical = "critical",
        /// Users will be hurt.
        High = "high",
        /// Worth a look.
        Warning = "warning",
        /// For the record.
        Info = "info",
        /// Not said.
        Unknown = "unknown",
    }
}

wire_enum! {
    /// Whether something has happened or is predicted. Absent means reactive.
    SignalMode {
        /// It has happened.
        Reactive = "reactive",
        /// It is predicted.
        Proactive = "proactive",
    }
}

/// An incident to investigate. Unknown keys are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentRequest {
    /// The sender's name for the incident; must not be empty.
    #[schema(max_length = 1024)]
    pub incident_id: String,
    /// The sender's correlation id; must not be empty.
    #[schema(min_length = 1, max_length = 1024)]
    pub remediation_id: String,
    /// Alert or event name.
    #[schema(max_length = 1024)]
    pub signal_name: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who raised the signal.
    #[schema(max_length = 1024)]
    pub signal_source: String,
    /// Namespace of the resource; empty for a cluster-scoped one.
    #[schema(max_length = 1024)]
    pub resource_namespace: String,
    /// Kind of the resource, e.g. `Deployment`.
    #[schema(max_length = 1024)]
    pub resource_kind: String,
    /// Name of the resource.
    #[schema(max_length = 1024)]
    pub resource_name: String,
    /// API version of the resource, e.g. `apps/v1`. Clients older than 1.5.6 do not send it; empty then.
    #[serde(default, deserialize_with = "null_as_default")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    pub resource_api_version: String,
    /// What the sender knows of the error; may be empty.
    #[schema(max_length = 262_144)]
    pub error_message: String,
    /// Longer text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 262_144)]
    pub description: Option<String>,
    /// E.g. production, staging.
    #[schema(max_length = 1024)]
    pub environment: String,
    /// E.g. P0 … P3.
    #[schema(max_length = 1024)]
    pub priority: String,
    /// E.g. low, medium, high.
    #[schema(max_length = 1024)]
    pub risk_tolerance: String,
    /// Free text.
    #[schema(max_length = 1024)]
    pub business_category: String,
    /// The sender's name for the cluster.
    #[schema(max_length = 1024)]
    pub cluster_name: String,
    /// Whether the sender has seen the signal before.
    #[serde(default, deserialize_with = "null_as_default")]
    #[schema(value_type = Option<bool>, default = false)]
    pub is_duplicate: bool,
    /// How often the sender has seen the signal.
    #[serde(default, deserialize_with = "null_as_default")]
    #[schema(value_type = Option<i64>, default = 0)]
    pub occurrence_count: i64,
    /// The window in which occurrences were counted, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication_window_minutes: Option<i64>,
    /// When the signal fired, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub firing_time: Option<String>,
    /// When the sender received it, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub received_time: Option<String>,
    /// First occurrence, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub first_seen: Option<String>,
    /// Last occurrence, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub last_seen: Option<String>,
    /// Alert labels.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub signal_labels: BTreeMap<String, String>,
    /// Alert annotations.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub signal_annotations: BTreeMap<String, String>,
    /// What the sender has found out about the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrichment_results: Option<EnrichmentResults>,
    /// Whether it has happened or is predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal_mode: Option<SignalMode>,
    /// Whether a person wants to drive the session.
    #[serde(default, deserialize_with = "null_as_default")]
    #[schema(value_type = Option<bool>, default = false)]
    pub interactive: bool,
}

/// What the sender has found out about the resource.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrichmentResults {
    /// Free-form facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_context: Option<Map<String, Value>>,
    /// Labels of the sender's own making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_labels: Option<BTreeMap<String, Vec<String>>>,
    /// Whom it matters to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_classification: Option<BusinessClassification>,
}

/// Whom the resource matters to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusinessClassification {
    /// The unit that pays for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_unit: Option<String>,
    /// The team that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_owner: Option<String>,
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criticality: Option<String>,
    /// What was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_requirement: Option<String>,
}

/// The wire lets a client write `null` for a field that has a default.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
