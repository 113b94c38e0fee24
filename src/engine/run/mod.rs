//! The run: a pure state machine over the journal. It folds events and says what comes next; it has no
//! clock, no randomness and no input or output of its own.

mod conclude;
mod conversation;
mod steps;

use std::sync::Arc;

use leadsman_ports::chat::{ChatRequest, ToolCall, ToolDefinition};
use leadsman_ports::cluster::ObjectRef;
use leadsman_ports::workflow::WorkflowQuery;

use super::budget::{Exhausted, Limits, Spend};
use super::events::{Event, Phase};
use super::evidence::{Evidence, Ledger};
use super::hypotheses::Hypothesis;
use super::incident::Incident;
use super::tools::runtime::is_bookkeeping;
use super::verdict::{Checked, Proposal, Verdict};
use crate::triage::TriageReport;
use conversation::Conversation;

/// What the driver is to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Append these events: a decision that needs nothing from outside.
    Record(Vec<Event>),
    /// Run triage.
    Triage,
    /// Ask the model.
    CallModel(ChatRequest),
    /// Run these tools; at most `allowance` of them.
    RunTools {
        /// In the model's order.
        calls: Vec<ToolCall>,
        /// What the budget has left.
        allowance: u32,
    },
    /// Look the target up and follow its controllers.
    ResolveTarget(ObjectRef),
    /// Consult the workflow catalogue.
    SelectWorkflow(WorkflowQuery),
    /// Nothing: the investigation has ended.
    Ended,
}

/// Why the driver asks the run to end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Somebody cancelled it.
    Cancelled,
    /// The wall time is used up.
    OutOfTime,
}

/// A lookup whose answer is awaited once.
#[derive(Debug, Clone, PartialEq)]
enum Lookup<T> {
    Open,
    Done(T),
}

/// What the root-cause phase is left with when it ends.
#[derive(Debug, Clone, PartialEq)]
struct Finding {
    proposal: Proposal,
    checked: Checked,
    verdict: Verdict,
}

/// One investigation, folded from its journal.
#[derive(Debug)]
pub struct Run {
    tools: Arc<[ToolDefinition]>,
    incident: Arc<Incident>,
    limits: Limits,
    model: Option<String>,
    phase: Option<Phase>,
    ledger: Ledger,
    triage: Option<Result<TriageReport, String>>,
    hypotheses: Option<Vec<Hypothesis>>,
    conversation: Conversation,
    spend: Spend,
    model_problem: Option<String>,
    proposal: Option<Proposal>,
    finding: Option<Finding>,
    rejected: Option<Proposal>,
    target: Lookup<Option<(ObjectRef, Option<bool>)>>,
    workflows: Lookup<Option<String>>,
    ended: bool,
}

impl Run {
    /// An empty run that offers these tools to the model.
    pub fn new(tools: Arc<[ToolDefinition]>) -> Self {
        Self {
            tools,
            incident: Arc::default(),
            limits: Limits { seconds: 0, turns: 0, tool_calls: 0, tokens: 0 },
            model: None,
            phase: None,
            ledger: Ledger::default(),
            triage: None,
            hypotheses: None,
            conversation: Conversation::default(),
            spend: Spend::default(),
            model_problem: None,
            proposal: None,
            finding: None,
            rejected: None,
            target: Lookup::Open,
            workflows: Lookup::Open,
            ended: false,
        }
    }

    /// Folds one event. The order is the journal's.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Submitted { incident, limits, model } => {
                self.incident = Arc::new(incident.as_ref().clone());
                self.limits = *limits;
                self.model.clone_from(model);
            }
            Event::Resumed | Event::Checkpointed | Event::ToolsCalled { .. } => {}
            Event::PhaseStarted { phase } => self.start(*phase),
            Event::EvidenceCollected { evidence } => self.collect(evidence),
            Event::TriageCompleted { report } => self.triage = Some(Ok(report.clone())),
            Event::HypothesesChanged { hypotheses } => {
                self.hypotheses = Some(hypotheses.clone());
            }
            Event::TriageFailed { reason } => self.triage = Some(Err(reason.clone())),
            Event::ModelAnswered { response, .. } => {
                self.spend.turns += 1;
                self.spend.tokens += response.usage;
                self.proposal = self.conversation.answered(response);
            }
            Event::ModelFailed { reason } => self.model_problem = Some(reason.clone()),
            Event::ToolAnswered { call_id, tool, evidence, text, .. } => {
                self.spend.tool_calls += u32::from(!is_bookkeeping(tool));
                if let Some(evidence) = evidence {
                    self.collect(evidence);
                }
                let last = self.spend.nearly_exhausted(&self.limits);
                self.conversation.tool_answered(call_id, text, last);
            }
            Event::VerdictProposed { proposal } => self.proposal = Some(proposal.clone()),
            Event::VerdictChecked { problems, accepted } => self.checked(problems, *accepted),
            Event::TargetResolved { target, exists } => {
                self.target = Lookup::Done(Some((target.clone(), *exists)));
            }
            Event::WorkflowsConsidered { problem, .. } => {
                self.workflows = Lookup::Done(problem.clone());
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => {
                self.ended = true;
            }
        }
    }

    fn start(&mut self, phase: Phase) {
        self.phase = Some(phase);
        if phase == Phase::RootCause {
            let report = self.triage.as_ref().and_then(|triage| triage.as_ref().ok());
            self.conversation.open(&self.incident, report, &self.ledger);
        }
    }

    fn collect(&mut self, evidence: &Evidence) {
        self.ledger.push(evidence.clone());
    }

    /// Takes the outcome of the evidence check: go on with what holds, or send the proposal back.
    fn checked(&mut self, problems: &[String], accepted: bool) {
        let Some(proposal) = self.proposal.take() else { return };
        if accepted {
            self.finding = Some(self.graded(proposal));
        } else {
            self.rejected = Some(proposal);
            self.conversation.sent_back(problems);
        }
    }

    /// The current phase, `Triage` before the first.
    pub fn phase(&self) -> Phase {
        self.phase.unwrap_or(Phase::Triage)
    }

    /// What was spent so far.
    pub fn spend(&self) -> Spend {
        self.spend
    }

    /// The budget.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The evidence so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The incident.
    pub fn incident(&self) -> &Arc<Incident> {
        &self.incident
    }

    /// The limit that ended the model's work, if one did.
    fn exhausted(&self) -> Option<Exhausted> {
        self.spend.exhausted(&self.limits)
    }
}
