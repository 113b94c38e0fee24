//! Every scenario and every demo, by rules alone: the right cause on the right target, no false alarm.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use leadsman::config;
use leadsman::eval::{self, Judged, Loaded, Report, Selection, Setup, Summary, markdown};

/// The set that no rule was made for; its answers are measured, not demanded.
const BLIND: &str = "blind";

async fn evaluate(directory: &str) -> Report {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let loaded = Loaded::below(&root, &Selection::default()).unwrap();
    let limits = config::load_default().unwrap().investigation.limits();
    let setup = Setup { model: None, limits, jobs: eval::default_jobs() };
    let report = eval::run(directory.to_owned(), loaded, &setup, |_| Ok::<_, Infallible>(()));
    let Ok(report) = report.await;
    assert!(report.broken.is_empty(), "{:#?}", report.broken);
    assert!(report.judged.iter().all(|case| case.found.degraded), "a model took part");
    report
}

fn complaints<'a>(cases: impl IntoIterator<Item = &'a Judged>) -> String {
    let lines =
        cases.into_iter().filter_map(|case| Some(format!("{}: {}", case.name, case.complaint()?)));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_answer_the_scenarios_and_the_document_says_how_well() {
    let report = evaluate("tests/scenarios").await;
    let known: Vec<&Judged> = report
        .judged
        .iter()
        .filter(|case| !case.set().split('/').any(|part| part == BLIND))
        .collect();
    assert!(known.len() > 40, "the scenarios are missing");
    let summary = Summary::of(known.iter().copied(), Duration::ZERO);
    assert!(summary.false_alarms.of > 3, "the healthy controls are missing");
    assert!(
        summary.passes(0.95),
        "cause {}, target {}, false alarms {}:\n{}",
        summary.cause,
        summary.target,
        summary.false_alarms,
        complaints(known)
    );
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evaluation.md");
    assert!(
        std::fs::read_to_string(page).unwrap_or_default() == markdown::render(&report),
        "docs/evaluation.md is not what the program writes; run: \
         cargo run -- eval tests/scenarios --output md > docs/evaluation.md"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_answer_every_demo() {
    let report = evaluate("demos").await;
    assert!(report.judged.len() > 4, "the demos are missing");
    let complaints = complaints(&report.judged);
    assert!(complaints.is_empty(), "{complaints}");
}
