//! Conversions between the product's own types and the wire contract.

use std::collections::BTreeMap;

use jiff::{Timestamp, Unit};
use leadsman_contract::{
    Citation, DueDiligence, HumanReviewReason, Hypothesis as WireHypothesis, HypothesisEvidence,
    HypothesisStatus as WireHypothesisStatus, IncidentRequest, IncidentResponse,
    InvestigationOutcome, Partial, Progress, RemediationTarget, RootCauseAnalysis, SessionState,
    SessionStatus, Usage, Verdict as WireVerdict,
};
use leadsman_ports::cluster::ObjectRef;
use leadsman_ports::redact::Redactor;
use uuid::Uuid;

use crate::engine::evidence as domain;
use crate::engine::hypotheses::HypothesisStatus;
use crate::engine::incident::{Duplicate, Incident, Severity, SignalMode};
use crate::engine::verdict::{Conclusion, Outcome, ReviewReason, Verdict};
use crate::readable;
use crate::sessions::{State, View};

/// What was submitted, in the product's terms and without the secrets that an alert's text may quote. Ids and
/// the names of the resource stay as they are.
pub fn incident(request: IncidentRequest, redactor: &dyn Redactor) -> Incident {
    let text = |text: &str| redactor.text(text);
    let values = |pairs: &BTreeMap<String, String>| {
        pairs.iter().map(|(name, value)| (name.clone(), redactor.value(name, value))).collect()
    };
    let occurrences = u32::try_from(request.occurrence_count).unwrap_or(0);
    Incident {
        resource: target_of(&request),
        duplicate: (request.is_duplicate && occurrences > 0).then(|| Duplicate {
            occurrences,
            window_minutes: request
                .deduplication_window_minutes
                .and_then(|minutes| u32::try_from(minutes).ok()),
        }),
        severity: domain_severity(request.severity),
        mode: match request.signal_mode {
            Some(leadsman_contract::SignalMode::Proactive) => SignalMode::Proactive,
            Some(leadsman_contract::SignalMode::Reactive) | None => SignalMode::Reactive,
        },
        incident_id: request.incident_id,
        remediation_id: request.remediation_id,
        signal_name: text(&request.signal_name),
        signal_source: text(&request.signal_source),
        error_message: text(&request.error_message),
        description: request.description.as_deref().map(text),
        environment: text(&request.environment),
        priority: text(&request.priority),
        risk_tolerance: text(&request.risk_tolerance),
        business_category: text(&request.business_category),
        cluster_name: text(&request.cluster_name),
        firing_time: request.firing_time.or(request.first_seen),
        labels: values(&request.signal_labels),
        annotations: values(&request.signal_annotations),
    }
}

/// The resource, with the `target_resource_*` labels that override it where they are plausible names.
fn target_of(request: &IncidentRequest) -> ObjectRef {
    let label = |name: &str, otherwise: &str| {
        let value = request.signal_labels.get(name).filter(|value| is_identifier(value));
        value.map_or(otherwise, String::as_str).to_owned()
    };
    ObjectRef {
        api_version: label("target_resource_api_version", &request.resource_api_version),
        kind: label("target_resource_kind", &request.resource_kind),
        namespace: request.resource_namespace.clone(),
        name: label("target_resource_name", &request.resource_name),
    }
}

fn is_identifier(value: &str) -> bool {
    (1..=253).contains(&value.len())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/' | ':'))
}

fn domain_severity(severity: leadsman_contract::Severity) -> Severity {
    match severity {
        leadsman_contract::Severity::Critical => Severity::Critical,
        leadsman_contract::Severity::High => Severity::High,
        leadsman_contract::Severity::Warning => Severity::Warning,
        leadsman_contract::Severity::Info => Severity::Info,
        leadsman_contract::Severity::Unknown => Severity::Unknown,
    }
}

fn severity(severity: Severity) -> leadsman_contract::Severity {
    match severity {
        Severity::Critical => leadsman_contract::Severity::Critical,
        Severity::High => leadsman_contract::Severity::High,
        Severity::Warning => leadsman_contract::Severity::Warning,
        Severity::Info => leadsman_contract::Severity::Info,
        Severity::Unknown => leadsman_contract::Severity::Unknown,
    }
}

/// A session's state on the wire.
pub fn state(state: State) -> SessionState {
    match state {
        State::Pending => SessionState::Pending,
        State::Investigating => SessionState::Investigating,
        State::Completed => SessionState::Completed,
        State::Failed => SessionState::Failed,
        State::Cancelled => SessionState::Cancelled,
    }
}

