//! What comes out of an investigation.
//!
//! The keys up to `alignment_verdict` are Kubernaut's and keep its omission rules; the keys after it are
//! Leadsman's own, and a client that does not know them skips them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::incident::wire_enum;
use crate::root_cause::{DetectedLabels, RemediationTarget, RootCauseAnalysis};
use crate::workflow::{AlternativeWorkflow, SelectedWorkflow, ValidationAttempt};

wire_enum! {
    /// Why a person has to look.
    HumanReviewReason {
        /// The chosen workflow is not in the catalogue.
        WorkflowNotFound = "workflow_not_found",
        /// What would be executed is not what the catalogue says.
        ImageMismatch = "image_mismatch",
        /// The workflow's parameters do not validate.
        ParameterValidationFailed = "parameter_validation_failed",
        /// No workflow fits.
        NoMatchingWorkflows = "no_matching_workflows",
        /// The choice is too unsure.
        LowConfidence = "low_confidence",
        /// The model's answer could not be read.
        LlmParsingError = "llm_parsing_error",
        /// No root cause was established.
        InvestigationInconclusive = "investigation_inconclusive",
        /// The root cause analysis ended early.
        RcaIncomplete = "rca_incomplete",
        /// The run looked manipulated.
        AlignmentCheckFailed = "alignment_check_failed",
        /// An operator asked for it.
        OperatorEscalation = "operator_escalation",
        /// A decision was not made in time.
        DecisionExpired = "decision_expired",
    }
}

wire_enum! {
    /// What the investigation means for the incident.
    InvestigationOutcome {
        /// There is something to do.
        Actionable = "actionable",
        /// The signal is real, and nothing should be done.
        NotActionable = "not_actionable",
        /// The problem is gone.
        ProblemResolved = "problem_resolved",
        /// The evidence does not suffice for any statement.
        InsufficientData = "insufficient_data",
        /// There are statements, but none that the evidence supports.
        Inconclusive = "inconclusive",
    }
}

wire_enum! {
    /// How well the evidence supports the root cause.
    Verdict {
        /// Every claim is supported.
        Confirmed = "confirmed",
        /// The main claim is supported.
        Likely = "likely",
        /// No claim is supported.
        Inconclusive = "inconclusive",
    }
}

/// The result of an investigation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct IncidentResponse {
    /// As in the request.
    pub incident_id: String,
    /// The root cause in words.
    pub analysis: String,
    /// The root cause in parts; `{}` when there is none.
    pub root_cause_analysis: RootCauseAnalysis,
    /// How sure, 0 to 1: of the workflow when one is selected, of the root cause otherwise.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// RFC 3339 in whole seconds UTC.
    pub timestamp: String,
    /// Whether a person has to look.
    #[serde(default)]
    #[schema(default = false)]
    pub needs_human_review: bool,
    /// Why; only with `needs_human_review`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_review_reason: Option<HumanReviewReason>,
    /// Whether anything should be done, where that was derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_actionable: Option<bool>,
    /// The recommended workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_workflow: Option<SelectedWorkflow>,
    /// What a reader should know; clients match on some of these texts.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Workflows that were considered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternative_workflows: Vec<AlternativeWorkflow>,
    /// How the selected workflow was validated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_attempts_history: Vec<ValidationAttempt>,
    /// How the target is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_labels: Option<DetectedLabels>,
    /// Whether the run looked manipulated, where that was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment_verdict: Option<AlignmentVerdict>,

    /// The root cause in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub root_cause: Option<String>,
    /// What the result means for the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub investigation_outcome: Option<InvestigationOutcome>,
    /// The same as a plain answer: should anything be done?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub actionable: Option<bool>,
    /// What to fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remediation_target: Option<RemediationTarget>,
    /// How well the evidence supports the root cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub verdict: Option<Verdict>,
    /// The quotes that support it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Citation>,
    /// Whether the answer was made without a model.
    #[serde(default)]
    #[schema(default = false)]
    pub degraded: bool,
    /// Set when a budget or a cancellation ended the run early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub partial: Option<Partial>,
    /// Every explanation that was considered, and what decided it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hypotheses: Vec<Hypothesis>,
    /// What a person could do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next_steps: Vec<String>,
    /// What the run cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<Usage>,
}

impl IncidentResponse {
    /// The result of a run that failed. `cause` is shown to the client.
    pub fn failed(incident_id: &str, timestamp: &str, cause: &str) -> Self {
        let analysis = format!("Investigation failed: {cause}");
        let mut response = Self::without_findings(incident_id, timestamp, analysis);
        response.needs_human_review = true;
        response.human_review_reason = Some(HumanReviewReason::InvestigationInconclusive);
        response.conform();
        response
    }

