//! `kill -9` in the middle of running investigations loses nothing.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command};

use futures::future::join_all;
use leadsman_client::Client;
use leadsman_contract::{IncidentRequest, SessionState};
use leadsman_testkit::{FakeModel, Gate, Reply};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{look, numbered_incident, subject, submission};

const INVESTIGATIONS: usize = 50;

/// `leadsman serve` as a process of its own.
struct Process {
    child: Child,
    api: Client,
}

impl Process {
    fn start(directory: &Path, model: &FakeModel) -> Self {
        let file = directory.join("config.yaml");
        let settings = serde_json::json!({
            "server": {
                "api_address": "127.0.0.1:0", "health_address": "127.0.0.1:0",
                "metrics_address": "127.0.0.1:0", "shutdown_grace_seconds": 0
            },
            "model": {"endpoint": model.endpoint(), "name": "fake"},
            "cluster": {"snapshot": subject().snapshot},
            "storage": {"directory": directory.join("data")},
            "log": {"format": "json"}
        });
        std::fs::write(&file, settings.to_string()).unwrap();
        let mut child = crate::harness::serve(&file);
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let api = loop {
            let line = log.next().expect("the process ended before it served").unwrap();
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["fields"]["message"] == "serving" {
                break line["fields"]["api"].as_str().unwrap().to_owned();
            }
        };
        // Keeps reading, so that the process never blocks on a full pipe.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, api: Client::new(&format!("http://{api}")).unwrap() }
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn submit(&self, number: usize) -> Uuid {
        let body = numbered_incident(number).to_string();
        let request = IncidentRequest::decode(body.as_bytes()).unwrap();
        self.api.analyze(&request).await.unwrap().session_id
    }

    async fn completed(&self, id: Uuid) -> String {
        loop {
            let status = self.api.session(id).await.unwrap();
            match status.status {
                SessionState::Completed => break,
                SessionState::Pending | SessionState::Investigating => {
                    tokio::task::yield_now().await;
                }
                other => panic!("session {id} is {other}: {:?}", status.error),
            }
        }
        self.api.result(id).await.unwrap().incident_id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_session_ends_with_one_result_after_kill_9() {
    let gate = Gate::new();
    let held = gate.clone();
    let model = FakeModel::start(leadsman_testkit::investigator(
        |_| look(),
        // Half of them are killed in the middle of their second turn; the others may have completed.
        move |request| {
            let reply = Reply::call("submit_result", &submission(request));
            let even = request
                .first("user")
                .lines()
                .find(|line| line.starts_with("- Signal Name: "))
                .is_some_and(|line| line.ends_with(['0', '2', '4', '6', '8']));
            if even { reply.after(&held) } else { reply }
        },
    ));
    let directory = leadsman_testkit::temp_dir().unwrap();
    let process = Process::start(directory.path(), &model);
    let ids = join_all((0..INVESTIGATIONS).map(|number| process.submit(number))).await;
    model.wait_for_requests(INVESTIGATIONS).await;
    process.kill();

    gate.open();
    let process = Process::start(directory.path(), &model);
    let incidents = join_all(ids.iter().map(|id| process.completed(*id))).await;
    let expected: Vec<String> =
        (0..INVESTIGATIONS).map(|number| format!("incident-{number}")).collect();
    assert_eq!(incidents, expected);

    let audit = std::fs::read_to_string(directory.path().join("data/audit.jsonl")).unwrap();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for line in audit.lines() {
        let event: Value = serde_json::from_str(line).expect("no torn line");
        *lines
            .entry(event["event_data"]["session_id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    for id in &ids {
        assert_eq!(lines.get(&id.to_string()), Some(&1), "one audit event for session {id}");
    }
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_process_with_exit_code_0_and_keeps_what_was_accepted() {
    let model = FakeModel::start(|_| Reply::hang());
    let directory = leadsman_testkit::temp_dir().unwrap();
    let mut process = Process::start(directory.path(), &model);
    let id = process.submit(1).await;
    model.wait_for_requests(1).await;
    let pid = process.child.id();
    let terminate = format!("kill -TERM {pid}");
    assert!(Command::new("sh").args(["-c", &terminate]).status().unwrap().success());
    assert_eq!(process.child.wait().unwrap().code(), Some(0));

    let model = crate::harness::good_model();
    let process = Process::start(directory.path(), &model);
    assert_eq!(process.completed(id).await, "incident-1");
    process.kill();
}