/// A verdict on the wire.
pub fn verdict(verdict: Verdict) -> WireVerdict {
    match verdict {
        Verdict::Confirmed => WireVerdict::Confirmed,
        Verdict::Likely => WireVerdict::Likely,
        Verdict::Inconclusive => WireVerdict::Inconclusive,
    }
}

/// What a poll answers, fit to be read.
pub fn status(id: Uuid, view: &View, now: Timestamp) -> SessionStatus {
    let mut status = SessionStatus::new(id.to_string(), state(view.state));
    status.error.clone_from(&view.error);
    status.created_at = Some(seconds_precision(view.created_at));
    status.completed_at = view.finished_at.map(seconds_precision);
    status.verdict = view.conclusion.as_ref().map(|conclusion| verdict(conclusion.verdict));
    status.progress = Some(Progress {
        phase: match view.state {
            State::Completed => "complete".to_owned(),
            // Where it stands, or stood when it ended early.
            State::Pending | State::Investigating | State::Failed | State::Cancelled => {
                view.phase.as_str().to_owned()
            }
        },
        turn: view.turns,
        tool_calls: view.tool_calls,
        evidence: view.evidence,
        elapsed_seconds: elapsed(view, now),
        last_activity: Some(seconds_precision(view.last_activity)),
        message: Some(view.message.clone()).filter(|message| !message.is_empty()),
    });
    readable::status(&mut status);
    status
}

fn elapsed(view: &View, now: Timestamp) -> f64 {
    let until = view.finished_at.unwrap_or(now);
    let seconds = (until - view.created_at).total(Unit::Second).unwrap_or_default();
    (seconds.max(0.0) * 1000.0).round() / 1000.0
}

