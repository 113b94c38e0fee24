//! Conclusions: the best verdict that the journal supports, at its end or at any moment before.

use leadsman_ports::cluster::ObjectRef;

use super::{Finding, Lookup, Run};
use crate::engine::hypotheses;
use crate::engine::verdict::{
    self, Alternative, Author, Conclusion, Outcome, Proposal, ReviewReason, Verdict,
};
use crate::triage::causes::CauseCode;

/// The confidence that a controller needs to see before it believes that nothing has to be done.
const NOTHING_TO_DO_FLOOR: f64 = 0.8;

impl Run {
    /// Checks and grades a proposal with whatever of it holds.
    pub(super) fn graded(&self, mut proposal: Proposal) -> Finding {
        // What the rules ruled out are alternatives to their own best finding, not to whatever a model proposes.
        let report = self.triage.as_ref().and_then(|triage| triage.as_ref().ok());
        let best = report.and_then(|report| report.findings.first()).map(|finding| finding.cause);
        let counts = |alternative: &Alternative| {
            (proposal.cause.is_some() && proposal.cause == best)
                || report
                    .is_none_or(|report| !hypotheses::is_of_rules(&alternative.hypothesis, report))
        };
        let ruled_out: Vec<Alternative> =
            hypotheses::ruled_out(self.hypotheses.as_deref().unwrap_or_default())
                .filter(counts)
                .collect();
        proposal.alternatives.extend(ruled_out);
        let checked = verdict::check(&proposal, &self.ledger);
        let verdict = verdict::grade(&proposal, &checked);
        Finding { proposal, checked, verdict }
    }

    /// What the rules found, as a proposal.
    pub(super) fn rules_proposal(&self) -> Option<Proposal> {
        let report = self.triage.as_ref()?.as_ref().ok()?;
        let finding = report.findings.first()?;
        let outcome = if finding.cause == CauseCode::Healthy {
            Outcome::ProblemResolved
        } else {
            Outcome::Actionable
        };
        Some(Proposal::from_finding(finding, outcome))
    }

    /// The best proposal without the model's further help: what it submitted, if any of its evidence holds,
    /// else what the rules found.
    pub(super) fn fallback(&self) -> Option<Proposal> {
        let submitted = self.proposal.as_ref().or(self.rejected.as_ref());
        submitted
            .filter(|proposal| !verdict::check(proposal, &self.ledger).exhibits.is_empty())
            .cloned()
            .or_else(|| self.rules_proposal())
    }

    /// The final target: as resolved in the cluster, else as proposed.
    pub(super) fn final_target(&self) -> Option<ObjectRef> {
        match &self.target {
            Lookup::Done(Some((target, _))) => Some(target.clone()),
            _ => self.finding.as_ref().and_then(|finding| finding.proposal.target.clone()),
        }
    }

    /// The verdict at the regular end.
    pub(super) fn conclude(&self) -> Conclusion {
        self.assemble(self.finding.clone(), None)
    }

    /// The best verdict so far, labelled with what ended the investigation.
    pub(super) fn conclude_early(&self, reason: &str) -> Conclusion {
        let finding =
            self.finding.clone().or_else(|| self.fallback().map(|proposal| self.graded(proposal)));
        self.assemble(finding, Some(reason))
    }

    fn assemble(&self, finding: Option<Finding>, partial: Option<&str>) -> Conclusion {
        let Finding { proposal, checked, verdict } =
            finding.unwrap_or_else(|| self.nothing_found());
        let outcome = match (proposal.outcome, verdict) {
            (Some(outcome), Verdict::Likely | Verdict::Confirmed) => outcome,
            (Some(Outcome::InsufficientData), Verdict::Inconclusive) => Outcome::InsufficientData,
            (_, Verdict::Inconclusive) => Outcome::Inconclusive,
            (None, Verdict::Likely | Verdict::Confirmed) => Outcome::Actionable,
        };
        let nothing_to_do = matches!(outcome, Outcome::ProblemResolved | Outcome::NotActionable);
        let confidence = match verdict {
            Verdict::Inconclusive => proposal.confidence.min(0.5),
            _ if nothing_to_do => proposal.confidence.max(NOTHING_TO_DO_FLOOR),
            _ => proposal.confidence,
        };
        let mut warnings = self.warnings(&proposal, outcome, partial);
        warnings.extend(
            checked.problems.iter().map(|problem| format!("a claim was dropped: {problem}")),
        );
        Conclusion {
            verdict,
            outcome,
            cause: proposal.cause,
            summary: proposal.summary,
            analysis: proposal.analysis,
            causal_chain: proposal.causal_chain,
            // A controller takes a result without contributing factors for "nothing was wrong", so a real
            // cause always names at least its first link.
            contributing_factors: match (proposal.contributing_factors, nothing_to_do) {
                (factors, false) if factors.is_empty() => self.first_link(),
                (factors, _) => factors,
            },
            target: self.final_target().or(proposal.target),
            severity: proposal.severity.unwrap_or(self.incident.severity),
            confidence,
            exhibits: checked.exhibits,
            alternatives: without_unproven(proposal.alternatives, &checked.ruled_out),
            hypotheses: self.hypotheses.clone().unwrap_or_default(),
            next_steps: proposal.next_steps,
            due_diligence: proposal.due_diligence,
            degraded: proposal.author == Author::Rules,
            partial: partial.map(str::to_owned),
            warnings,
            review: self.review(outcome, partial.is_some()),
            spend: self.spend,
        }
    }

