//! `leadsman eval` and `leadsman causes`: what is counted, what is refused, and how both end.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use leadsman::eval::{Expected, Judged, Summary, Target};
use leadsman::triage::causes::{self, CauseCode};
use leadsman_contract::{
    HumanReviewReason, IncidentResponse, InvestigationOutcome, RemediationTarget, Verdict,
};
use leadsman_testkit::{FakeModel, Reply};
use serde_json::Value;
use tempfile::TempDir;

fn target(name: &str) -> Target {
    Target { kind: "Deployment".into(), name: name.into(), namespace: "shop".into() }
}

/// A case that expects a cause (none: that nothing can be decided) on Deployment shop/cart.
fn expecting(cause: Option<CauseCode>) -> Expected {
    let not_causes = vec![CauseCode::ApplicationError];
    Expected { family: "oom".into(), cause, target: Some(target("cart")), not_causes }
}

fn answer(verdict: Verdict, cause: &str, name: &str) -> IncidentResponse {
    let Target { kind, name, namespace } = target(name);
    let mut answer = IncidentResponse { verdict: Some(verdict), ..IncidentResponse::default() };
    answer.root_cause_analysis.cause = cause.to_owned();
    answer.remediation_target =
        Some(RemediationTarget { kind, name, namespace, api_version: "apps/v1".into() });
    answer.investigation_outcome = Some(InvestigationOutcome::Actionable);
    answer
}

fn judged(expected: Expected, answer: &IncidentResponse, milliseconds: u64) -> Judged {
    let time = Duration::from_millis(milliseconds);
    Judged::new("sets/one".into(), String::new(), expected, answer, time)
}

#[test]
fn an_answer_is_right_in_its_cause_and_in_its_target() {
    let expected = expecting(Some(CauseCode::OomKilled));
    let right = answer(Verdict::Confirmed, "container.oom_killed", "cart");
    let case = judged(expected.clone(), &right, 1);
    assert!(case.right() && case.complaint().is_none() && case.set() == "sets");

    let elsewhere = answer(Verdict::Confirmed, "container.oom_killed", "basket");
    let case = judged(expected.clone(), &elsewhere, 1);
    assert!(case.cause_right && !case.target_right && case.over_claimed);
    assert_eq!(
        case.complaint().unwrap(),
        "expected container.oom_killed on Deployment shop/cart; \
         found container.oom_killed on Deployment shop/basket (confirmed)"
    );

    let mistaken = answer(Verdict::Likely, "container.app_error", "cart");
    let case = judged(expected.clone(), &mistaken, 1);
    assert!(!case.cause_right && case.forbidden && !case.over_claimed && !case.over_escalated);

    let undecided = answer(Verdict::Inconclusive, "container.oom_killed", "cart");
    let case = judged(expected.clone(), &undecided, 1);
    assert!(case.right() && case.over_escalated && case.complaint().is_some());

    let mut handed_over = right;
    handed_over.human_review_reason = Some(HumanReviewReason::RcaIncomplete);
    assert!(judged(expected.clone(), &handed_over, 1).over_escalated);
    handed_over.human_review_reason = Some(HumanReviewReason::NoMatchingWorkflows);
    assert!(!judged(expected.clone(), &handed_over, 1).over_escalated);

    let failed = IncidentResponse::failed("i", "2026-01-01T00:00:00Z", "the store is gone");
    let case = judged(expected, &failed, 1);
    assert!(!case.cause_right && !case.target_right && case.over_escalated);
}

#[test]
fn an_alarm_is_false_only_where_all_is_well() {
    let alarms = |verdict, cause| {
        let expected = expecting(Some(CauseCode::Healthy));
        judged(expected, &answer(verdict, cause, "cart"), 1).false_alarm
    };
    assert!(alarms(Verdict::Likely, "rollout.stuck"));
    assert!(alarms(Verdict::Likely, ""), "something to do, without a code");
    assert!(!alarms(Verdict::Inconclusive, "rollout.stuck"));
    assert!(!alarms(Verdict::Confirmed, "healthy"));
    let sick = expecting(Some(CauseCode::OomKilled));
    assert!(!judged(sick, &answer(Verdict::Likely, "rollout.stuck", "cart"), 1).false_alarm);
}