fn seconds_precision(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// The result of a session that has ended, fit to be read.
pub fn result(view: &View) -> IncidentResponse {
    let incident_id = &view.incident.incident_id;
    let timestamp = seconds_precision(view.finished_at.unwrap_or(view.last_activity));
    let mut result = match (view.state, &view.conclusion) {
        (State::Completed, Some(conclusion)) => completed(view, conclusion, &timestamp),
        (State::Cancelled, Some(conclusion)) => {
            // The best verdict so far is kept, under the analysis and confidence that controllers expect.
            let bare = IncidentResponse::cancelled(incident_id, &timestamp);
            IncidentResponse {
                analysis: bare.analysis,
                confidence: bare.confidence,
                needs_human_review: false,
                human_review_reason: None,
                ..completed(view, conclusion, &timestamp)
            }
        }
        (State::Cancelled, None) => IncidentResponse::cancelled(incident_id, &timestamp),
        (State::Failed, _) => {
            let error = view.error.as_deref().unwrap_or("unknown error");
            IncidentResponse::failed(incident_id, &timestamp, error)
        }
        (State::Completed | State::Pending | State::Investigating, _) => {
            IncidentResponse::without_result(incident_id, &timestamp)
        }
    };
    readable::result(&mut result);
    result
}

fn completed(view: &View, conclusion: &Conclusion, timestamp: &str) -> IncidentResponse {
    let target = conclusion.target.as_ref().map(remediation_target);
    let nothing_to_do =
        matches!(conclusion.outcome, Outcome::ProblemResolved | Outcome::NotActionable);
    let actionable = match conclusion.outcome {
        Outcome::Actionable => Some(true),
        Outcome::NotActionable | Outcome::ProblemResolved => Some(false),
        Outcome::InsufficientData | Outcome::Inconclusive => None,
    };
    let mut response = IncidentResponse {
        incident_id: view.incident.incident_id.clone(),
        analysis: conclusion.summary.clone(),
        root_cause_analysis: root_cause_analysis(view, conclusion, target.clone()),
        confidence: conclusion.confidence,
        timestamp: timestamp.to_owned(),
        needs_human_review: conclusion.review.is_some(),
        human_review_reason: conclusion.review.map(review),
        is_actionable: nothing_to_do.then_some(false),
        warnings: conclusion.warnings.clone(),
        root_cause: Some(conclusion.summary.clone()),
        investigation_outcome: Some(outcome(conclusion.outcome)),
        actionable,
        remediation_target: target,
        verdict: Some(verdict(conclusion.verdict)),
        evidence: conclusion
            .exhibits
            .iter()
            .map(|exhibit| Citation {
                id: exhibit.id.to_string(),
                tool: exhibit.tool.clone(),
                arguments: exhibit.arguments.clone(),
                quote: exhibit.quote.clone(),
            })
            .collect(),
        degraded: conclusion.degraded,
        partial: conclusion.partial.clone().map(|reason| Partial { reason }),
        hypotheses: hypotheses(conclusion),
        next_steps: conclusion.next_steps.clone(),
        usage: Some(usage(view, conclusion)),
        ..IncidentResponse::default()
    };
    response.conform();
    response
}

/// The hypotheses, and the alternatives of the submission that are not among them.
fn hypotheses(conclusion: &Conclusion) -> Vec<WireHypothesis> {
    let evidence = |citations: &[domain::Citation]| {
        let quote = |citation: &domain::Citation| HypothesisEvidence {
            id: citation.evidence.to_string(),
            quote: citation.quote.clone(),
        };
        citations.iter().map(quote).collect()
    };
    let kept = conclusion.hypotheses.iter().map(|hypothesis| WireHypothesis {
        statement: hypothesis.statement.clone(),
        test: hypothesis.test.clone(),
        status: match hypothesis.status {
            HypothesisStatus::Open => WireHypothesisStatus::Open,
            HypothesisStatus::Supported => WireHypothesisStatus::Supported,
            HypothesisStatus::Refuted => WireHypothesisStatus::Refuted,
        },
        evidence: evidence(&hypothesis.evidence),
    });
    let among =
        |statement: &str| conclusion.hypotheses.iter().any(|kept| kept.statement == statement);
    let alternatives =
        conclusion.alternatives.iter().filter(|alternative| !among(&alternative.hypothesis));
    let submitted = alternatives.map(|alternative| WireHypothesis {
        statement: alternative.hypothesis.clone(),
        test: alternative.ruled_out_by.clone(),
        // Without a quote that holds it is only told, so it stays open.
        status: match alternative.evidence {
            Some(_) => WireHypothesisStatus::Refuted,
            None => WireHypothesisStatus::Open,
        },
        evidence: evidence(alternative.evidence.as_slice()),
    });
    kept.chain(submitted).collect()
}

fn root_cause_analysis(
    view: &View,
    conclusion: &Conclusion,
    target: Option<RemediationTarget>,
) -> RootCauseAnalysis {
    RootCauseAnalysis {
        summary: conclusion.summary.clone(),
        cause: conclusion.cause.as_ref().map(ToString::to_string).unwrap_or_default(),
        severity: Some(severity(conclusion.severity)),
        remediation_target: target,
        signal_name: view.incident.signal_name.clone(),
        contributing_factors: conclusion.contributing_factors.clone(),
        causal_chain: conclusion.causal_chain.clone(),
        due_diligence: conclusion
            .due_diligence
            .clone()
            .and_then(|sent| serde_json::from_value::<DueDiligence>(sent).ok())
            .unwrap_or_default(),
    }
}

fn remediation_target(target: &ObjectRef) -> RemediationTarget {
    RemediationTarget {
        kind: target.kind.clone(),
        name: target.name.clone(),
        namespace: target.namespace.clone(),
        api_version: target.api_version.clone(),
    }
}

fn outcome(outcome: Outcome) -> InvestigationOutcome {
    match outcome {
        Outcome::Actionable => InvestigationOutcome::Actionable,
        Outcome::NotActionable => InvestigationOutcome::NotActionable,
        Outcome::ProblemResolved => InvestigationOutcome::ProblemResolved,
        Outcome::InsufficientData => InvestigationOutcome::InsufficientData,
        Outcome::Inconclusive => InvestigationOutcome::Inconclusive,
    }
}

fn review(reason: ReviewReason) -> HumanReviewReason {
    match reason {
        ReviewReason::NoMatchingWorkflows => HumanReviewReason::NoMatchingWorkflows,
        ReviewReason::LlmParsingError => HumanReviewReason::LlmParsingError,
        ReviewReason::InvestigationInconclusive => HumanReviewReason::InvestigationInconclusive,
        ReviewReason::RcaIncomplete => HumanReviewReason::RcaIncomplete,
    }
}

fn usage(view: &View, conclusion: &Conclusion) -> Usage {
    let spend = &conclusion.spend;
    let milliseconds = view
        .finished_at
        .map_or(0, |finished| finished.as_millisecond() - view.created_at.as_millisecond());
    Usage {
        prompt_tokens: spend.tokens.prompt,
        completion_tokens: spend.tokens.completion,
        cached_tokens: spend.tokens.cached,
        model_turns: spend.turns,
        tool_calls: spend.tool_calls,
        duration_ms: u64::try_from(milliseconds).unwrap_or(0),
    }
}
