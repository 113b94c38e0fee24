//! Verdicts: what is proposed, what the evidence check leaves of it, and what is finally said.

use leadsman_ports::cluster::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::budget::Spend;
use super::evidence::{Citation, EvidenceId, Ledger};
use super::hypotheses::Hypothesis;
use super::incident::Severity;
use crate::triage::Finding;
use crate::triage::causes::CauseCode;

/// How far the evidence carries the root cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does not.
    Inconclusive,
    /// It points there; something else is possible.
    Likely,
    /// It shows it.
    Confirmed,
}

impl Verdict {
    /// One level less.
    #[must_use]
    pub fn downgraded(self) -> Self {
        match self {
            Self::Confirmed => Self::Likely,
            Self::Likely | Self::Inconclusive => Self::Inconclusive,
        }
    }
}

/// What should come of the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Something should be done.
    Actionable,
    /// Nothing needs to be done.
    NotActionable,
    /// It is over.
    ProblemResolved,
    /// Data that would decide is missing.
    InsufficientData,
    /// The data does not decide.
    Inconclusive,
}

/// Why a human must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// There is a root cause and no workflow that treats it.
    NoMatchingWorkflows,
    /// The model's answers could not be read.
    LlmParsingError,
    /// The evidence does not decide.
    InvestigationInconclusive,
    /// A budget ran out before the root cause was found.
    RcaIncomplete,
}

/// Another explanation that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// What else it could have been.
    pub hypothesis: String,
    /// Why it is not.
    pub ruled_out_by: String,
    /// The words that show it. An alternative counts only when they stand in the evidence.
    #[serde(default)]
    pub evidence: Option<Citation>,
}

/// Who proposed a root cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The model.
    #[default]
    Model,
    /// The rule catalogue.
    Rules,
}

/// A root cause as proposed, before any check.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Proposal {
    /// See [`Author`].
    pub author: Author,
    /// One or two sentences.
    pub summary: String,
    /// Stable code, where one fits.
    pub cause: Option<CauseCode>,
    /// As the model sees it.
    pub severity: Option<Severity>,
    /// What to fix.
    pub target: Option<ObjectRef>,
    /// Cause first, symptom last.
    pub causal_chain: Vec<String>,
    /// Circumstances.
    pub contributing_factors: Vec<String>,
    /// 0..1
    pub confidence: f64,
    /// What should come of it, where said.
    pub outcome: Option<Outcome>,
    /// The support.
    pub citations: Vec<Citation>,
    /// What else was considered.
    pub alternatives: Vec<Alternative>,
    /// What a human should do.
    pub next_steps: Vec<String>,
    /// Longer narrative, if any.
    pub analysis: String,
    /// The eight answers of the due-diligence list, as sent.
    pub due_diligence: Option<Value>,
}

/// A citation together with what it cites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exhibit {
    /// The evidence.
    pub id: EvidenceId,
    /// The tool that produced it.
    pub tool: String,
    /// What the tool was asked.
    pub arguments: Value,
    /// The verified words.
    pub quote: String,
}

/// The answer to an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conclusion {
    /// How far the evidence carries it.
    pub verdict: Verdict,
    /// What should come of it.
    pub outcome: Outcome,
    /// Stable code, where one fits.
    pub cause: Option<CauseCode>,
    /// One or two sentences.
    pub summary: String,
    /// Longer narrative; may be empty.
    pub analysis: String,
    /// Cause first, symptom last.
    pub causal_chain: Vec<String>,
    /// Circumstances.
    pub contributing_factors: Vec<String>,
    /// What to fix.
    pub target: Option<ObjectRef>,
    /// As found, else as the sender said.
    pub severity: Severity,
    /// 0..1
    pub confidence: f64,
    /// Quotes that code has verified.
    pub exhibits: Vec<Exhibit>,
    /// What else was considered.
    pub alternatives: Vec<Alternative>,
    /// Every explanation that was considered, with its status.
    pub hypotheses: Vec<Hypothesis>,
    /// What a human should do.
    pub next_steps: Vec<String>,
    /// The due-diligence answers, as sent.
    pub due_diligence: Option<Value>,
    /// No model took part in the answer.
    pub degraded: bool,
    /// Why the investigation stopped early, if it did.
    pub partial: Option<String>,
    /// For humans and for controllers that match on them.
    pub warnings: Vec<String>,
    /// Why a human must look, if one must.
    pub review: Option<ReviewReason>,
    /// What it cost.
    pub spend: Spend,
}

