//! An unmodified `kubectl` against the simulated API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod simulator_support;

use std::process::Output;

use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// A kubectl without any configuration of its own.
struct Kubectl {
    server: String,
    home: tempfile::TempDir,
}

impl Kubectl {
    async fn run(&self, arguments: &str) -> Output {
        let words = shell_words(arguments);
        Command::new("kubectl")
            .env_remove("KUBECONFIG")
            .env("HOME", self.home.path())
            .args(["--server", &self.server])
            .args(words)
            .output()
            .await
            .unwrap()
    }

    /// Standard output of a command that must succeed.
    async fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that must fail.
    async fn fails(&self, arguments: &str) -> String {
        let output = self.run(arguments).await;
        assert!(!output.status.success(), "kubectl {arguments} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The columns of the line that begins with a word.
    async fn line(&self, arguments: &str, first: &str) -> Vec<String> {
        let output = self.ok(arguments).await;
        let line = output.lines().find(|line| line.split_whitespace().next() == Some(first));
        let line = line.unwrap_or_else(|| panic!("kubectl {arguments}: no {first} in\n{output}"));
        line.split("  ")
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect()
    }
}

/// Words are separated by spaces; quotes hold some together.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Runs a check against a served shop, unless there is no kubectl.
async fn with_kubectl(check: impl AsyncFnOnce(&Kubectl)) {
    if Command::new("kubectl").args(["version", "--client"]).output().await.is_err() {
        eprintln!("skipped: kubectl is not installed");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(simulator_support::shop().serve(listener, stop.clone()));
    check(&Kubectl { server, home: tempfile::tempdir().unwrap() }).await;
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_shows_the_columns_of_a_real_server() {
    with_kubectl(async |kubectl| {
        let pods = "get pods -n shop";
        let cells = |line: Vec<String>| line.join("|");
        for (name, expected) in [
            ("cart-0", "cart-0|0/1|CrashLoopBackOff|7 (2m ago)|120m"),
            ("front-0", "front-0|2/2|Running|0|120m"),
            ("report-1", "report-1|0/1|Completed|0|120m"),
            ("cart-leaving", "cart-leaving|1/1|Terminating|0|120m"),
            ("cart-init", "cart-init|0/1|Init:0/1|0|120m"),
        ] {
            assert_eq!(cells(kubectl.line(pods, name).await), expected);
        }
        let wide = kubectl.ok("get pods -A -o wide").await;
        assert!(wide.starts_with("NAMESPACE") && wide.contains("NOMINATED NODE"), "{wide}");
        assert!(wide.contains("worker-2"), "{wide}");
        for (command, first, expected) in [
            ("get deploy -n shop", "cart", "cart|1/3|3|1|2d"),
            ("get svc -n shop", "cart", "cart|NodePort|10.96.0.7|<none>|80:30080/TCP|2d"),
            ("get nodes", "worker-1", "worker-1|Ready|worker|28d|v1.34.2"),
            ("get ns", "shop", "shop|Active|28d"),
            ("get wells -n shop", "deep", "deep|40|False|60m"),
            ("get wl -n shop", "deep", "deep|40|False|60m"),
            ("get policies", "strict", "strict|60m"),
        ] {
            assert_eq!(cells(kubectl.line(command, first).await), expected, "{command}");
        }
        let both = kubectl.ok("get po,svc -n shop").await;
        assert!(both.contains("pod/cart-0") && both.contains("service/cart"), "{both}");
        let all = kubectl.ok("get all -n shop").await;
        assert!(all.contains("deployment.apps/cart"), "{all}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_selects_sorts_and_prints_documents() {
    with_kubectl(async |kubectl| {
        let selected = kubectl.ok("get pods -n shop -l 'pod in (cart-0,front-0)' -o name").await;
        let selected: Vec<&str> = selected.lines().collect();
        assert_eq!(selected, ["pod/cart-0", "pod/front-0"]);
        let pending = kubectl.ok("get pods -A --field-selector=status.phase=Pending -o name").await;
        assert_eq!(pending.trim(), "pod/cart-init");
        let refused = kubectl.fails("get pods -A --field-selector=spec.colour=red").await;
        assert!(refused.contains("field label not supported: spec.colour"), "{refused}");
        let yaml = kubectl.ok("get deploy cart -n shop -o yaml").await;
        assert!(yaml.contains("kind: Deployment") && yaml.contains("replicas: 3"), "{yaml}");
        let paged = kubectl.ok("get pods -A --chunk-size=2 --no-headers").await;
        assert_eq!(paged.lines().count(), 5);
        let events = kubectl.ok("get events -n shop --sort-by=.lastTimestamp").await;
        let reasons: Vec<&str> =
            events.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2)).collect();
        assert_eq!(reasons, ["ScalingReplicaSet", "BackOff"]);
        assert!(events.contains("30s") && events.contains("pod/cart-0"), "{events}");
        let missing = kubectl.fails("get pod nobody -n shop").await;
        assert_eq!(missing.trim(), "Error from server (NotFound): pods \"nobody\" not found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn describe_joins_objects_and_events() {
    with_kubectl(async |kubectl| {
        let pod = kubectl.ok("describe pod cart-0 -n shop").await;
        assert!(pod.contains("OOMKilled") && pod.contains("Back-off restarting"), "{pod}");
        let node = kubectl.ok("describe node worker-1").await;
        assert!(node.contains("KubeletReady") && node.contains("cart-0"), "{node}");
        let deployment = kubectl.ok("describe deploy cart -n shop").await;
        assert!(
            deployment.contains("3 desired") && deployment.contains("Scaled up"),
            "{deployment}"
        );
        let service = kubectl.ok("describe svc cart -n shop").await;
        assert!(service.contains("30080/TCP"), "{service}");
        let custom = kubectl.ok("describe well deep -n shop").await;
        assert!(custom.contains("Depth:  40"), "{custom}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_top_and_discovery_work() {
    with_kubectl(async |kubectl| {
        let log = kubectl.ok("logs cart-0 -n shop -c cart --previous").await;
        assert_eq!(log, "out of memory\n");
        let tail = kubectl.ok("logs front-0 -n shop -c web --tail=1").await;
        assert_eq!(tail, "2026-03-01T11:59:50Z three\n");
        let refused = kubectl.fails("logs front-0 -n shop -c web --previous").await;
        assert!(
            refused.contains("previous terminated container \"web\" in pod \"front-0\" not found")
        );
        let top = kubectl.line("top pods -n shop", "cart-0").await.join("|");
        assert_eq!(top, "cart-0|250m|180Mi");
        let nodes = kubectl.line("top nodes", "worker-1").await.join("|");
        assert_eq!(nodes, "worker-1|1200m|30%|3072Mi|37%");
        let resources = kubectl.ok("api-resources").await;
        for kind in ["Pod", "HorizontalPodAutoscaler", "Well", "Policy", "NodeMetrics"] {
            assert!(resources.lines().any(|line| line.ends_with(kind)), "{kind}: {resources}");
        }
        let version = kubectl.ok("version").await;
        assert!(version.contains("Server Version: v1.34.2"), "{version}");
        let refused = kubectl.fails("delete pod cart-0 -n shop").await;
        assert!(refused.contains("read-only"), "{refused}");
    })
    .await;
}