#[test]
fn where_nothing_can_be_known_claiming_something_is_wrong() {
    let claimed = answer(Verdict::Confirmed, "container.oom_killed", "cart");
    let case = judged(expecting(None), &claimed, 1);
    assert!(!case.cause_right && case.over_claimed);
    let honest = answer(Verdict::Inconclusive, "", "cart");
    let case = judged(expecting(None), &honest, 1);
    assert!(case.right() && !case.over_escalated && case.complaint().is_none());
}

#[test]
fn the_summary_counts_each_rate_among_those_it_can_hold_for() {
    let oom = || expecting(Some(CauseCode::OomKilled));
    let right = answer(Verdict::Confirmed, "container.oom_killed", "cart");
    let wrong = answer(Verdict::Confirmed, "rollout.stuck", "cart");
    let mut cases: Vec<Judged> = (1..=18).map(|time| judged(oom(), &right, time)).collect();
    cases.push(judged(oom(), &wrong, 19));
    let alarm = answer(Verdict::Likely, "rollout.stuck", "cart");
    let quiet = answer(Verdict::Likely, "healthy", "cart");
    cases.push(judged(expecting(Some(CauseCode::Healthy)), &quiet, 20));

    let summary = Summary::of(&cases, Duration::from_secs(1));
    assert_eq!(summary.cause.to_string(), "19 of 20 (95.0 %)");
    assert_eq!(summary.over_claimed.to_string(), "1 of 19 (5.3 %)");
    assert_eq!(summary.false_alarms.to_string(), "0 of 1 (0.0 %)");
    assert_eq!((summary.cost.case_p50_ms, summary.cost.case_p95_ms), (10, 19));
    assert!(summary.passes(0.95) && !summary.passes(0.951));

    cases.push(judged(expecting(Some(CauseCode::Healthy)), &alarm, 21));
    let summary = Summary::of(&cases, Duration::from_secs(1));
    assert!(!summary.passes(0.1), "a false alarm fails at any threshold");
    assert_eq!(Summary::of([], Duration::ZERO).cause.to_string(), "0 of 0");
}

fn leadsman(arguments: &[&str], directory: &Path, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leadsman"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A directory with two cases, `cases/one` and `cases/deep/down/two`.
fn two_cases() -> TempDir {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let demos = Path::new(env!("CARGO_MANIFEST_DIR")).join("demos");
    copy(&demos.join("cart-unreachable"), &directory.path().join("cases/one"));
    copy(&demos.join("renderer-restarts"), &directory.path().join("cases/deep/down/two"));
    directory
}

fn rewrite(file: &Path, from: &str, to: &str) {
    let before = std::fs::read_to_string(file).unwrap();
    assert!(before.contains(from));
    std::fs::write(file, before.replace(from, to)).unwrap();
}

#[test]
fn json_is_a_line_a_case_in_order_and_a_summary() {
    let directory = two_cases();
    let eval = |more: &[&str]| {
        let arguments = [&["eval", "cases/", "--output", "json"], more].concat();
        let output = leadsman(&arguments, directory.path(), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines
    };
    let lines = eval(&["--jobs", "2"]);
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["name"], &lines[1]["name"]), (&"deep/down/two".into(), &"one".into()));
    assert_eq!(lines[0]["type"], "case");
    assert_eq!(lines[0]["found"]["cause"], "container.oom_killed");
    assert_eq!(lines[1]["expected"]["target"]["namespace"], "shop");
    assert_eq!(lines[2]["type"], "summary");
    assert_eq!(lines[2]["cause"]["rate"], 1.0);
    assert_eq!(lines[2]["passed"], true);
    assert_eq!(eval(&["--filter", "one"]).len(), 2);
    assert_eq!(eval(&["--exclude", "down"])[0]["name"], "one");
}

