//! The real service on free ports, over a bundled snapshot and a fake model.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use leadsman::app::App;
use leadsman::config::{self, Config};
use leadsman::sessions::Sessions;
use leadsman_client::Client;
use leadsman_contract::{IncidentRequest, IncidentResponse, SessionState, SessionStatus};
use leadsman_testkit::{ChatRequestView, FakeModel, Gate, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The namespace and workload of the default demo, which the tests investigate too.
pub(crate) struct Subject {
    pub(crate) snapshot: PathBuf,
    pub(crate) incident: Value,
    pub(crate) namespace: String,
}

/// The default demo.
pub(crate) fn subject() -> Subject {
    let demos = Path::new(env!("CARGO_MANIFEST_DIR")).join("demos");
    let mut directories: Vec<PathBuf> =
        std::fs::read_dir(demos).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    let default = directories
        .iter()
        .find(|path| {
            let card = std::fs::read_to_string(path.join("expected.yaml")).unwrap();
            card.lines().any(|line| line.trim() == "default: true")
        })
        .expect("a default demo");
    let incident: Value =
        serde_json::from_slice(&std::fs::read(default.join("incident.json")).unwrap()).unwrap();
    let namespace = incident["resource_namespace"].as_str().unwrap().to_owned();
    Subject { snapshot: default.join("snapshot"), incident, namespace }
}

/// A configuration for tests: free ports, data in `directory`, the given model if any.
pub(crate) fn config(directory: &Path, model: Option<&FakeModel>) -> Config {
    let mut config = config::load_default().unwrap();
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    config.server.api_address = free;
    config.server.health_address = free;
    config.server.metrics_address = free;
    config.server.shutdown_grace_seconds = 5;
    config.storage.directory = directory.to_owned();
    config.cluster.snapshot = Some(subject().snapshot);
    config.sessions.max_concurrent = 500;
    config.model.endpoint = model.map(FakeModel::endpoint);
    config.model.name = model.map(|_| "fake".to_owned());
    config
}

/// A running service.
pub(crate) struct Harness {
    pub(crate) api: Client,
    pub(crate) health: Client,
    pub(crate) metrics: Client,
    pub(crate) sessions: Sessions,
    pub(crate) directory: TempDir,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Harness {
    /// Without a model.
    pub(crate) async fn by_rules() -> Self {
        let directory = leadsman_testkit::temp_dir().unwrap();
        let config = config(directory.path(), None);
        Self::start(config, directory).await
    }

    /// With a model.
    pub(crate) async fn with_model(model: &FakeModel) -> Self {
        let directory = leadsman_testkit::temp_dir().unwrap();
        let config = config(directory.path(), Some(model));
        Self::start(config, directory).await
    }

    pub(crate) async fn start(config: Config, directory: TempDir) -> Self {
        let app = App::build(&config).await.unwrap();
        let client = |address: SocketAddr| Client::new(&format!("http://{address}")).unwrap();
        let (api, health, metrics) =
            (client(app.api_addr()), client(app.health_addr()), client(app.metrics_addr()));
        let sessions = app.sessions();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = tokio::spawn(async move { app.run(stopped).await.unwrap() });
        Self { api, health, metrics, sessions, directory, stop, running }
    }

    /// Asks the service to stop, as SIGTERM does.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the service and gives the directory back.
    pub(crate) async fn stopped(self) -> TempDir {
        self.stop.cancel();
        self.running.await.unwrap();
        self.directory
    }

    pub(crate) async fn submit(&self, incident: &Value) -> Uuid {
        let request = IncidentRequest::decode(incident.to_string().as_bytes()).unwrap();
        self.api.analyze(&request).await.unwrap().session_id
    }

    /// Waits until the session has ended and returns its status as a poll gives it.
    pub(crate) async fn ended(&self, id: Uuid) -> SessionStatus {
        let session = self.sessions.find(id).await.unwrap().expect("a known session");
        session.finished().await;
        self.api.session(id).await.unwrap()
    }

    /// Submits an incident and returns the result of its completed session.
    pub(crate) async fn investigate(&self, incident: &Value) -> IncidentResponse {
        let id = self.submit(incident).await;
        let status = self.ended(id).await;
        assert_eq!(status.status, SessionState::Completed, "{:?}", status.error);
        self.api.result(id).await.unwrap()
    }
}

/// An incident of its own about the subject: told apart by its signal's name, which the model sees.
pub(crate) fn numbered_incident(number: usize) -> Value {
    let mut incident = subject().incident;
    incident["incident_id"] = json!(format!("incident-{number}"));
    incident["remediation_id"] = json!(format!("remediation-{number}"));
    incident["signal_name"] = json!(format!("Signal{number}"));
    incident
}

/// The tool call that every scripted model begins with.
pub(crate) fn look() -> Vec<(String, Value)> {
    let namespace = subject().namespace;
    vec![
        (
            "kubectl_get_by_kind_in_namespace".to_owned(),
            json!({"kind": "Pod", "namespace": namespace}),
        ),
        (
            "kubectl_get_by_kind_in_namespace".to_owned(),
            json!({"kind": "Deployment", "namespace": namespace}),
        ),
    ]
}

/// A submission that quotes what the last tool result shows.
pub(crate) fn submission(request: &ChatRequestView) -> Value {
    submission_quoting(last_quote(request))
}

/// A submission with this evidence.
pub(crate) fn submission_quoting((id, quote): (String, String)) -> Value {
    json!({
        "root_cause_analysis": {
            "summary": "The workload is broken by its own configuration.",
            "causal_chain": ["The configuration changed", "The workload broke"],
            "contributing_factors": ["No review"],
            "remediation_target": {
                "kind": subject().incident["resource_kind"],
                "name": subject().incident["resource_name"],
                "namespace": subject().namespace
            }
        },
        "confidence": 0.9,
        "evidence": [{"id": id, "quote": quote}],
        "alternatives": [{
            "hypothesis": "the node", "ruled_out_by": "it is listed there",
            "evidence": {"id": id, "quote": quote}
        }],
        "next_steps": ["Roll back"],
        "investigation_outcome": "actionable"
    })
}

/// The evidence id and a line of the last tool result.
pub(crate) fn last_quote(request: &ChatRequestView) -> (String, String) {
    let results = request.tool_results();
    quote_of(results.last().expect("a tool result").1)
}

/// The evidence id and a line of a tool result.
pub(crate) fn quote_of(text: &str) -> (String, String) {
    let id = text.lines().next().unwrap().trim_start_matches("Evidence ").trim_end_matches(':');
    let line = text.lines().nth(2).expect("a line of evidence");
    (id.to_owned(), line.to_owned())
}

/// Looks, then submits.
pub(crate) fn good_model() -> FakeModel {
    FakeModel::start(leadsman_testkit::investigator(
        |_| look(),
        |request| Reply::call("submit_result", &submission(request)),
    ))
}

/// Looks, then submits once the gate is open.
pub(crate) fn gated_model() -> (FakeModel, Gate) {
    let gate = Gate::new();
    let held = gate.clone();
    let model = FakeModel::start(leadsman_testkit::investigator(
        |_| look(),
        move |request| Reply::call("submit_result", &submission(request)).after(&held),
    ));
    (model, gate)
}

/// `leadsman serve` as a process of its own, with its log in a pipe and nothing from the environment.
pub(crate) fn serve(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_leadsman"))
        .arg("--config")
        .arg(config)
        .arg("serve")
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a reader does not see or a terminal obeys, written down apart from the product's own notion of it.
pub(crate) fn is_hidden(c: char) -> bool {
    let code = u32::from(c);
    (c.is_control() && c != '\n' && c != '\t')
        || [0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x3164, 0xffa0, 0xfeff, 0x2028, 0x2029]
            .contains(&code)
        || [
            (0x200b, 0x200f),
            (0x202a, 0x202e),
            (0x2060, 0x206f),
            (0xfe00, 0xfe0f),
            (0xe0000, 0xe0fff),
        ]
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&code))
}
