//! What is known of a session from outside: a projection of its journal.

use std::sync::Arc;

use jiff::Timestamp;
use leadsman_ports::cluster::ObjectRef;

use crate::engine::events::{Entry, Event, Phase};
use crate::engine::hypotheses::HypothesisStatus;
use crate::engine::incident::Incident;
use crate::engine::verdict::Conclusion;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Accepted, not begun.
    Pending,
    /// At work.
    Investigating,
    /// Ended with a verdict.
    Completed,
    /// Ended without one.
    Failed,
    /// Cancelled by somebody.
    Cancelled,
}

impl State {
    /// Whether nothing will change any more.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Investigating => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// A session at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// See [`State`].
    pub state: State,
    /// Current phase.
    pub phase: Phase,
    /// What was submitted.
    pub incident: Arc<Incident>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Time of the last entry.
    pub last_activity: Timestamp,
    /// Number of the last entry.
    pub last_seq: u64,
    /// Model turns.
    pub turns: u32,
    /// Tool calls.
    pub tool_calls: u32,
    /// Pieces of evidence.
    pub evidence: u32,
    /// What happened last, for humans.
    pub message: String,
    /// Why it failed, fit for users.
    pub error: Option<String>,
    /// The verdict.
    pub conclusion: Option<Arc<Conclusion>>,
}

impl View {
    /// A session that was accepted just now.
    pub fn new(at: Timestamp) -> Self {
        Self {
            state: State::Pending,
            phase: Phase::Triage,
            incident: Arc::default(),
            created_at: at,
            finished_at: None,
            last_activity: at,
            last_seq: 0,
            turns: 0,
            tool_calls: 0,
            evidence: 0,
            message: String::new(),
            error: None,
            conclusion: None,
        }
    }

    /// Folds a whole journal; `None` for an empty one.
    pub fn fold(entries: &[Entry]) -> Option<Self> {
        let mut view = Self::new(entries.first()?.at);
        entries.iter().for_each(|entry| view.apply(entry));
        Some(view)
    }

    /// Folds one entry.
    pub fn apply(&mut self, entry: &Entry) {
        self.last_activity = entry.at;
        self.last_seq = entry.seq;
        match &entry.event {
            Event::Submitted { incident, .. } => {
                self.created_at = entry.at;
                self.incident = Arc::new(incident.as_ref().clone());
            }
            Event::PhaseStarted { phase } => {
                self.state = State::Investigating;
                self.phase = *phase;
            }
            Event::EvidenceCollected { .. } => self.evidence += 1,
            Event::ModelAnswered { .. } => self.turns += 1,
            Event::ToolAnswered { evidence, .. } => {
                self.tool_calls += 1;
                self.evidence += u32::from(evidence.is_some());
            }
            Event::Completed { conclusion } => {
                self.end(State::Completed, entry.at);
                self.conclusion = Some(Arc::new(conclusion.as_ref().clone()));
            }
            Event::Failed { reason, .. } => {
                self.end(State::Failed, entry.at);
                self.error = Some(reason.clone());
            }
            Event::Cancelled { conclusion, .. } => {
                self.end(State::Cancelled, entry.at);
                self.conclusion = Some(Arc::new(conclusion.as_ref().clone()));
            }
            Event::Resumed
            | Event::Checkpointed
            | Event::TriageCompleted { .. }
            | Event::TriageFailed { .. }
            | Event::HypothesesChanged { .. }
            | Event::ModelFailed { .. }
            | Event::ToolsCalled { .. }
            | Event::VerdictProposed { .. }
            | Event::VerdictChecked { .. }
            | Event::TargetResolved { .. }
            | Event::WorkflowsConsidered { .. } => {}
        }
        if let Some(message) = narrate(&entry.event) {
            self.message = message;
        }
    }

    fn end(&mut self, state: State, at: Timestamp) {
        self.state = state;
        self.finished_at = Some(at);
    }
}

/// An event in a few words for a human who watches; `None` where there is nothing to tell.
pub fn narrate(event: &Event) -> Option<String> {
    Some(match event {
        Event::Submitted { incident, .. } => {
            format!("accepted: {} on {}", incident.signal_name, name(&incident.resource))
        }
        Event::Resumed => "resumed after a restart".to_owned(),
        Event::Checkpointed => "put aside: the service is shutting down".to_owned(),
        Event::PhaseStarted { phase } => match phase {
            Phase::Triage => "triage: looking at the target and its neighbourhood".to_owned(),
            Phase::RootCause => "root cause: asking the model".to_owned(),
            Phase::Enrichment => "enrichment: resolving the target".to_owned(),
            Phase::WorkflowSelection => "workflow selection: looking for a remediation".to_owned(),
        },
        Event::EvidenceCollected { evidence } => {
            format!("evidence {}: {} {}", evidence.id, evidence.tool, subject(&evidence.arguments))
        }
        Event::TriageCompleted { report } => match report.findings.first() {
            Some(finding) => format!("rules: {} on {}", finding.cause, finding.target),
            None => "rules: no cause found".to_owned(),
        },
        Event::HypothesesChanged { hypotheses } if hypotheses.is_empty() => return None,
        Event::HypothesesChanged { hypotheses } => {
            let open = hypotheses.iter().filter(|one| one.status == HypothesisStatus::Open).count();
            format!("hypotheses: {} open, {} decided", open, hypotheses.len() - open)
        }
        Event::TriageFailed { reason } => format!("triage failed: {reason}"),
        Event::ModelAnswered { response, latency_ms } => format!(
            "model: {} tool calls, {} tokens, {latency_ms} ms",
            response.tool_calls.len(),
            response.usage.prompt + response.usage.completion
        ),
        Event::ModelFailed { reason } => format!("model failed: {reason}"),
        Event::ToolsCalled { calls } => {
            let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
            format!("tools: {}", names.join(", "))
        }
        Event::ToolAnswered { tool, evidence: Some(evidence), .. } => {
            format!("evidence {}: {tool} {}", evidence.id, subject(&evidence.arguments))
        }
        Event::ToolAnswered { .. } => return None,
        Event::VerdictProposed { proposal } => format!("proposed: {}", proposal.summary),
        Event::VerdictChecked { problems, .. } if problems.is_empty() => {
            "evidence check: every quote holds".to_owned()
        }
        Event::VerdictChecked { problems, .. } => {
            format!("evidence check: {} claims do not hold", problems.len())
        }
        Event::TargetResolved { target, .. } => format!("target: {target}"),
        Event::WorkflowsConsidered { matching, .. } => format!("workflows that fit: {matching}"),
        Event::Completed { .. } => "completed".to_owned(),
        Event::Failed { reason, .. } => format!("failed: {reason}"),
        Event::Cancelled { .. } => "cancelled".to_owned(),
    })
}

fn name(resource: &ObjectRef) -> String {
    if resource.name.is_empty() {
        format!("namespace {}", resource.namespace)
    } else {
        resource.to_string()
    }
}

/// The arguments of a tool call in a few words.
fn subject(arguments: &serde_json::Value) -> String {
    let Some(fields) = arguments.as_object() else { return String::new() };
    let parts = fields.values().filter_map(|value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Bool(_) | serde_json::Value::Null => None,
        other => Some(other.to_string()),
    });
    parts.collect::<Vec<_>>().join(" ")
}
