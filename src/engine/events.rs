//! The journal's events: one closed enum from which everything else is folded.

use jiff::Timestamp;
use leadsman_ports::chat::{ChatResponse, ToolCall};
use leadsman_ports::cluster::ObjectRef;
use serde::{Deserialize, Serialize};

use super::budget::Limits;
use super::evidence::Evidence;
use super::hypotheses::Hypothesis;
use super::incident::Incident;
use super::verdict::{Conclusion, Proposal};
use crate::triage::TriageReport;

/// The parts of an investigation, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Rules over the target and its neighbourhood; no model.
    Triage,
    /// The model asks the cluster and submits a root cause.
    RootCause,
    /// The proposed target is looked up and its owner resolved.
    Enrichment,
    /// A remediation workflow is looked for.
    WorkflowSelection,
}

impl Phase {
    /// The wire name. The root-cause phase is `rca`, as controllers know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::RootCause => "rca",
            Self::Enrichment => "enrichment",
            Self::WorkflowSelection => "workflow_selection",
        }
    }
}

/// What came of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// It ran and its output is evidence.
    Answered,
    /// It did not run, or ran without a result; the text says why.
    Failed,
}

/// Something that happened in an investigation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The incident was accepted; always the first event.
    Submitted {
        /// What was submitted.
        incident: Box<Incident>,
        /// The budget that it runs under, fixed at acceptance.
        limits: Limits,
        /// The model that will investigate; `None` leaves it to the rules.
        model: Option<String>,
    },
    /// A process took the investigation over from one that ended in the middle.
    Resumed,
    /// The process ends on purpose; another one will go on.
    Checkpointed,
    /// A phase began.
    PhaseStarted {
        /// Which one.
        phase: Phase,
    },
    /// Triage or enrichment read something from the cluster.
    EvidenceCollected {
        /// What it read.
        evidence: Evidence,
    },
    /// The rules have spoken.
    TriageCompleted {
        /// What they found.
        report: TriageReport,
    },
    /// The possible explanations and where they stand; the whole list each time.
    HypothesesChanged {
        /// In the order of their author.
        hypotheses: Vec<Hypothesis>,
    },
    /// The cluster did not answer triage.
    TriageFailed {
        /// Fit for users.
        reason: String,
    },
    /// The model answered; the answer may hold tool calls.
    ModelAnswered {
        /// The whole answer.
        response: ChatResponse,
        /// How long it took, in milliseconds.
        latency_ms: u64,
    },
    /// The model did not answer, after all retries.
    ModelFailed {
        /// Fit for users.
        reason: String,
    },
    /// Tools are about to run.
    ToolsCalled {
        /// In the model's order.
        calls: Vec<ToolCall>,
    },
    /// One tool call has its answer.
    ToolAnswered {
        /// The call.
        call_id: String,
        /// The tool's name as called.
        tool: String,
        /// See [`ToolOutcome`].
        outcome: ToolOutcome,
        /// The whole output, where there is one.
        evidence: Option<Evidence>,
        /// What the model gets to see.
        text: String,
        /// How long it took, in milliseconds.
        latency_ms: u64,
    },
    /// The model (or, without one, the rules) proposed a root cause.
    VerdictProposed {
        /// As understood.
        proposal: Proposal,
    },
    /// Code checked the proposal against the evidence.
    VerdictChecked {
        /// What did not hold; empty when all of it did.
        problems: Vec<String>,
        /// Whether the proposal goes on, with what did not hold taken away.
        accepted: bool,
    },
    /// The proposed target was looked up in the cluster.
    TargetResolved {
        /// The target after following its controllers.
        target: ObjectRef,
        /// Whether it exists now; `None` where the cluster did not say.
        exists: Option<bool>,
    },
    /// The workflow catalogue was consulted.
    WorkflowsConsidered {
        /// How many fit.
        matching: u32,
        /// Fit for users, where the catalogue did not answer.
        problem: Option<String>,
    },
    /// The investigation ended with a verdict.
    Completed {
        /// The verdict.
        conclusion: Box<Conclusion>,
    },
    /// The investigation could not be carried out.
    Failed {
        /// Fit for users.
        reason: String,
        /// Where it stood.
        phase: Phase,
    },
    /// The investigation was cancelled; what it knew is kept.
    Cancelled {
        /// Where it stood.
        phase: Phase,
        /// Model turns so far.
        turn: u32,
        /// The best verdict so far.
        conclusion: Box<Conclusion>,
    },
}

impl Event {
    /// Whether nothing can follow it.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Failed { .. } | Self::Cancelled { .. })
    }

    /// Whether it holds what came of a piece of work, rather than that the work has begun: a process that ends before it
    /// leaves that work to be done again.
    pub fn is_outcome(&self) -> bool {
        match self {
            Self::TriageCompleted { .. }
            | Self::TriageFailed { .. }
            | Self::HypothesesChanged { .. }
            | Self::ModelAnswered { .. }
            | Self::ModelFailed { .. }
            | Self::ToolAnswered { .. }
            | Self::VerdictProposed { .. }
            | Self::VerdictChecked { .. }
            | Self::TargetResolved { .. }
            | Self::WorkflowsConsidered { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. } => true,
            Self::Submitted { .. }
            | Self::Resumed
            | Self::Checkpointed
            | Self::PhaseStarted { .. }
            | Self::EvidenceCollected { .. }
            | Self::ToolsCalled { .. } => false,
        }
    }
}

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 …
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}
