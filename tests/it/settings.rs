//! What `serve` refuses, `check-config` refuses in the same words, and neither tells a password.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::subject;

/// The longest that a refusal may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Settings that `serve` takes: free ports on this machine, a snapshot, a directory of its own.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: leadsman_testkit::temp_dir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command with `changes` over those settings and nothing else in the environment. A command that
    /// does not end by itself is stopped, and fails the test.
    async fn run(&self, command: &[&str], changes: &[(&str, &str)]) -> Output {
        let (snapshot, storage) = (subject().snapshot, self.path("data"));
        let child = tokio::process::Command::new(env!("CARGO_BIN_EXE_leadsman"))
            .args(command)
            .current_dir(self.directory.path())
            .env_clear()
            .env("HOME", self.directory.path())
            .env("LEADSMAN_API_ADDRESS", "127.0.0.1:0")
            .env("LEADSMAN_HEALTH_ADDRESS", "127.0.0.1:0")
            .env("LEADSMAN_METRICS_ADDRESS", "127.0.0.1:0")
            .env("LEADSMAN_CLUSTER_SNAPSHOT", snapshot)
            .env("LEADSMAN_STORAGE_DIRECTORY", storage)
            .envs(changes.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tokio::time::timeout(DEADLINE, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("{command:?} goes on with {changes:?}"))
            .unwrap()
    }

    /// What `check-config` and `serve` both say on standard error.
    async fn refusal(&self, changes: &[(&str, &str)]) -> String {
        let checked = self.run(&["check-config"], changes).await;
        let served = self.run(&["serve"], changes).await;
        let complaint = text(&checked.stderr);
        assert_eq!(checked.status.code(), Some(1), "check-config takes {changes:?}: {complaint}");
        assert_eq!(served.status.code(), Some(1), "serve takes {changes:?}");
        assert_eq!(text(&served.stderr), complaint);
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        complaint
    }

    /// What both say about a configuration file.
    async fn refusal_of(&self, yaml: &str) -> String {
        let file = self.path("leadsman.yaml");
        std::fs::write(&file, yaml).unwrap();
        self.refusal(&[("LEADSMAN_CONFIG", &file)]).await
    }

    async fn settings(&self, changes: &[(&str, &str)]) -> Value {
        let output = self.run(&["check-config"], changes).await;
        assert_eq!(output.status.code(), Some(0), "{changes:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const MODEL: (&str, &str) = ("LEADSMAN_MODEL_NAME", "m");

#[tokio::test(flavor = "multi_thread")]
async fn check_config_refuses_what_serve_refuses() {
    let place = Place::new();
    let path = |name| place.path(name);
    std::fs::create_dir(path("empty")).unwrap();
    std::fs::write(path("file"), "not a directory").unwrap();
    let kubeconfig = path("kubeconfig");
    std::fs::write(
        &kubeconfig,
        "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}],\n\
         clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}\n",
    )
    .unwrap();
    let (empty, below, key) = (path("empty"), path("file/data"), path("no-key"));
    let (audit, nowhere) = (path("missing/parents/audit.jsonl"), path("nowhere"));
    let endpoint = ("LEADSMAN_MODEL_ENDPOINT", "http://127.0.0.1:1");
    let live = ("LEADSMAN_CLUSTER_SNAPSHOT", "");
    for (changes, says) in [
        (
            &[MODEL, ("LEADSMAN_MODEL_ENDPOINT", "ftp://models.internal")][..],
            "setting model.endpoint: must begin with http:// or https://",
        ),
        (&[MODEL, endpoint, ("LEADSMAN_MODEL_API_KEY_FILE", &key)], "setting model.api_key_file: "),
        (&[("LEADSMAN_CLUSTER_SNAPSHOT", &nowhere)], "setting cluster.snapshot: cannot read "),
        (&[("LEADSMAN_CLUSTER_SNAPSHOT", &empty)], "holds no API object"),
        (
            &[("LEADSMAN_API_ADDRESS", "127.0.0.1:7"), ("LEADSMAN_METRICS_ADDRESS", "127.0.0.1:7")],
            "setting server.metrics_address: 127.0.0.1:7 is also that of server.api_address",
        ),
        (&[("LEADSMAN_PROMETHEUS_URL", "ftp://p")], "setting prometheus.url: "),
        (
            &[("LEADSMAN_PROMETHEUS_URL", "http://p"), ("LEADSMAN_PROMETHEUS_CA_FILE", &nowhere)],
            "setting prometheus.ca_file: ",
        ),
        (&[live, ("LEADSMAN_CLUSTER_KUBECONFIG", &nowhere)], "setting cluster.kubeconfig: "),
        (
            &[
                live,
                ("LEADSMAN_CLUSTER_KUBECONFIG", &kubeconfig),
                ("LEADSMAN_CLUSTER_CONTEXT", "b"),
            ],
            "setting cluster.context: ",
        ),
        (&[("LEADSMAN_LOG_LEVEL", "verbos")], "setting log.level: \"verbos\" is no level"),
        (
            &[("LEADSMAN_LOG_LEVEL", "leadsman=loud,warn")],
            "setting log.level: \"loud\" is no level",
        ),
        (&[("LEADSMAN_STORAGE_DIRECTORY", &below)], "setting storage.directory: "),
        (&[("LEADSMAN_AUDIT_FILE", &audit)], "setting audit.file: the directory "),
        (&[("LEADSMAN_AUDIT_FILE", &empty)], "is not a regular file"),
    ] {
        let complaint = place.refusal(changes).await;
        assert!(complaint.contains(says), "{complaint}");
    }
    assert!(!Path::new(&path("missing")).exists(), "directories were made for the audit file");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_authentication_the_api_listens_on_loopback_only() {
    let place = Place::new();
    for address in ["0.0.0.0:0", "[::]:0", "10.1.2.3:8080"] {
        let complaint = place.refusal(&[("LEADSMAN_API_ADDRESS", address)]).await;
        for part in
            ["server.api_address", address, "loopback", "auth.mode", "LEADSMAN_AUTH_MODE=none"]
        {
            assert!(complaint.contains(part), "{part} is missing: {complaint}");
        }
    }
    let open = [("LEADSMAN_API_ADDRESS", "0.0.0.0:0"), ("LEADSMAN_AUTH_MODE", "none")];
    assert_eq!(place.settings(&open).await["auth"]["mode"], "none");
    place.settings(&[("LEADSMAN_API_ADDRESS", "[::1]:0")]).await;
    let complaint = place.refusal(&[("LEADSMAN_AUTH_MODE", "nobody")]).await;
    assert!(complaint.contains("auth.mode: must be null or none, not \"nobody\""), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_addresses_are_loopback() {
    let place = Place::new();
    let built_in = [
        ("LEADSMAN_API_ADDRESS", "127.0.0.1:8080"),
        ("LEADSMAN_HEALTH_ADDRESS", "127.0.0.1:8081"),
        ("LEADSMAN_METRICS_ADDRESS", "127.0.0.1:9090"),
    ];
    let config = leadsman::config::load_default().unwrap();
    let server = &place.settings(&built_in).await["server"];
    assert_eq!(*server, config.masked()["server"]);
}

/// The image and the Kubernetes example say in so many words where they listen and that anybody may call.
#[tokio::test(flavor = "multi_thread")]
async fn the_image_and_the_kubernetes_example_are_accepted_and_listen_on_every_address() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dockerfile = std::fs::read_to_string(root.join("Dockerfile")).unwrap();
    let image: Vec<(&str, &str)> = dockerfile
        .lines()
        .filter_map(|line| line.trim_end_matches(['\\', ' ']).trim().rsplit(' ').next())
        .filter_map(|word| word.split_once('='))
        .filter(|(name, _)| name.starts_with("LEADSMAN_") && *name != "LEADSMAN_STORAGE_DIRECTORY")
        .collect();
    let manifest = std::fs::read_to_string(root.join("config/examples/kubernetes.yaml")).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&manifest).unwrap();
    let deployment = documents.iter().find(|document| document["kind"] == "Deployment").unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let pod: Vec<(&str, &str)> = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), entry["value"].as_str().unwrap()))
        .collect();
    let place = Place::new();
    for settings in [image, pod] {
        let shown = place.settings(&settings).await;
        assert_eq!(shown["auth"]["mode"], "none", "{settings:?}");
        for (setting, port) in [("api", 8080), ("health", 8081), ("metrics", 9090)] {
            let address = &shown["server"][format!("{setting}_address")];
            assert_eq!(*address, format!("0.0.0.0:{port}"), "{settings:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_without_reason_are_refused_by_name() {
    let place = Place::new();
    for (name, setting) in [
        ("LEADSMAN_MAX_IN_FLIGHT", "server.max_in_flight"),
        ("LEADSMAN_SHUTDOWN_GRACE_SECONDS", "server.shutdown_grace_seconds"),
        ("LEADSMAN_MAX_CONCURRENT", "sessions.max_concurrent"),
        ("LEADSMAN_RETENTION_MINUTES", "sessions.retention_minutes"),
        ("LEADSMAN_MAX_SECONDS", "investigation.max_seconds"),
        ("LEADSMAN_MAX_TURNS", "investigation.max_turns"),
        ("LEADSMAN_MAX_TOOL_CALLS", "investigation.max_tool_calls"),
        ("LEADSMAN_MAX_TOKENS", "investigation.max_tokens"),
        ("LEADSMAN_MODEL_REQUEST_TIMEOUT_SECONDS", "model.request_timeout_seconds"),
        ("LEADSMAN_MODEL_MAX_RETRIES", "model.max_retries"),
        ("LEADSMAN_CLUSTER_REQUEST_TIMEOUT_SECONDS", "cluster.request_timeout_seconds"),
        ("LEADSMAN_PROMETHEUS_REQUEST_TIMEOUT_SECONDS", "prometheus.request_timeout_seconds"),
    ] {
        let complaint = place.refusal(&[(name, "18446744073709551615")]).await;
        let says = format!("setting {setting}: must be a whole number between ");
        assert!(complaint.contains(&says), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_numbers_that_are_taken_start_a_service() {
    let place = Place::new();
    let mut most = Vec::new();
    for (name, setting) in [
        ("LEADSMAN_MAX_IN_FLIGHT", "/server/max_in_flight"),
        ("LEADSMAN_SHUTDOWN_GRACE_SECONDS", "/server/shutdown_grace_seconds"),
        ("LEADSMAN_MAX_CONCURRENT", "/sessions/max_concurrent"),
        ("LEADSMAN_RETENTION_MINUTES", "/sessions/retention_minutes"),
        ("LEADSMAN_MAX_SECONDS", "/investigation/max_seconds"),
    ] {
        let complaint = place.refusal(&[(name, "18446744073709551615")]).await;
        let limit = complaint.split(" and ").nth(1).unwrap().split(',').next().unwrap().to_owned();
        most.push((name, setting, limit));
    }
    let changes: Vec<(&str, &str)> =
        most.iter().map(|(name, _, limit)| (*name, limit.as_str())).collect();
    let shown = place.settings(&changes).await;
    let mut config = crate::harness::config(place.directory.path(), None);
    for (_, setting, limit) in &most {
        let shown = shown.pointer(setting).and_then(Value::as_u64).unwrap();
        assert_eq!(shown.to_string(), *limit);
        match *setting {
            "/server/max_in_flight" => config.server.max_in_flight = shown as usize,
            "/server/shutdown_grace_seconds" => config.server.shutdown_grace_seconds = shown,
            "/sessions/max_concurrent" => config.sessions.max_concurrent = shown as usize,
            "/sessions/retention_minutes" => config.sessions.retention_minutes = shown,
            _ => config.investigation.max_seconds = shown,
        }
    }
    let service =
        crate::harness::Harness::start(config, leadsman_testkit::temp_dir().unwrap()).await;
    service.investigate(&subject().incident).await;
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_in_words_of_the_configuration() {
    let place = Place::new();
    for (yaml, says) in [
        (
            "investigation: {max_turns: many}",
            "investigation.max_turns: must be a whole number between 1 and ",
        ),
        ("investigation: {max_turns: 1.5}", "investigation.max_turns: must be a whole number"),
        ("investigation: {max_tokens: -1}", "investigation.max_tokens: must be a whole number"),
        ("investigation: {max_turns: null}", "investigation.max_turns: must be a whole number"),
        ("investigation: 7", "investigation: must be a section of settings"),
        ("model: [a]", "model: must be a section of settings"),
        (
            "model: {name: 7, endpoint: 'http://x'}",
            "model.name: must be text or null, not 7; put it in quotes",
        ),
        ("model: {name: {a: b}}", "model.name: must be text or null"),
        ("model: {stream: sometimes}", "model.stream: must be true or false, not \"sometimes\""),
        (
            "model: {temperature: warm}",
            "model.temperature: must be a number between 0 and 2 or null",
        ),
        ("log: {format: xml}", "log.format: must be text or json, not \"xml\""),
        ("modle: {name: x}", "modle: is unknown; did you mean model?"),
        ("model: {endpont: x}", "model.endpont: is unknown; did you mean model.endpoint?"),
        ("audit: {file: ''}", "audit.file: must not be empty; null leaves it unset"),
    ] {
        let complaint = place.refusal_of(yaml).await;
        assert!(complaint.contains(says), "{says}: {complaint}");
        for word in ["usize", "u64", "u32", "f32", "struct", "variant", "expected", "invalid type"]
        {
            assert!(!complaint.contains(word), "{complaint}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_variables_are_told_as_those_in_files() {
    let place = Place::new();
    for (name, value, says) in [
        (
            "LEADSMAN_API_ADDRESS",
            "localhost",
            "server.api_address: must be an IP address and a port, such as 127.0.0.1:8080",
        ),
        ("LEADSMAN_API_ADDRESS", "", "server.api_address: must be an IP address and a port"),
        ("LEADSMAN_STORAGE_DIRECTORY", "", "storage.directory: must be text, not null"),
        ("LEADSMAN_DEV_MODE", "yes", "server.dev_mode: must be true or false, not \"yes\""),
        ("LEADSMAN_MODEL_ENDPIONT", "x", "is unknown; did you mean LEADSMAN_MODEL_ENDPOINT?"),
    ] {
        let complaint = place.refusal(&[(name, value)]).await;
        assert!(complaint.contains(says), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_told() {
    let place = Place::new();
    for url in [
        "http://reader:hunter2-pw@metrics.internal:9090/base",
        "https://hunter2-pw@metrics.internal",
        "http://reader:hunter2/hunter2-pw@metrics.internal",
        "http://metrics.internal/?token=hunter2-pw",
        "reader:hunter2-pw@metrics.internal",
    ] {
        for changes in [
            &[("LEADSMAN_PROMETHEUS_URL", url)][..],
            &[MODEL, ("LEADSMAN_MODEL_ENDPOINT", url)],
            &[("LEADSMAN_MODEL_ENDPOINT", url)],
        ] {
            for command in ["check-config", "serve"] {
                let output = place.run(&[command], changes).await;
                let said = text(&output.stdout) + &text(&output.stderr);
                assert!(!said.contains("hunter2"), "{said}");
                assert_eq!(output.status.code(), Some(1));
            }
        }
        // What GET /config serves.
        let mut config = leadsman::config::load_default().unwrap();
        config.prometheus.url = Some(url.to_owned());
        config.model.endpoint = Some(url.to_owned());
        let shown = config.masked();
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
        let host = shown["prometheus"]["url"].as_str().unwrap();
        assert!(host.contains("metrics.internal"), "{host}");
    }
    for yaml in [
        "model: {api_key: [hunter2-pw]}",
        "model: {api_key: {hunter2-pw: 1}}",
        "model:\n  api_key: hunter2-pw\n  api_key: hunter2-pw\n",
        "model:\n  api_key: hunter2-pw\n name: x\n",
        "model: {endpoint: ['http://a:hunter2-pw@b']}",
    ] {
        let complaint = place.refusal_of(yaml).await;
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_names_the_setting() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, setting) in [
        ("LEADSMAN_API_ADDRESS", "server.api_address"),
        ("LEADSMAN_HEALTH_ADDRESS", "server.health_address"),
        ("LEADSMAN_METRICS_ADDRESS", "server.metrics_address"),
    ] {
        let output = place.run(&["serve"], &[(name, &address)]).await;
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        let says =
            format!("leadsman: configuration setting {setting}: cannot listen on {address}: ");
        assert!(complaint.lines().any(|line| line.starts_with(&says)), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_and_directives_of_the_log_are_taken() {
    let place = Place::new();
    for level in
        ["info", "WARN", "off", "leadsman=debug,warn", "leadsman::engine=trace", "[run]=debug,info"]
    {
        place.settings(&[("LEADSMAN_LOG_LEVEL", level)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_snapshot_is_refused_wherever_one_is_read() {
    let place = Place::new();
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    std::fs::write(place.path("incident.json"), subject().incident.to_string()).unwrap();
    let case = place.path("cases/one");
    std::fs::create_dir_all(format!("{case}/snapshot")).unwrap();
    std::fs::write(format!("{case}/incident.json"), subject().incident.to_string()).unwrap();
    std::fs::write(format!("{case}/expected.yaml"), "cause: inconclusive\n").unwrap();
    let (incident, cases) = (place.path("incident.json"), place.path("cases"));
    for command in [
        &["snapshot", "serve", &empty, "--port", "0"][..],
        &["investigate", "--snapshot", &empty, "--incident", &incident],
        &["eval", &cases],
    ] {
        let output = place.run(command, &[]).await;
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {complaint}");
        assert!(complaint.contains("holds no API object"), "{complaint}");
    }
}