    /// The result of a run that was cancelled before it found anything.
    pub fn cancelled(incident_id: &str, timestamp: &str) -> Self {
        Self::without_findings(incident_id, timestamp, "Investigation cancelled".to_owned())
    }

    /// The result of a run that completed and left nothing. Clients match on this text.
    pub fn without_result(incident_id: &str, timestamp: &str) -> Self {
        let analysis = "Investigation completed without result".to_owned();
        Self::without_findings(incident_id, timestamp, analysis)
    }

    fn without_findings(incident_id: &str, timestamp: &str, analysis: String) -> Self {
        Self {
            incident_id: incident_id.to_owned(),
            analysis,
            timestamp: timestamp.to_owned(),
            ..Self::default()
        }
    }

    /// Brings the response in line with the rules that strict clients enforce: confidences are numbers from
    /// 0 to 1, a reason stands only beside `needs_human_review`, a review always comes with a warning, and
    /// validation attempts count from 1. The server applies it to every result.
    pub fn conform(&mut self) {
        clamp(&mut self.confidence);
        if let Some(workflow) = &mut self.selected_workflow {
            clamp(&mut workflow.confidence);
        }
        for alternative in &mut self.alternative_workflows {
            clamp(&mut alternative.confidence);
        }
        for attempt in &mut self.validation_attempts_history {
            attempt.attempt = attempt.attempt.max(1);
        }
        if self.needs_human_review {
            let reason = *self
                .human_review_reason
                .get_or_insert(HumanReviewReason::InvestigationInconclusive);
            if self.warnings.is_empty() {
                self.warnings.push(format!("Human review required: {reason}"));
            }
        } else {
            self.human_review_reason = None;
        }
    }
}

fn clamp(confidence: &mut f64) {
    *confidence = if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) };
}

/// A quote from a tool's output that supports the root cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Citation {
    /// Names the tool output within the investigation, e.g. `E3`.
    pub id: String,
    /// The tool that produced it.
    pub tool: String,
    /// What the tool was asked.
    #[schema(value_type = Object)]
    pub arguments: Value,
    /// The exact words.
    pub quote: String,
}

/// Why a run ended before it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Partial {
    /// In words: which budget ran out, or that it was cancelled.
    pub reason: String,
}

/// What a run cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Tokens sent to the model, cached ones included.
    pub prompt_tokens: u64,
    /// Tokens that the model wrote.
    pub completion_tokens: u64,
    /// Sent tokens that the provider had cached.
    pub cached_tokens: u64,
    /// Model turns.
    pub model_turns: u32,
    /// Tool calls.
    pub tool_calls: u32,
    /// From acceptance to the end, in milliseconds.
    pub duration_ms: u64,
}

wire_enum! {
    /// Where an explanation stands.
    HypothesisStatus {
        /// Not decided.
        Open = "open",
        /// Evidence speaks for it.
        Supported = "supported",
        /// Evidence rules it out.
        Refuted = "refuted",
    }
}

/// A possible explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hypothesis {
    /// What may be the case.
    pub statement: String,
    /// What would decide it, or did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub test: String,
    /// Where it stands.
    pub status: HypothesisStatus,
    /// Quotes that decided it; every one was found in its evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<HypothesisEvidence>,
}

/// A quote for or against a hypothesis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HypothesisEvidence {
    /// Evidence id.
    pub id: String,
    /// The exact words.
    pub quote: String,
}

wire_enum! {
    /// Whether a run looked manipulated.
    AlignmentResult {
        /// It did not.
        Aligned = "aligned",
        /// It did.
        Suspicious = "suspicious",
    }
}

wire_enum! {
    /// What kind of step a finding is about.
    AlignmentStepKind {
        /// The model's own words.
        LlmReasoning = "llm_reasoning",
        /// A tool's output.
        ToolResult = "tool_result",
        /// The submitted signal.
        SignalInput = "signal_input",
    }
}

/// The outcome of checking the run for manipulation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlignmentVerdict {
    /// Whether it looked manipulated.
    pub result: AlignmentResult,
    /// Whether the run was stopped for it.
    #[serde(default)]
    #[schema(default = false)]
    pub circuit_breaker_activated: bool,
    /// In words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Steps that looked manipulated.
    pub flagged: u32,
    /// Steps that were checked.
    pub total: u32,
    /// One for each flagged step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<AlignmentFinding>,
}

/// One step that looked manipulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlignmentFinding {
    /// Its place in the run, from 0.
    pub step_index: u32,
    /// What it was.
    pub step_kind: AlignmentStepKind,
    /// The tool, for a tool's output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// Why it looked manipulated.
    pub explanation: String,
}
