//! Many investigations at once.

use futures::future::join_all;
use leadsman_contract::SessionState;
use uuid::Uuid;

use crate::harness::{Harness, good_model, numbered_incident};

const INVESTIGATIONS: usize = 200;
/// Seconds between an end and its being seen that only something that hangs can need.
const HANG: f64 = 5.0;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_investigations_at_once_all_complete_and_are_counted() {
    let model = good_model();
    let service = Harness::with_model(&model).await;
    let incidents: Vec<_> = (0..INVESTIGATIONS).map(numbered_incident).collect();
    let ids = join_all(incidents.iter().map(|incident| service.submit(incident))).await;
    let delays = join_all(ids.iter().map(|id| shown_after(&service, *id))).await;
    let slowest = delays.into_iter().fold(0.0, f64::max);
    assert!(slowest < HANG, "an end showed only after {slowest} s");
    let statuses = join_all(ids.iter().map(|id| service.ended(*id))).await;
    assert!(statuses.iter().all(|status| status.status == SessionState::Completed));
    let api = &service.api;
    let results = join_all(ids.iter().map(|id| async move { api.result(id).await.unwrap() })).await;
    let mut incident_ids: Vec<String> =
        results.into_iter().map(|result| result.incident_id).collect();
    incident_ids.sort();
    incident_ids.dedup();
    assert_eq!(incident_ids.len(), INVESTIGATIONS);
    model.assert_clean();

    let page = service.metrics.get("/metrics").await.unwrap().text();
    assert_eq!(sum(&page, "aiagent_sessions_started_total"), INVESTIGATIONS);
    assert_eq!(sum(&page, "aiagent_sessions_completed_total"), INVESTIGATIONS);
    assert_eq!(sum(&page, "aiagent_audit_events_emitted_total"), INVESTIGATIONS);
    assert_eq!(sum(&page, "aiagent_api_llm_requests_total"), INVESTIGATIONS * 2);
    assert_eq!(sum(&page, "leadsman_tool_calls_total"), INVESTIGATIONS * 2);
    let audit = std::fs::read_to_string(service.directory.path().join("audit.jsonl")).unwrap();
    assert_eq!(audit.lines().count(), INVESTIGATIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exceeds_the_capacity_is_refused_with_a_time_to_retry() {
    let model = leadsman_testkit::FakeModel::start(|_| leadsman_testkit::Reply::hang());
    let directory = leadsman_testkit::temp_dir().unwrap();
    let mut config = crate::harness::config(directory.path(), Some(&model));
    config.sessions.max_concurrent = 1;
    config.server.shutdown_grace_seconds = 0;
    let service = Harness::start(config, directory).await;
    let first = service.submit(&numbered_incident(1)).await;
    let body = numbered_incident(2).to_string();
    let analyze = "/api/v1/incident/analyze";
    let refused = service.api.post(analyze, "application/json", body).await.unwrap();
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("capacity-exhausted"), "{}", refused.text());
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    service.api.cancel(first).await.unwrap();
    service.submit(&numbered_incident(3)).await;
}

/// Seconds from a session's end, as its journal has it, to its being shown.
async fn shown_after(service: &Harness, id: Uuid) -> f64 {
    let session = service.sessions.find(id).await.unwrap().expect("a known session");
    session.finished().await;
    let end = session.view().finished_at.expect("an end");
    jiff::Timestamp::now().duration_since(end).as_secs_f64()
}

/// The sum of a counter over its labels.
fn sum(page: &str, name: &str) -> usize {
    page.lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
        .sum()
}
