//! Model output is untrusted: every malformed answer has a defined outcome.

use leadsman_contract::{HumanReviewReason, IncidentResponse, Verdict};
use leadsman_testkit::{Answer, ChatRequestView, FakeModel, Reply};
use serde_json::{Value, json};

use crate::harness::{Harness, look, quote_of, subject, submission, submission_quoting};

/// Investigates with a model that looks first and then follows `conclude`.
async fn with(
    conclude: impl Fn(&ChatRequestView) -> Reply + Send + Sync + 'static,
) -> (IncidentResponse, FakeModel) {
    let model = FakeModel::start(leadsman_testkit::investigator(|_| look(), conclude));
    let service = Harness::with_model(&model).await;
    let result = service.investigate(&subject().incident).await;
    model.assert_clean();
    (result, model)
}

fn raw_call(tool: &str, arguments: String) -> Reply {
    Reply::Answer(Answer { calls: vec![(tool.to_owned(), arguments)], ..Answer::default() })
}

fn last_message(request: &ChatRequestView) -> String {
    let last = request.messages().last().unwrap();
    last["content"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_read_however_it_is_wrapped() {
    let wrappings: [fn(String) -> Reply; 4] = [
        |json| raw_call("submit_result", Value::String(json).to_string()),
        |json| raw_call("submit_result", format!("```json\n{json}\n```")),
        Reply::text,
        |json| Reply::text(format!("My result is:\n```json\n{json}\n```\nDone.")),
    ];
    for wrap in wrappings {
        let (result, _) = with(move |request| wrap(submission(request).to_string())).await;
        assert_eq!(result.verdict, Some(Verdict::Confirmed));
        assert!(!result.degraded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_arguments_and_unknown_tools_are_answered_and_the_model_goes_on() {
    let (result, model) = with(|request| match request.turn() {
        1 => Reply::Answer(Answer {
            calls: vec![
                ("kubectl_logs".to_owned(), "{\"name\": ".to_owned()),
                ("delete_everything".to_owned(), "{}".to_owned()),
                ("kubectl_get_by_name".to_owned(), "{\"nam\": \"x\"}".to_owned()),
            ],
            ..Answer::default()
        }),
        2 => Reply::calls(look()),
        _ => Reply::call("submit_result", &submission(request)),
    })
    .await;
    assert_eq!(result.verdict, Some(Verdict::Confirmed));
    let requests = model.requests();
    let answers: Vec<String> = requests[2]
        .messages()
        .iter()
        .rev()
        .take(3)
        .rev()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(answers[0].contains("not JSON"), "{}", answers[0]);
    assert!(answers[1].contains("there is no tool \"delete_everything\""), "{}", answers[1]);
    assert!(answers[2].contains("invalid argument"), "{}", answers[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn chatter_is_nudged_and_then_the_rules_answer() {
    let (result, model) = with(|_| Reply::text("I wonder what this could be.")).await;
    assert!(result.degraded);
    assert!(result.warnings.iter().any(|warning| warning.contains("could not be read")));
    assert!(last_message(&model.requests()[2]).contains("neither a tool call nor a result"));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_answers_are_nudged_and_then_the_rules_answer() {
    let (result, _) = with(|_| Reply::text("")).await;
    assert!(result.degraded);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invented_quote_is_sent_back_once_then_dropped_and_the_verdict_downgraded() {
    let (result, model) = with(|request| {
        let mut invented = submission_of_first_results(request);
        invented["evidence"]
            .as_array_mut()
            .unwrap()
            .push(json!({"id": "E1", "quote": "this was never said"}));
        Reply::call("submit_result", &invented)
    })
    .await;
    assert_eq!(result.verdict, Some(Verdict::Likely), "one level below confirmed");
    assert_eq!(result.evidence.len(), 1);
    assert!(result.warnings.iter().any(|warning| warning.contains("this was never said")));
    assert_eq!(model.requests().len(), 3);
    assert!(last_message(&model.requests()[2]).contains("evidence check failed"));
}

/// The submission as after the first look, whatever was said since.
fn submission_of_first_results(request: &ChatRequestView) -> Value {
    submission_quoting(quote_of(request.tool_results()[1].1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_without_evidence_is_inconclusive() {
    let (result, _) = with(|request| {
        let mut bare = submission_of_first_results(request);
        bare["evidence"] = json!([]);
        Reply::call("submit_result", &bare)
    })
    .await;
    assert_eq!(result.verdict, Some(Verdict::Inconclusive));
    assert_eq!(result.human_review_reason, Some(HumanReviewReason::InvestigationInconclusive));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_down_leaves_the_answer_to_the_rules() {
    let model = FakeModel::start(|_| Reply::error(401, "invalid_api_key", "no"));
    let service = Harness::with_model(&model).await;
    let result = service.investigate(&subject().incident).await;
    assert!(result.degraded);
    assert!(result.verdict.unwrap() != Verdict::Inconclusive);
    assert!(result.warnings.iter().any(|warning| warning.contains("refused the credentials")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_runs_out_ends_in_the_best_verdict_so_far() {
    let model = FakeModel::start(|_| Reply::calls(look()));
    let directory = leadsman_testkit::temp_dir().unwrap();
    let mut config = crate::harness::config(directory.path(), Some(&model));
    config.investigation.max_turns = 3;
    let service = Harness::start(config, directory).await;
    let result = service.investigate(&subject().incident).await;
    model.assert_clean();
    assert_eq!(model.requests().len(), 3);
    assert!(last_message(&model.requests()[2]).contains("last turn"));
    assert!(result.partial.unwrap().reason.contains("3 model turns"));
    assert!(result.root_cause.is_some());
    assert_eq!(result.usage.unwrap().model_turns, 3);
}
