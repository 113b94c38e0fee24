//! What comes next: the order of the phases and the rules within them.

use leadsman_ports::chat::{ChatRequest, ToolChoice};
use leadsman_ports::workflow::WorkflowQuery;

use super::{Interruption, Lookup, Run, Step};
use crate::engine::budget::Exhausted;
use crate::engine::events::{Event, Phase};
use crate::engine::hypotheses;
use crate::engine::verdict::{self, Outcome, Proposal, Verdict};

/// How often a proposal whose evidence does not hold is sent back before what fails is dropped.
const MAX_SENT_BACK: u32 = 1;

impl Run {
    /// Says what comes next. Pure: the same journal and interruption give the same step.
    pub fn next(&self, interruption: Option<Interruption>) -> Step {
        if self.ended {
            return Step::Ended;
        }
        match interruption {
            Some(Interruption::Cancelled) => {
                return Step::Record(vec![Event::Cancelled {
                    phase: self.phase(),
                    turn: self.spend.turns,
                    conclusion: Box::new(self.conclude_early("the investigation was cancelled")),
                }]);
            }
            Some(Interruption::OutOfTime) => return self.out_of_time(),
            None => {}
        }
        match self.phase {
            None => started(Phase::Triage),
            Some(Phase::Triage) => self.after_triage(),
            Some(Phase::RootCause) => self.root_cause(),
            Some(Phase::Enrichment) => self.enrichment(),
            Some(Phase::WorkflowSelection) => self.workflow_selection(),
        }
    }

    fn after_triage(&self) -> Step {
        match (&self.triage, &self.hypotheses, &self.model) {
            (None, _, _) => Step::Triage,
            (Some(Ok(report)), None, _) => {
                let hypotheses = hypotheses::seed(report);
                Step::Record(vec![Event::HypothesesChanged { hypotheses }])
            }
            (Some(_), _, Some(_)) => started(Phase::RootCause),
            (Some(_), _, None) => self.without_model(),
        }
    }

    /// Without the model's help: propose the best there is, check it, go on.
    fn without_model(&self) -> Step {
        if self.finding.is_some() {
            return started(Phase::Enrichment);
        }
        match (&self.proposal, self.fallback()) {
            (Some(proposal), _) => Step::Record(vec![self.check(proposal, false)]),
            (None, Some(proposal)) => Step::Record(vec![Event::VerdictProposed { proposal }]),
            (None, None) => self.complete(None),
        }
    }

    fn root_cause(&self) -> Step {
        if self.finding.is_some() {
            return started(Phase::Enrichment);
        }
        if self.model_problem.is_some() || self.conversation.hopeless() {
            return self.without_model();
        }
        if let Some(proposal) = &self.proposal {
            let again =
                self.conversation.times_sent_back() < MAX_SENT_BACK && self.exhausted().is_none();
            return Step::Record(vec![
                Event::VerdictProposed { proposal: proposal.clone() },
                self.check(proposal, again),
            ]);
        }
        if !self.conversation.pending().is_empty() {
            return Step::RunTools {
                calls: self.conversation.pending().to_vec(),
                allowance: self.limits.tool_calls.saturating_sub(self.spend.tool_calls),
            };
        }
        if let Some(exhausted) = self.exhausted() {
            return self.complete(Some(&exhausted.explain(&self.limits, &self.spend)));
        }
        Step::CallModel(ChatRequest {
            messages: self.conversation.messages().to_vec(),
            tools: self.tools.clone(),
            tool_choice: ToolChoice::Auto,
            max_output_tokens: self.conversation.max_output_tokens(),
        })
    }

    fn enrichment(&self) -> Step {
        let target = self.finding.as_ref().and_then(|finding| finding.proposal.target.clone());
        match (&self.target, target) {
            (Lookup::Open, Some(target)) => Step::ResolveTarget(target),
            _ if self.needs_workflow() => started(Phase::WorkflowSelection),
            _ => self.complete(None),
        }
    }

    fn workflow_selection(&self) -> Step {
        match &self.workflows {
            Lookup::Open => Step::SelectWorkflow(self.workflow_query()),
            Lookup::Done(_) => self.complete(None),
        }
    }

    fn out_of_time(&self) -> Step {
        self.complete(Some(&Exhausted::Time.explain(&self.limits, &self.spend)))
    }

    fn complete(&self, stopped_by: Option<&str>) -> Step {
        let conclusion = match stopped_by {
            Some(reason) => self.conclude_early(reason),
            None => self.conclude(),
        };
        Step::Record(vec![Event::Completed { conclusion: Box::new(conclusion) }])
    }

    /// Checks a proposal; `again` says whether it may be sent back.
    fn check(&self, proposal: &Proposal, again: bool) -> Event {
        let problems = verdict::check(proposal, &self.ledger).problems;
        let accepted = problems.is_empty() || !again;
        Event::VerdictChecked { problems, accepted }
    }

    /// A workflow is looked for when there is something to do and something that says so.
    fn needs_workflow(&self) -> bool {
        self.finding.as_ref().is_some_and(|finding| {
            finding.verdict > Verdict::Inconclusive
                && matches!(finding.proposal.outcome, None | Some(Outcome::Actionable))
        })
    }

    fn workflow_query(&self) -> WorkflowQuery {
        let incident = &self.incident;
        let target = self.final_target().unwrap_or_else(|| incident.resource.clone());
        let component = match target.api_version.as_str() {
            "" => target.kind.to_lowercase(),
            version => format!("{version}/{}", target.kind),
        };
        WorkflowQuery {
            severity: incident.severity.as_str().to_owned(),
            component,
            environment: incident.environment.clone(),
            priority: incident.priority.clone(),
            remediation_id: incident.remediation_id.clone(),
        }
    }
}

fn started(phase: Phase) -> Step {
    Step::Record(vec![Event::PhaseStarted { phase }])
}