    fn first_link(&self) -> Vec<String> {
        let finding = self.finding.as_ref().map(|finding| &finding.proposal.causal_chain);
        finding.and_then(|chain| chain.first()).cloned().into_iter().collect()
    }

    fn nothing_found(&self) -> Finding {
        let looked_at = match &self.triage {
            Some(Ok(report)) => format!("No cause was found for {}.", report.target),
            Some(Err(_)) => "The cluster did not answer, so nothing could be looked at.".to_owned(),
            None => "Nothing was looked at yet.".to_owned(),
        };
        Finding {
            proposal: Proposal {
                author: if self.spend.turns == 0 { Author::Rules } else { Author::Model },
                summary: looked_at,
                outcome: Some(Outcome::InsufficientData),
                next_steps: vec![
                    "Look at the object, its events and its logs by hand; the notes in `warnings` say what could not be seen."
                        .to_owned(),
                ],
                ..Proposal::default()
            },
            checked: verdict::Checked {
                exhibits: Vec::new(),
                problems: Vec::new(),
                ruled_out: Vec::new(),
            },
            verdict: Verdict::Inconclusive,
        }
    }

    fn warnings(
        &self,
        proposal: &Proposal,
        outcome: Outcome,
        partial: Option<&str>,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        match outcome {
            Outcome::ProblemResolved => {
                warnings.push(format!("Problem self-resolved: {}", proposal.summary));
            }
            Outcome::NotActionable => {
                warnings.push("Alert not actionable — no remediation warranted".to_owned());
            }
            Outcome::Inconclusive | Outcome::InsufficientData => {
                warnings.push(
                    "The investigation is inconclusive: the evidence does not decide.".to_owned(),
                );
            }
            Outcome::Actionable => {}
        }
        if let Some(reason) = partial {
            warnings.push(format!("The investigation stopped early: {reason}."));
        }
        match (&self.model, &self.model_problem) {
            (None, _) => warnings.push(
                "No model is configured: the rule catalogue alone answered (degraded).".to_owned(),
            ),
            (Some(_), Some(problem)) => {
                warnings.push(format!(
                    "The model could not help ({problem}): the rule catalogue answered (degraded)."
                ));
            }
            (Some(_), None) if self.conversation.hopeless() => warnings.push(
                "The model's answers could not be read: the rule catalogue answered (degraded)."
                    .to_owned(),
            ),
            (Some(_), None) => {}
        }
        match &self.triage {
            Some(Ok(report)) => warnings.extend(report.notes.iter().cloned()),
            Some(Err(reason)) => {
                warnings.push(format!("The cluster could not be looked at: {reason}."))
            }
            None => {}
        }
        if let Lookup::Done(Some((target, Some(false)))) = &self.target {
            warnings.push(format!(
                "target resource {}/{} in {} was deleted; enrichment data is sparse",
                target.kind, target.name, target.namespace
            ));
        }
        if let Lookup::Done(Some(problem)) = &self.workflows {
            warnings.push(format!("The workflow catalogue did not answer: {problem}."));
        }
        warnings
    }

    fn review(&self, outcome: Outcome, partial: bool) -> Option<ReviewReason> {
        match outcome {
            Outcome::ProblemResolved | Outcome::NotActionable => None,
            Outcome::Actionable => Some(ReviewReason::NoMatchingWorkflows),
            Outcome::Inconclusive | Outcome::InsufficientData => {
                Some(if self.conversation.hopeless() {
                    ReviewReason::LlmParsingError
                } else if partial {
                    ReviewReason::RcaIncomplete
                } else {
                    ReviewReason::InvestigationInconclusive
                })
            }
        }
    }
}

/// Takes quotes that did not hold away from alternatives.
fn without_unproven(
    mut alternatives: Vec<Alternative>,
    ruled_out: &[Alternative],
) -> Vec<Alternative> {
    for alternative in &mut alternatives {
        if !ruled_out.contains(alternative) {
            alternative.evidence = None;
        }
    }
    alternatives
}
