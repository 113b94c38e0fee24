//! The exact keys of a result: which stand always, and which only with content.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use leadsman_contract::{
    AlternativeWorkflow, Citation, DetectedLabels, DueDiligence, HumanReviewReason,
    IncidentResponse, InvestigationOutcome, Partial, ProblemDocument, ProblemType,
    RemediationTarget, RootCauseAnalysis, SelectedWorkflow, SessionState, SessionStatus, Severity,
    Usage, ValidationAttempt, Verdict,
};
use serde_json::{Value, json};

const TIME: &str = "2026-01-01T00:00:00Z";

fn value(response: &impl serde::Serialize) -> Value {
    serde_json::to_value(response).unwrap()
}

#[test]
fn synthesized_results_have_the_texts_that_clients_match() {
    let bare = |analysis: &str| {
        json!({
            "incident_id": "i", "analysis": analysis, "root_cause_analysis": {}, "confidence": 0.0,
            "timestamp": TIME, "needs_human_review": false, "warnings": [], "degraded": false
        })
    };
    let cancelled = IncidentResponse::cancelled("i", TIME);
    assert_eq!(value(&cancelled), bare("Investigation cancelled"));
    let empty = IncidentResponse::without_result("i", TIME);
    assert_eq!(value(&empty), bare("Investigation completed without result"));
    let mut failed = bare("Investigation failed: the model did not answer");
    failed["needs_human_review"] = json!(true);
    failed["human_review_reason"] = json!("investigation_inconclusive");
    failed["warnings"] = json!(["Human review required: investigation_inconclusive"]);
    assert_eq!(value(&IncidentResponse::failed("i", TIME, "the model did not answer")), failed);
}

#[test]
fn a_full_result_reads_as_documented() {
    let target = RemediationTarget {
        kind: "Node".into(),
        name: "n1".into(),
        namespace: String::new(),
        api_version: "v1".into(),
    };
    let response = IncidentResponse {
        incident_id: "i".into(),
        analysis: "a".into(),
        root_cause_analysis: RootCauseAnalysis {
            summary: "a".into(),
            cause: "oom_killed".into(),
            severity: Some(Severity::High),
            remediation_target: Some(target.clone()),
            signal_name: "OOMKilled".into(),
            contributing_factors: vec!["f".into()],
            causal_chain: vec!["c".into()],
            due_diligence: DueDiligence { proportionality: "p".into(), ..Default::default() },
        },
        confidence: 0.9,
        timestamp: TIME.into(),
        is_actionable: Some(false),
        selected_workflow: Some(SelectedWorkflow {
            workflow_id: "w".into(),
            confidence: 0.5,
            ..Default::default()
        }),
        alternative_workflows: vec![AlternativeWorkflow {
            workflow_id: "x".into(),
            execution_bundle: None,
            confidence: 0.1,
            rationale: "r".into(),
        }],
        validation_attempts_history: vec![ValidationAttempt {
            attempt: 1,
            workflow_id: None,
            is_valid: true,
            errors: vec![],
            timestamp: TIME.into(),
        }],
        detected_labels: Some(DetectedLabels { git_ops_managed: true, ..Default::default() }),
        root_cause: Some("a".into()),
        investigation_outcome: Some(InvestigationOutcome::Actionable),
        actionable: Some(true),
        remediation_target: Some(target),
        verdict: Some(Verdict::Confirmed),
        evidence: vec![Citation {
            id: "E1".into(),
            tool: "t".into(),
            arguments: json!({"n": 1}),
            quote: "q".into(),
        }],
        degraded: true,
        partial: Some(Partial { reason: "turns".into() }),
        next_steps: vec!["s".into()],
        usage: Some(Usage { prompt_tokens: 1, ..Default::default() }),
        ..Default::default()
    };
    let expected = json!({
        "incident_id": "i", "analysis": "a", "confidence": 0.9, "timestamp": TIME,
        "root_cause_analysis": {
            "summary": "a", "cause": "oom_killed", "severity": "high", "signal_name": "OOMKilled",
            "remediationTarget": {"kind": "Node", "name": "n1", "namespace": "", "api_version": "v1"},
            "contributing_factors": ["f"], "causal_chain": ["c"], "due_diligence": {"proportionality": "p"}
        },
        "needs_human_review": false, "is_actionable": false, "warnings": [],
        "selected_workflow": {"workflow_id": "w", "confidence": 0.5},
        "alternative_workflows": [{"workflow_id": "x", "confidence": 0.1, "rationale": "r"}],
        "validation_attempts_history": [{"attempt": 1, "is_valid": true, "timestamp": TIME}],
        "detected_labels": {"gitOpsManaged": true},
        "root_cause": "a", "investigation_outcome": "actionable", "actionable": true,
        "remediation_target": {"kind": "Node", "name": "n1", "namespace": "", "api_version": "v1"},
        "verdict": "confirmed",
        "evidence": [{"id": "E1", "tool": "t", "arguments": {"n": 1}, "quote": "q"}],
        "degraded": true, "partial": {"reason": "turns"}, "next_steps": ["s"],
        "usage": {"prompt_tokens": 1, "completion_tokens": 0, "cached_tokens": 0, "model_turns": 0,
            "tool_calls": 0, "duration_ms": 0}
    });
    assert_eq!(value(&response), expected);
    assert_eq!(serde_json::from_value::<IncidentResponse>(expected).unwrap(), response);
}

#[test]
fn conform_enforces_what_strict_clients_check() {
    let mut response = IncidentResponse {
        confidence: f64::NAN,
        human_review_reason: Some(HumanReviewReason::LowConfidence),
        selected_workflow: Some(SelectedWorkflow { confidence: 7.0, ..Default::default() }),
        ..Default::default()
    };
    response.conform();
    assert_eq!(response.confidence, 0.0);
    assert_eq!(response.human_review_reason, None);
    assert_eq!(response.selected_workflow.as_ref().unwrap().confidence, 1.0);
    assert!(response.warnings.is_empty());

    response.needs_human_review = true;
    response.human_review_reason = Some(HumanReviewReason::LowConfidence);
    response.conform();
    assert_eq!(response.warnings, ["Human review required: low_confidence"]);
    let before = response.clone();
    response.conform();
    assert_eq!(response, before);
}

#[test]
fn a_bare_status_has_two_keys_and_unknown_states_are_survived() {
    let status = SessionStatus::new("s", SessionState::UserDriving);
    assert_eq!(value(&status), json!({"session_id": "s", "status": "user_driving"}));
    let foreign = json!({"session_id": "s", "status": "hibernating"});
    let read: SessionStatus = serde_json::from_value(foreign).unwrap();
    assert_eq!(read.status, SessionState::Unknown);
}

#[test]
fn the_catalogue_is_unambiguous() {
    for &problem in ProblemType::ALL {
        assert!((400..600).contains(&problem.status()), "{problem:?}");
        if problem != ProblemType::AuthUnavailable {
            assert_eq!(ProblemType::of(&problem.uri(), problem.status()), Some(problem));
        }
    }
    assert_eq!(ProblemType::Unauthorized.uri(), "about:blank");
    assert_eq!(
        ProblemType::CapacityExhausted.uri(),
        "https://kubernaut.ai/problems/capacity-exhausted"
    );
    let foreign: ProblemDocument = serde_json::from_value(json!({
        "type": "about:blank", "title": "t", "status": 418, "detail": "d", "instance": "/"
    }))
    .unwrap();
    assert_eq!(foreign.kind(), None);
}
