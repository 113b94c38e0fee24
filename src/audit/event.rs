//! The audit event of an investigation's end (`aiagent.response.complete` or `aiagent.response.failed`).

use jiff::{Timestamp, Unit};
use leadsman_ports::audit::AuditRecord;
use leadsman_ports::cluster::ObjectRef;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::engine::events::Event;
use crate::engine::verdict::Conclusion;
use crate::readable;
use crate::sessions::View;

/// Bytes of a failure's text that an event carries.
const MAX_ERROR: usize = 2_000;

/// Makes the audit event of a session that ends with `terminal`. Its id follows from the session's, so a
/// redelivery after a crash is recognised. Its texts are fit to be read; the client's own ids stay as they are.
pub fn event_of(session: Uuid, view: &View, terminal: &Event, at: Timestamp) -> AuditRecord {
    let event_id = Uuid::new_v5(&session, b"end");
    let incident = &view.incident;
    let seconds = (at - view.created_at).total(Unit::Second).unwrap_or_default().max(0.0);
    let (kind, outcome, mut event_data) = describe(view, terminal, seconds, at);
    readable::value(&mut event_data);
    event_data["event_type"] = json!(kind);
    event_data["event_id"] = json!(event_id);
    event_data["incident_id"] = json!(incident.incident_id);
    event_data["session_id"] = json!(session);
    if let Some(data) = event_data.get_mut("response_data") {
        data["incidentId"] = json!(incident.incident_id);
    }
    let resource = &incident.resource;
    let body = json!({
        "version": "1.0",
        "event_type": kind,
        "event_timestamp": at.to_string(),
        "event_category": "aiagent",
        "event_action": kind.trim_start_matches("aiagent."),
        "event_outcome": outcome,
        "correlation_id": incident.remediation_id,
        "actor_type": "Service",
        "actor_id": "leadsman",
        "resource_type": readable::text(&resource.kind),
        "resource_id": readable::text(&resource.name),
        "namespace": readable::text(&resource.namespace),
        "cluster_name": readable::text(&incident.cluster_name),
        "severity": incident.severity.as_str(),
        "duration_ms": (seconds * 1000.0).round(),
        "event_data": event_data,
    });
    AuditRecord { event_id, body }
}

/// Type, outcome and particulars of an end.
fn describe(
    view: &View,
    terminal: &Event,
    seconds: f64,
    at: Timestamp,
) -> (&'static str, &'static str, Value) {
    match terminal {
        Event::Completed { conclusion } => (
            "aiagent.response.complete",
            "success",
            json!({
                "response_data": response_data(conclusion, at),
                "total_prompt_tokens": conclusion.spend.tokens.prompt,
                "total_completion_tokens": conclusion.spend.tokens.completion,
            }),
        ),
        Event::Cancelled { phase, conclusion, .. } => (
            "aiagent.response.failed",
            "failure",
            json!({
                "error_message": "Investigation cancelled",
                "phase": phase.as_str(),
                "duration_seconds": seconds,
                "total_prompt_tokens": conclusion.spend.tokens.prompt,
                "total_completion_tokens": conclusion.spend.tokens.completion,
            }),
        ),
        Event::Failed { reason, phase } => (
            "aiagent.response.failed",
            "failure",
            json!({
                "error_message": reason.chars().take(MAX_ERROR).collect::<String>(),
                "phase": phase.as_str(),
                "duration_seconds": seconds,
            }),
        ),
        // Every other event is not an end; the match is exhaustive so that a new one is decided on here.
        Event::Submitted { .. }
        | Event::Resumed
        | Event::Checkpointed
        | Event::PhaseStarted { .. }
        | Event::EvidenceCollected { .. }
        | Event::TriageCompleted { .. }
        | Event::TriageFailed { .. }
        | Event::HypothesesChanged { .. }
        | Event::ModelAnswered { .. }
        | Event::ModelFailed { .. }
        | Event::ToolsCalled { .. }
        | Event::ToolAnswered { .. }
        | Event::VerdictProposed { .. }
        | Event::VerdictChecked { .. }
        | Event::TargetResolved { .. }
        | Event::WorkflowsConsidered { .. } => (
            "aiagent.response.failed",
            "failure",
            json!({
                "error_message": "the investigation ended without a verdict",
                "phase": view.phase.as_str(),
                "duration_seconds": seconds,
            }),
        ),
    }
}

/// The result in the audit trail's own spelling (camelCase).
fn response_data(conclusion: &Conclusion, at: Timestamp) -> Value {
    let mut rca = Map::new();
    rca.insert("summary".to_owned(), json!(conclusion.summary));
    rca.insert("severity".to_owned(), json!(conclusion.severity));
    rca.insert("contributingFactors".to_owned(), json!(conclusion.contributing_factors));
    rca.insert("causalChain".to_owned(), json!(conclusion.causal_chain));
    if let Some(ObjectRef { api_version, kind, namespace, name }) = &conclusion.target {
        rca.insert(
            "remediationTarget".to_owned(),
            json!({"kind": kind, "name": name, "namespace": namespace, "apiVersion": api_version}),
        );
    }
    if let Some(cause) = &conclusion.cause {
        rca.insert("cause".to_owned(), json!(cause));
    }
    if let Some(diligence) = &conclusion.due_diligence {
        rca.insert("dueDiligence".to_owned(), diligence.clone());
    }
    let mut data = json!({
        "analysis": conclusion.summary,
        "rootCauseAnalysis": rca,
        "confidence": conclusion.confidence,
        "timestamp": at.to_string(),
        "needsHumanReview": conclusion.review.is_some(),
        "warnings": conclusion.warnings,
        "verdict": conclusion.verdict,
        "degraded": conclusion.degraded,
    });
    if let Some(review) = conclusion.review {
        data["humanReviewReason"] = json!(review);
    }
    data
}
