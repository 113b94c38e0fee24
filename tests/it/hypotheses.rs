//! Hypotheses are kept outside the chat, and only what evidence decides counts.

use leadsman_contract::{HypothesisStatus, IncidentResponse, Verdict};
use leadsman_testkit::{ChatRequestView, FakeModel, Reply};
use serde_json::{Value, json};

use crate::harness::{Harness, look, quote_of, subject, submission_quoting};

/// The submission of a model that tested nothing else.
fn untested(request: &ChatRequestView) -> Value {
    let mut submission = submission_quoting(quote_of(request.tool_results()[1].1));
    submission["alternatives"] = json!([]);
    submission
}

async fn with(hypotheses: fn(&ChatRequestView) -> Value) -> IncidentResponse {
    let model = FakeModel::start(leadsman_testkit::investigator(
        |_| look(),
        move |request| match request.turn() {
            1 => Reply::call("update_hypotheses", &json!({"hypotheses": hypotheses(request)})),
            _ => Reply::call("submit_result", &untested(request)),
        },
    ));
    let service = Harness::with_model(&model).await;
    let result = service.investigate(&subject().incident).await;
    model.assert_clean();
    result
}

fn refuted(id: &str, quote: &str) -> Value {
    json!([{
        "statement": "the node is broken", "test": "the node's conditions", "status": "refuted",
        "evidence": [{"id": id, "quote": quote}]
    }])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alternative_that_evidence_rules_out_makes_a_verdict_confirmed() {
    let result = with(|request| {
        let (id, quote) = quote_of(request.tool_results()[0].1);
        refuted(&id, &quote)
    })
    .await;
    assert_eq!(result.verdict, Some(Verdict::Confirmed));
    assert_eq!(result.hypotheses.len(), 1);
    assert_eq!(result.hypotheses[0].status, HypothesisStatus::Refuted);
    assert_eq!(result.usage.unwrap().tool_calls, 2, "keeping the books costs no budget");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alternative_that_is_only_claimed_away_leaves_a_verdict_likely() {
    let result = with(|_| refuted("E1", "words that nobody wrote")).await;
    assert_eq!(result.verdict, Some(Verdict::Likely));
    assert_eq!(result.hypotheses[0].status, HypothesisStatus::Open);
    assert!(result.hypotheses[0].evidence.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_rules_findings_are_the_hypotheses() {
    let service = Harness::by_rules().await;
    let result = service.investigate(&subject().incident).await;
    let (supported, refuted): (Vec<_>, Vec<_>) =
        result.hypotheses.iter().partition(|one| one.status == HypothesisStatus::Supported);
    assert!(!supported.is_empty() && !refuted.is_empty(), "{:?}", result.hypotheses);
    assert!(refuted.iter().all(|one| one.status == HypothesisStatus::Refuted));
    assert!(result.hypotheses.iter().all(|one| !one.evidence.is_empty()));
    assert_eq!(result.verdict, Some(Verdict::Confirmed));
}

/// The verdict on a model that tests nothing itself and names this cause.
async fn verdict_on(cause: &'static str) -> Option<Verdict> {
    let model = FakeModel::start(leadsman_testkit::investigator(
        |_| look(),
        move |request| {
            let mut submission = untested(request);
            submission["root_cause_analysis"]["cause"] = json!(cause);
            Reply::call("submit_result", &submission)
        },
    ));
    let service = Harness::with_model(&model).await;
    service.investigate(&subject().incident).await.verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_ruled_out_counts_for_their_own_cause_only() {
    let by_rules = Harness::by_rules().await.investigate(&subject().incident).await;
    let cause: &'static str = by_rules.root_cause_analysis.cause.leak();
    assert_eq!(verdict_on(cause).await, Some(Verdict::Confirmed));
    assert_eq!(verdict_on("network.dns_down").await, Some(Verdict::Likely));
}
