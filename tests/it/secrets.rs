//! No secret that stands anywhere in a cluster or in an alert leaves the process: not to the model, not into the
//! journal, the audit trail, the logs or an answer.

mod key;
mod plants;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadsman_client::Client;
use leadsman_contract::{IncidentRequest, SessionState};
use leadsman_ports::store::SessionStore as _;
use leadsman_store::SqliteStore;
use leadsman_testkit::{ChatRequestView, FakeModel, Reply};
use serde_json::{Value, json};

use crate::harness::{quote_of, submission_quoting};
use crate::planted::{POD, every_call};
use plants::{Mint, planted};

const NAMESPACE: &str = "till";

/// Objects that the model asks every tool about.
const OBJECTS: &[(&str, &str)] = &[
    ("Deployment", "cash"),
    ("ReplicaSet", "cash-7d9f8c6b54"),
    ("Pod", POD),
    ("ConfigMap", "cash-config"),
    ("ConfigMap", "cash-files"),
    ("Secret", "cash-secret"),
    ("Secret", "sh.helm.release.v1.cash.v3"),
    ("Secret", "regcred"),
    ("Service", "cash"),
    ("Event", "cash.0"),
    ("Drawer", "front"),
    ("Application", "cash"),
    ("Secret", "cash-tls"),
    ("Ingress", "cash"),
    ("Job", "migrate"),
    ("Node", "worker-1"),
];

/// Calls of one turn.
const CALLS: usize = 16;
/// Bytes of evidence that one page shows.
const PAGE: usize = 6_000;

/// Calls every tool about every object, reads every piece of evidence to its end, then submits.
fn curious(request: &ChatRequestView) -> Reply {
    let calls = every_call(request, NAMESPACE, OBJECTS);
    let looks = calls.len().div_ceil(CALLS);
    if request.turn() < looks {
        return Reply::calls(calls.into_iter().skip(request.turn() * CALLS).take(CALLS));
    }
    let shown = request.messages().iter().filter_map(|message| message["content"].as_str());
    let evidence = shown.flat_map(str::lines).filter(|line| line.starts_with("Evidence E")).count();
    let pages: Vec<(String, Value)> = (1..=evidence)
        .flat_map(|number| [PAGE, 2 * PAGE, 3 * PAGE].map(|offset| (number, offset)))
        .map(|(number, offset)| {
            ("read_evidence".to_owned(), json!({"id": format!("E{number}"), "offset": offset}))
        })
        .collect();
    let page = (request.turn() - looks) * CALLS;
    if page < pages.len() {
        return Reply::calls(pages.into_iter().skip(page).take(CALLS));
    }
    let results = request.tool_results();
    let (_, first) = results.iter().find(|(_, text)| text.starts_with("Evidence ")).unwrap();
    Reply::call("submit_result", &submission_quoting(quote_of(first)))
}

/// Where secrets were found.
struct Search {
    secrets: Vec<(String, Vec<String>)>,
    leaks: Vec<String>,
}

impl Search {
    fn new(mint: Mint) -> Self {
        let forms = |secret: &str| {
            let encoded = STANDARD.encode(secret).trim_end_matches('=').to_owned();
            // The last letter of an encoding depends on what follows.
            vec![secret.to_owned(), encoded[..encoded.len() - 1].to_owned()]
        };
        let secrets = mint.made.into_iter().map(|(kind, secret)| (kind, forms(&secret))).collect();
        Self { secrets, leaks: Vec::new() }
    }

    fn look(&mut self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for (kind, forms) in &self.secrets {
            if let Some(at) = forms.iter().find_map(|form| text.find(form)) {
                let start = text.floor_char_boundary(at.saturating_sub(60));
                let end = text.ceil_char_boundary((at + 60).min(text.len()));
                self.leaks.push(format!("{kind} in {place}: {}", &text[start..end]));
            }
        }
    }
}

/// `leadsman serve` with its log captured.
struct Process {
    child: Child,
    api: Client,
    log: JoinHandle<Vec<u8>>,
}