#[test]
fn a_wrong_answer_below_the_threshold_ends_in_2_and_is_shown() {
    let directory = two_cases();
    let file = directory.path().join("cases/one/expected.yaml");
    rewrite(&file, "cause: service.selector_mismatch", "cause: node.not_ready");
    let output = leadsman(&["eval", "cases"], directory.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let page = text(&output.stdout);
    assert!(page.contains("1 of 2 (50.0 %)"), "{page}");
    assert!(page.contains("one: expected node.not_ready on Service shop/cart; found "), "{page}");
    let output = leadsman(&["eval", "cases", "--threshold", "0.5"], directory.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_broken_case_names_its_file_and_the_fix_and_the_others_are_still_answered() {
    type Damage<'a> = &'a dyn Fn(&Path);
    let breaks: [(Damage<'_>, &str); 6] = [
        (
            &|case| rewrite(&case.join("expected.yaml"), "cause: service.", "cause: sevrice."),
            "cases/one/expected.yaml: cause: no cause has the code \"sevrice.selector_mismatch\"; \
             `leadsman causes` lists the codes",
        ),
        (
            &|case| rewrite(&case.join("expected.yaml"), "not_causes:", "not_cause:"),
            "cases/one/expected.yaml: ",
        ),
        (
            &|case| rewrite(&case.join("expected.yaml"), "name: cart", "name: ''"),
            "cases/one/expected.yaml: target: kind or name is empty",
        ),
        (
            &|case| std::fs::remove_file(case.join("incident.json")).unwrap(),
            "cases/one/incident.json is missing; add the body of POST",
        ),
        (
            &|case| rewrite(&case.join("incident.json"), "\"critical\"", "\"dire\""),
            "cases/one/incident.json: severity: ",
        ),
        (
            &|case| std::fs::write(case.join("snapshot/shop.yaml"), "a: [").unwrap(),
            "cases/one/snapshot: shop.yaml",
        ),
    ];
    for (damage, complaint) in breaks {
        let directory = two_cases();
        damage(&directory.path().join("cases/one"));
        let output = leadsman(&["eval", "cases"], directory.path(), &[]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.starts_with(&format!("leadsman: {complaint}")), "{stderr}");
        assert!(text(&output.stdout).starts_with("cases: 1 case, answered"), "{stderr}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_an_error() {
    let directory = leadsman_testkit::temp_dir().unwrap();
    for (arguments, complaint) in [
        (&["eval", "nowhere"][..], "leadsman: nowhere is not a directory"),
        (&["eval", "."], "leadsman: .: no case is here; a case is a directory with incident.json"),
        (
            &["eval", ".", "--model"],
            "leadsman: --model: no model is configured; set model.endpoint",
        ),
    ] {
        let output = leadsman(arguments, directory.path(), &[]);
        assert_eq!(output.status.code(), Some(1));
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with(complaint), "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_model_takes_part_only_when_asked() {
    let model = FakeModel::start(|_: &_| Reply::text("I would rather not say.".to_owned()));
    let directory = two_cases();
    let endpoint = model.endpoint();
    let environment =
        [("LEADSMAN_MODEL_ENDPOINT", endpoint.as_str()), ("LEADSMAN_MODEL_NAME", "fake")];
    let eval = |arguments: &[&str]| {
        let output = leadsman(arguments, directory.path(), &environment);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let page = eval(&["eval", "cases", "--output", "md"]);
    assert!(page.contains("2 cases, answered by rules alone."), "{page}");
    assert!(model.requests().is_empty());
    let page = eval(&["eval", "cases", "--output", "md", "--model"]);
    assert!(page.contains("2 cases, answered with the model fake."), "{page}");
    assert!(page.contains("| Answered by the rules after all | 2 of 2 (100.0 %) |"), "{page}");
    assert!(!model.requests().is_empty());
}

#[test]
fn the_page_of_causes_is_current_and_the_data_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = leadsman(&["causes"], root, &[]);
    assert_eq!(output.status.code(), Some(0));
    let page = text(&output.stdout);
    assert!(
        std::fs::read_to_string(root.join("docs/causes.md")).unwrap_or_default() == page,
        "docs/causes.md is not what the program writes; run: cargo run -- causes > docs/causes.md"
    );
    let output = leadsman(&["causes", "--output", "json"], root, &[]);
    let data: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(data.len(), causes::catalogue().len());
    for cause in causes::catalogue() {
        let code = cause.code.as_str();
        assert!(page.contains(&format!("\n### {code}\n")), "{code} is not on the page");
        assert!(data.iter().any(|row| row["code"] == code && row["advice"] == cause.advice));
    }
}
