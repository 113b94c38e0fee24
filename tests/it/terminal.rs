//! Manners on a terminal and in a pipe: nothing that a terminal obeys, no panic when nobody reads, and an outage
//! told with its endpoint.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use leadsman_contract::IncidentRequest;
use leadsman_testkit::{FakeModel, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{self, Harness, is_hidden, subject};
use crate::planted::{POD, Workload};

/// What a terminal or a reader may be led astray by: colour, title, cursor, a hidden carriage return, a one-byte
/// control sequence, text that runs backwards, text that nobody sees, a line that is none.
const TRAPS: &str = "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}\rover\u{8}\u{9b}2Jx\u{202e}txt.exe\u{202c}a\u{200b}b\u{2066}c\u{2069}\u{feff}\u{2028}\u{e0041}\u{7f}";

fn assert_clean(what: &str, text: &str) {
    if let Some(c) = text.chars().find(|c| is_hidden(*c)) {
        panic!("{what} holds {c:?}: {text:?}");
    }
}

/// A snapshot with traps in logs, events, annotations and names, and an incident with traps of its own.
fn trapped(directory: &Path) -> (PathBuf, Value) {
    let snapshot = directory.join("snapshot");
    std::fs::create_dir(&snapshot).unwrap();
    let mut workload = Workload::new("trapped");
    workload.log.push(format!("FATAL: cannot open /etc/cash/{TRAPS}.csv: no such file"));
    workload.previous_log.clone_from(&workload.log);
    workload.events.push(format!("Back-off restarting {TRAPS} container"));
    workload.annotations.insert("note".to_owned(), TRAPS.to_owned());
    workload.termination = format!("panic: {TRAPS}");
    workload.write(&snapshot);
    let mut incident = workload.incident();
    incident["signal_name"] = json!(format!("Crash{TRAPS}"));
    incident["error_message"] = json!(format!("failed {TRAPS}"));
    (snapshot, incident)
}

/// A model that quotes the trapped log and puts traps into every text that it may write.
fn trapped_model() -> FakeModel {
    FakeModel::start(leadsman_testkit::investigator(
        |_| vec![("kubectl_logs".to_owned(), json!({"name": POD, "namespace": "trapped"}))],
        |request| {
            let results = request.tool_results();
            let id = results.last().unwrap().1.lines().next().unwrap();
            let id = id.trim_start_matches("Evidence ").trim_end_matches(':').to_owned();
            let quote = format!("FATAL: cannot open /etc/cash/{TRAPS}.csv");
            Reply::call(
                "submit_result",
                &json!({
                    "root_cause_analysis": {
                        "summary": format!("It broke {TRAPS}\nfor\tgood."),
                        "causal_chain": [format!("first {TRAPS}")],
                        "contributing_factors": [format!("factor {TRAPS}")],
                        "remediation_target": {"kind": "Deployment", "name": format!("cash{TRAPS}"), "namespace": "trapped"}
                    },
                    "confidence": 0.9,
                    "evidence": [{"id": id, "quote": quote}],
                    "alternatives": [{"hypothesis": format!("node {TRAPS}"), "ruled_out_by": format!("seen {TRAPS}"),
                        "evidence": {"id": id, "quote": quote}}],
                    "next_steps": [format!("Roll back {TRAPS}")],
                    "due_diligence": {"causal_completeness": format!("yes {TRAPS}")},
                    "investigation_outcome": "actionable"
                }),
            )
        },
    ))
}

fn each_text(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, see)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            see(name);
            each_text(field, see);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

async fn api_and_audit(model: Option<&FakeModel>) -> Value {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let (snapshot, incident) = trapped(directory.path());
    let mut config = harness::config(directory.path(), model);
    config.cluster.snapshot = Some(snapshot);
    let service = Harness::start(config, directory).await;
    let request = IncidentRequest::decode(incident.to_string().as_bytes()).unwrap();
    let id = service.api.analyze(&request).await.unwrap().session_id;
    let status = service.ended(id).await;
    let result = service.api.result(id).await.unwrap();
    let (status, result) =
        (serde_json::to_value(status).unwrap(), serde_json::to_value(result).unwrap());
    each_text(&status, &mut |text| assert_clean("the status", text));
    each_text(&result, &mut |text| assert_clean("the result", text));
    let directory = service.stopped().await;
    let audit = std::fs::read_to_string(directory.path().join("audit.jsonl")).unwrap();
    let event: Value = serde_json::from_str(audit.lines().next().unwrap()).unwrap();
    each_text(&event, &mut |text| assert_clean("the audit event", text));
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_writes_and_quotes_reaches_clients_with_its_traps_spelt_out() {
    let model = trapped_model();
    let result = api_and_audit(Some(&model)).await;
    assert_eq!(result["degraded"], false, "{result}");
    let summary = result["root_cause_analysis"]["summary"].as_str().unwrap();
    assert!(
        summary.contains("\\u{1b}[31mred") && summary.contains("\\u{202e}txt.exe"),
        "{summary}"
    );
    assert!(summary.ends_with("\nfor\tgood."), "line ends and tabs of prose stay: {summary:?}");
    assert!(!result["evidence"].as_array().unwrap().is_empty(), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_quote_reaches_clients_with_its_traps_spelt_out() {
    let result = api_and_audit(None).await;
    assert!(result.to_string().contains("\\\\u{"), "no trap was quoted: {result}");
}

struct Files {
    directory: TempDir,
    incident: PathBuf,
    snapshot: PathBuf,
}

/// The default demo's cluster and incident, or the trapped ones, as files.
fn files(trapped_ones: bool) -> Files {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let (snapshot, incident) = if trapped_ones {
        trapped(directory.path())
    } else {
        (subject().snapshot, subject().incident)
    };
    let file = directory.path().join("incident.json");
    std::fs::write(&file, incident.to_string()).unwrap();
    Files { directory, incident: file, snapshot }
}

/// `leadsman` with these arguments and nothing from the environment.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadsman"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_clear();
    command.env("LEADSMAN_STORAGE_DIRECTORY", std::env::temp_dir());
    command.env("LEADSMAN_CLUSTER_SNAPSHOT", subject().snapshot);
    command
}

fn investigate(files: &Files, more: &[&str]) -> Command {
    let (snapshot, incident) = (files.snapshot.to_str().unwrap(), files.incident.to_str().unwrap());
    let mut arguments = vec!["investigate", "--snapshot", snapshot, "--incident", incident];
    arguments.extend(more);
    command(&arguments)
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_obeys_nothing_that_a_cluster_or_a_model_says() {
    let files = files(true);
    for model in [None, Some(trapped_model())] {
        let mut command = investigate(&files, &[]);
        if let Some(model) = &model {
            command.env("LEADSMAN_MODEL_ENDPOINT", model.endpoint());
            command.env("LEADSMAN_MODEL_NAME", "fake");
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (report, progress) = said(&output);
        assert_clean("the report", &report);
        assert_clean("the progress", &progress);
        assert!(report.contains("\\u{1b}") && progress.contains("\\u{1b}"), "{report}{progress}");
    }
}

#[test]
fn mistakes_that_quote_a_file_are_clean() {
    let files = files(false);
    let name = files.directory.path().join(format!("no{}", TRAPS.replace('/', "")));
    let output = command(&["check-config", "--config", name.to_str().unwrap()]).output().unwrap();
    let (_, complaint) = said(&output);
    assert_clean("the error", &complaint);
    assert!(complaint.contains("\\u{1b}[31m"), "{complaint}");

    let (_, complaint) = said(&command(&[TRAPS]).output().unwrap());
    assert_clean("the usage", &complaint);
    assert!(complaint.contains("\\u{202e}txt.exe"), "{complaint}");

    let mut incident = subject().incident;
    incident["severity"] = json!(TRAPS);
    std::fs::write(&files.incident, incident.to_string()).unwrap();
    let (_, complaint) = said(&investigate(&files, &[]).output().unwrap());
    assert_clean("the error", &complaint);

    let directory = files.directory.path().join(format!("cases{TRAPS}"));
    let case = directory.join(format!("case{TRAPS}"));
    std::fs::create_dir_all(case.join("snapshot")).unwrap();
    let workload = Workload::new("till");
    workload.write(&case.join("snapshot"));
    std::fs::write(case.join("incident.json"), workload.incident().to_string()).unwrap();
    std::fs::write(
        case.join("expected.yaml"),
        "cause: healthy\ntarget: {kind: Pod, name: x, namespace: y}\n",
    )
    .unwrap();
    for form in ["text", "md", "json"] {
        let output =
            command(&["eval", directory.to_str().unwrap(), "--output", form]).output().unwrap();
        let (page, complaint) = said(&output);
        assert!(page.contains("case"), "{complaint}");
        assert_clean("the page", &page);
        assert_clean("the error", &complaint);
    }
}

/// What a command says when its standard output is `stdout`.
fn with_stdout(mut command: Command, stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
    let output = output.unwrap();
    (output.status.code(), said(&output).1)
}

/// The writing end of a pipe that nobody reads.
fn closed_pipe() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let files = files(false);
    let snapshot = files.snapshot.to_str().unwrap().to_owned();
    for arguments in [
        &["check-config"][..],
        &["openapi"],
        &["causes"],
        &["causes", "--output", "json"],
        &["demo", "--list"],
        &["demo", "--once"],
        &["eval", "demos"],
        &["eval", "demos", "--output", "json"],
        &["snapshot", "serve", &snapshot, "--port", "0"],
        &["--help"],
        &["--version"],
    ] {
        let (code, complaint) = with_stdout(command(arguments), closed_pipe());
        assert_eq!(code, Some(0), "{arguments:?}: {complaint}");
        assert!(!complaint.contains("panicked") && !complaint.contains("pipe"), "{complaint}");
    }
    for form in ["text", "json"] {
        let (code, complaint) =
            with_stdout(investigate(&files, &["--output", form]), closed_pipe());
        assert_eq!(code, Some(0), "{complaint}");
        assert!(!complaint.contains("panicked") && !complaint.contains("pipe"), "{complaint}");
    }
}

#[test]
fn a_full_disk_is_an_error_of_one_line() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [
        &["check-config"][..],
        &["openapi"],
        &["causes"],
        &["demo", "--list"],
        &["eval", "demos"],
        &["eval", "demos", "--output", "json"],
        &["--help"],
    ] {
        let (code, complaint) = with_stdout(command(arguments), full());
        assert_eq!(code, Some(1), "{arguments:?}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{arguments:?}: {complaint}");
        assert!(complaint.starts_with("leadsman: standard output: "), "{complaint}");
    }
}

#[test]
fn nobody_has_to_read_standard_error() {
    let files = files(false);
    for (mut command, code) in [
        (investigate(&files, &[]), 0),
        (command(&["check-config", "--config", "/nowhere.yaml"]), 1),
        (command(&["nonsense"]), 1),
    ] {
        let output = command.stdout(Stdio::piped()).stderr(closed_pipe()).output().unwrap();
        assert_eq!(output.status.code(), Some(code));
    }
}

#[test]
fn a_log_that_is_no_terminal_has_no_colours_and_no_traps() {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let config = directory.path().join("leadsman.yaml");
    let name = format!("m{TRAPS}\nforged line");
    let escaped: String = name.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    for format in ["text", "json"] {
        let settings = format!(
            "server: {{api_address: 127.0.0.1:0, health_address: 127.0.0.1:0, metrics_address: 127.0.0.1:0}}\n\
             storage: {{directory: {:?}}}\ncluster: {{snapshot: {:?}}}\nlog: {{format: {format}}}\n\
             model: {{endpoint: 'http://127.0.0.1:1', name: \"{escaped}\"}}\n",
            directory.path().join(format),
            subject().snapshot,
        );
        std::fs::write(&config, settings).unwrap();
        let mut child = harness::serve(&config);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line =
            lines.by_ref().map(Result::unwrap).find(|line| line.contains("serving")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_clean("the log", &line);
        assert!(line.contains("forged line"), "{line}");
        match format {
            "text" => assert!(line.contains("model=\"m\\u{1b}[31mred"), "{line}"),
            _ => {
                let line: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(line["fields"]["model"], name, "JSON says it in its own notation");
            }
        }
    }
}

/// An address where nobody listens.
fn dead_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_foreground_run_says_which_cluster_cannot_be_reached_and_why() {
    let files = files(false);
    let address = dead_address();
    let kubeconfig = files.directory.path().join("kubeconfig");
    std::fs::write(
        &kubeconfig,
        json!({"apiVersion": "v1", "kind": "Config", "current-context": "prod",
            "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": format!("http://me:hunter2@{address}")}}],
            "users": [{"name": "u", "user": {"token": "hunter2"}}]})
        .to_string(),
    )
    .unwrap();
    let incident = files.incident.to_str().unwrap();
    let copy = files.directory.path().join("copy");
    for arguments in [
        &["investigate", "--context", "prod", "--incident", incident][..],
        &["snapshot", "capture", copy.to_str().unwrap()],
    ] {
        let output =
            command(arguments).env("LEADSMAN_CLUSTER_KUBECONFIG", &kubeconfig).output().unwrap();
        let (_, told) = said(&output);
        let line =
            told.lines().find(|line| line.contains(&address)).unwrap_or_else(|| panic!("{told}"));
        for part in ["leadsman: cluster context prod at ", "onnection refused"] {
            assert!(line.contains(part), "{part}: {told}");
        }
        assert_eq!(told.matches(&address).count(), 1, "it is told once: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_foreground_run_says_which_model_cannot_be_reached_and_why() {
    let files = files(false);
    let address = dead_address();
    let mut command = investigate(&files, &["--output", "json"]);
    command
        .env("LEADSMAN_MODEL_ENDPOINT", format!("http://{address}/llm"))
        .env("LEADSMAN_MODEL_NAME", "qwen")
        .env("LEADSMAN_MODEL_MAX_RETRIES", "0");
    let (result, told) = said(&command.output().unwrap());
    let line =
        told.lines().find(|line| line.contains(&address)).unwrap_or_else(|| panic!("{told}"));
    for part in ["leadsman: model qwen", &format!("http://{address}/llm"), "onnection refused"] {
        assert!(line.contains(part), "{part}: {told}");
    }
    let result: Value = serde_json::from_str(&result).unwrap();
    assert!(!result.to_string().contains(&address), "the result stays as it is for clients");

    let mut command = self::command(&["eval", "demos", "--model", "--filter", "basket"]);
    command
        .env("LEADSMAN_MODEL_ENDPOINT", format!("http://{address}"))
        .env("LEADSMAN_MODEL_NAME", "qwen")
        .env("LEADSMAN_MODEL_MAX_RETRIES", "0");
    let (_, told) = said(&command.output().unwrap());
    assert!(told.contains(&address) && told.contains("onnection refused"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreground_run_says_which_prometheus_cannot_be_reached() {
    let files = files(false);
    let address = dead_address();
    let model = FakeModel::start(leadsman_testkit::investigator(
        |_| vec![("list_prometheus_rules".to_owned(), json!({}))],
        |_| {
            Reply::call(
                "submit_result",
                &harness::submission_quoting((String::new(), String::new())),
            )
        },
    ));
    let mut command = investigate(&files, &[]);
    command
        .env("LEADSMAN_MODEL_ENDPOINT", model.endpoint())
        .env("LEADSMAN_MODEL_NAME", "fake")
        .env("LEADSMAN_PROMETHEUS_URL", format!("http://{address}/prom"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (_, told) = said(&output);
    let says = format!("leadsman: prometheus at http://{address}/prom: ");
    assert!(told.contains(&says), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_session_is_not_told_in_traps() {
    let service = Harness::by_rules().await;
    let reply = service.api.get("/api/v1/incident/session/a%1B%5B31m%E2%80%AEb").await.unwrap();
    assert_eq!(reply.status, 404);
    let problem: Value = serde_json::from_str(&reply.text()).unwrap();
    assert_clean("the problem", problem["detail"].as_str().unwrap());
    service.stopped().await;
}