impl Process {
    fn start(directory: &Path, model: &FakeModel, api_key: &str) -> Self {
        let file = directory.join("config.yaml");
        let settings = json!({
            "server": {"api_address": "127.0.0.1:0", "health_address": "127.0.0.1:0",
                "metrics_address": "127.0.0.1:0", "dev_mode": true},
            "investigation": {"max_turns": 100, "max_tool_calls": 5000, "max_tokens": 100_000_000},
            "model": {"endpoint": model.endpoint(), "name": "fake", "api_key": api_key},
            "cluster": {"snapshot": directory.join("snapshot")},
            "storage": {"directory": directory.join("data")},
            "log": {"format": "json", "level": "trace"}
        });
        std::fs::write(&file, settings.to_string()).unwrap();
        let mut child = crate::harness::serve(&file);
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut captured = Vec::new();
        let api = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the process ended before it served");
            captured.extend_from_slice(line.as_bytes());
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["fields"]["message"] == "serving" {
                break line["fields"]["api"].as_str().unwrap().to_owned();
            }
        };
        let log = std::thread::spawn(move || {
            log.read_to_end(&mut captured).unwrap();
            captured
        });
        Self { child, api: Client::new(&format!("http://{api}")).unwrap(), log }
    }

    /// Kills it and returns all it logged.
    fn kill(mut self) -> Vec<u8> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_leaves_the_service() {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let (mut mint, incident) = planted(directory.path());
    let api_key = mint.token("API key of the model", 40);
    let model = FakeModel::start(curious);
    let process = Process::start(directory.path(), &model, &api_key);

    let request = IncidentRequest::decode(incident.to_string().as_bytes()).unwrap();
    let id = process.api.analyze(&request).await.unwrap().session_id;
    let status = loop {
        let status = process.api.session(id).await.unwrap();
        match status.status {
            SessionState::Pending | SessionState::Investigating => tokio::task::yield_now().await,
            _ => break status,
        }
    };
    assert_eq!(status.status, SessionState::Completed, "{:?}", status.error);
    let result = process.api.result(id).await.unwrap();
    assert!(!result.degraded && result.partial.is_none(), "{:?}", result.warnings);
    let config = process.api.get("/config").await.unwrap();
    assert_eq!(config.status, 200);

    let kinds: std::collections::BTreeSet<&String> =
        mint.made.iter().map(|(kind, _)| kind).collect();
    assert!(kinds.len() >= 40, "{} kinds", kinds.len());
    let mut search = Search::new(mint);
    search.look("the status", serde_json::to_string(&status).unwrap().as_bytes());
    search.look("the result", serde_json::to_string(&result).unwrap().as_bytes());
    search.look("/config", config.text().as_bytes());
    let offered: Vec<String> =
        model.requests()[0].tools().iter().map(|tool| (*tool).to_owned()).collect();
    let mut called = std::collections::BTreeSet::new();
    for request in model.requests() {
        search.look("a request to the model", &request.raw);
        called.extend(request.tool_results().iter().map(|(tool, _)| (*tool).to_owned()));
    }
    for tool in offered.iter().filter(|tool| *tool != "submit_result") {
        assert!(called.contains(tool), "{tool} was never called");
    }
    let log = process.kill();
    assert!(log.len() > 10_000, "the log was not captured");
    search.look("the log", &log);
    let data = directory.path().join("data");
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        search.look(&name, &std::fs::read(&path).unwrap());
    }
    // A page's end may cut a secret in two in the file, so the entries are searched as well.
    let store = SqliteStore::open(&data).await.unwrap();
    for record in store.journal(id, 0).await.unwrap() {
        search.look("the journal", record.event.as_bytes());
    }
    search.leaks.sort();
    search.leaks.dedup();
    assert!(search.leaks.is_empty(), "{} leaks:\n{}", search.leaks.len(), search.leaks.join("\n"));
    masks_are_there(&model);
}

/// The search found nothing because masks stand in place of the secrets, not because nothing was shown.
fn masks_are_there(model: &FakeModel) {
    let requests = model.requests();
    let last = requests.last().unwrap();
    let shown: String = last.tool_results().iter().map(|(_, text)| *text).collect();
    assert!(shown.matches("<redacted:").count() > 100, "{}", shown.len());
    for readable in
        ["@db.till:5432/cash", "cannot read /etc/cash/rates.csv", "LOG_LEVEL: debug", "cash:2.1.0"]
    {
        assert!(shown.contains(readable), "{readable} is gone");
    }
    assert!(shown.contains(NAMESPACE));
}

#[test]
fn no_planted_secret_is_printed_by_an_investigation_in_the_foreground() {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let (mint, incident) = planted(directory.path());
    let file = directory.path().join("incident.json");
    std::fs::write(&file, incident.to_string()).unwrap();
    let mut search = Search::new(mint);
    for form in ["json", "text"] {
        let output = Command::new(env!("CARGO_BIN_EXE_leadsman"))
            .args(["investigate", "--output", form, "--snapshot"])
            .arg(directory.path().join("snapshot"))
            .arg("--incident")
            .arg(&file)
            .env_clear()
            .output()
            .unwrap();
        assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        search.look("standard output", &output.stdout);
        search.look("standard error", &output.stderr);
    }
    assert!(search.leaks.is_empty(), "{}", search.leaks.join("\n"));
}
