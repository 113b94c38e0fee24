//! One answer against what was expected.

use std::time::Duration;

use leadsman_contract::{
    HumanReviewReason, IncidentResponse, InvestigationOutcome, RemediationTarget, Usage, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::triage::causes::CauseCode;

/// The right answer to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// What its row of the table is called.
    #[serde(skip)]
    pub family: String,
    /// None where the right answer is that the evidence does not decide.
    pub cause: Option<CauseCode>,
    /// What to fix; always there with a cause.
    pub target: Option<Target>,
    /// Causes that would be plainly wrong.
    pub not_causes: Vec<CauseCode>,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// E.g. `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; empty for a cluster-scoped object.
    #[serde(default)]
    pub namespace: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

impl From<&RemediationTarget> for Target {
    fn from(target: &RemediationTarget) -> Self {
        let RemediationTarget { kind, name, namespace, api_version: _ } = target;
        Self { kind: kind.clone(), name: name.clone(), namespace: namespace.clone() }
    }
}

/// What was answered, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// None where the answer names no code.
    pub cause: Option<String>,
    /// None where the answer names no object.
    pub target: Option<Target>,
    /// None where the investigation failed.
    pub verdict: Option<Verdict>,
    /// What the answer means for the incident.
    pub outcome: Option<InvestigationOutcome>,
    /// Why a human is asked, if one is.
    pub review: Option<HumanReviewReason>,
    /// 0..1
    pub confidence: f64,
    /// The rules answered, although a model may have been asked.
    pub degraded: bool,
    /// Why it ended early, if it did.
    pub partial: Option<String>,
}

impl From<&IncidentResponse> for Found {
    fn from(answer: &IncidentResponse) -> Self {
        let cause = &answer.root_cause_analysis.cause;
        Self {
            cause: Some(cause.clone()).filter(|cause| !cause.is_empty()),
            target: answer.remediation_target.as_ref().map(Target::from),
            verdict: answer.verdict,
            outcome: answer.investigation_outcome,
            review: answer.human_review_reason,
            confidence: answer.confidence,
            degraded: answer.degraded,
            partial: answer.partial.as_ref().map(|partial| partial.reason.clone()),
        }
    }
}

impl Found {
    fn concludes(&self) -> bool {
        match self.verdict {
            Some(Verdict::Confirmed | Verdict::Likely) => true,
            Some(Verdict::Inconclusive) | None => false,
        }
    }

    /// Asks a human because no root cause was established, or says itself that it was not.
    fn escalates(&self) -> bool {
        let asks = match self.review {
            Some(
                HumanReviewReason::InvestigationInconclusive
                | HumanReviewReason::RcaIncomplete
                | HumanReviewReason::LlmParsingError,
            ) => true,
            Some(
                HumanReviewReason::WorkflowNotFound
                | HumanReviewReason::ImageMismatch
                | HumanReviewReason::ParameterValidationFailed
                | HumanReviewReason::NoMatchingWorkflows
                | HumanReviewReason::LowConfidence
                | HumanReviewReason::AlignmentCheckFailed
                | HumanReviewReason::OperatorEscalation
                | HumanReviewReason::DecisionExpired,
            )
            | None => false,
        };
        asks || !self.concludes()
    }

    /// Says that something is wrong.
    fn alarms(&self) -> bool {
        let healthy = CauseCode::Healthy.as_str();
        let names_a_fault = match &self.cause {
            Some(cause) => cause != healthy,
            None => self.outcome == Some(InvestigationOutcome::Actionable),
        };
        self.concludes() && names_a_fault
    }

    fn names(&self, cause: CauseCode) -> bool {
        self.cause.as_deref() == Some(cause.as_str())
    }
}

/// A case with its answer and what the answer is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The case.
    pub name: String,
    /// Its row in the table.
    pub family: String,
    /// What happened.
    pub description: String,
    /// The right answer.
    pub expected: Expected,
    /// What was answered.
    pub found: Found,
    /// The cause is the expected one; where none can be known, that none is claimed.
    pub cause_right: bool,
    /// The target is the expected one, or none was expected.
    pub target_right: bool,
    /// The answer names a cause that it must not be taken for.
    pub forbidden: bool,
    /// All is well, and the answer says that something is not.
    pub false_alarm: bool,
    /// The verdict is `confirmed` and cause or target is wrong.
    pub over_claimed: bool,
    /// There is a cause, and the answer says that the evidence does not decide.
    pub over_escalated: bool,
    /// What it cost.
    pub usage: Usage,
    /// Milliseconds from reading the snapshot to the answer.
    pub time_ms: u64,
}

impl Judged {
    /// Judges an answer that took `time`.
    pub fn new(
        name: String,
        description: String,
        expected: Expected,
        answer: &IncidentResponse,
        time: Duration,
    ) -> Self {
        let found = Found::from(answer);
        let cause_right = match expected.cause {
            Some(cause) => found.names(cause),
            None => !found.concludes(),
        };
        let target_right = expected.target.is_none() || found.target == expected.target;
        let confirmed = found.verdict == Some(Verdict::Confirmed);
        Self {
            name,
            family: expected.family.clone(),
            description,
            cause_right,
            target_right,
            forbidden: expected.not_causes.iter().any(|cause| found.names(*cause)),
            false_alarm: expected.cause == Some(CauseCode::Healthy) && found.alarms(),
            over_claimed: confirmed && !(cause_right && target_right),
            over_escalated: expected.cause.is_some() && found.escalates(),
            usage: answer.usage.unwrap_or_default(),
            time_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            expected,
            found,
        }
    }

    /// Cause and target are right.
    pub fn right(&self) -> bool {
        self.cause_right && self.target_right
    }

    /// The directory above the case, which tells sets of cases apart; empty for the one that was searched.
    pub fn set(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(set, _)| set)
    }

    /// What went wrong in one line; none if nothing did.
    pub fn complaint(&self) -> Option<String> {
        if self.right() && !(self.false_alarm || self.over_escalated) {
            return None;
        }
        let show = |cause: Option<&str>, target: Option<&Target>| {
            let cause = cause.unwrap_or("no cause").to_owned();
            target.map_or(cause.clone(), |target| format!("{cause} on {target}"))
        };
        let expected =
            show(self.expected.cause.map(CauseCode::as_str), self.expected.target.as_ref());
        let found = show(self.found.cause.as_deref(), self.found.target.as_ref());
        let verdict = self.found.verdict.map_or("no verdict", Verdict::as_str);
        Some(format!("expected {expected}; found {found} ({verdict})"))
    }
}