/// What the evidence check left of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Citations that hold.
    pub exhibits: Vec<Exhibit>,
    /// What does not, in words for whoever proposed it.
    pub problems: Vec<String>,
    /// Alternatives whose evidence holds.
    pub ruled_out: Vec<Alternative>,
}

/// Checks every citation of a proposal against the ledger.
pub fn check(proposal: &Proposal, ledger: &Ledger) -> Checked {
    let mut checked = Checked { exhibits: Vec::new(), problems: Vec::new(), ruled_out: Vec::new() };
    for citation in &proposal.citations {
        match (ledger.check(citation), ledger.get(&citation.evidence)) {
            (Ok(()), Some(evidence)) => checked.exhibits.push(Exhibit {
                id: evidence.id.clone(),
                tool: evidence.tool.clone(),
                arguments: evidence.arguments.clone(),
                quote: citation.quote.clone(),
            }),
            (Err(problem), _) => checked.problems.push(problem.to_string()),
            (Ok(()), None) => {}
        }
    }
    for alternative in &proposal.alternatives {
        match alternative.evidence.as_ref().map(|citation| ledger.check(citation)) {
            Some(Ok(())) => checked.ruled_out.push(alternative.clone()),
            Some(Err(problem)) => checked.problems.push(problem.to_string()),
            // Without evidence it is told but does not count.
            None => {}
        }
    }
    let needs_support =
        !matches!(proposal.outcome, Some(Outcome::InsufficientData | Outcome::Inconclusive));
    if proposal.citations.is_empty() && needs_support {
        checked.problems.push(
            "no evidence is cited; cite at least one piece by id with a verbatim quote".to_owned(),
        );
    }
    checked
}

/// The confidence below which a root cause is a guess.
pub const LIKELY_FROM: f64 = 0.5;
/// The confidence from which a verified root cause may count as shown.
pub const CONFIRMED_FROM: f64 = 0.8;

/// Grades a checked proposal. Only one that was tested against something else can be confirmed: evidence ruled an
/// alternative out.
pub fn grade(proposal: &Proposal, checked: &Checked) -> Verdict {
    let undecided =
        matches!(proposal.outcome, Some(Outcome::InsufficientData | Outcome::Inconclusive));
    if undecided || checked.exhibits.is_empty() || proposal.confidence < LIKELY_FROM {
        return Verdict::Inconclusive;
    }
    let tested = !checked.ruled_out.is_empty();
    let verdict = if proposal.confidence >= CONFIRMED_FROM && tested {
        Verdict::Confirmed
    } else {
        Verdict::Likely
    };
    if checked.problems.is_empty() { verdict } else { verdict.downgraded() }
}

impl Proposal {
    /// What the rules propose on their own.
    pub fn from_finding(finding: &Finding, outcome: Outcome) -> Self {
        Self {
            author: Author::Rules,
            summary: finding.summary.clone(),
            cause: Some(finding.cause),
            severity: None,
            target: Some(finding.target.clone()),
            causal_chain: finding.causal_chain.clone(),
            contributing_factors: Vec::new(),
            confidence: finding.confidence,
            outcome: Some(outcome),
            citations: finding.citations.clone(),
            alternatives: Vec::new(),
            next_steps: finding.next_steps.clone(),
            analysis: String::new(),
            due_diligence: None,
        }
    }
}
