//! Loading snapshots: layouts of the tools that make them, and hostile files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod simulator_support;

use leadsman_kube::snapshot::{Snapshot, SnapshotError};
use proptest::prelude::*;
use serde_json::{Value, json};

fn load(files: &[(&str, &str)]) -> Result<Snapshot, SnapshotError> {
    Snapshot::from_files(
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())),
    )
}

fn refused(files: &[(&str, &str)]) -> String {
    load(files).expect_err("must be refused").to_string()
}

fn object(snapshot: &Snapshot, version: (&str, &str), plural: &str, place: (&str, &str)) -> Value {
    let kind = snapshot.kind(version.0, version.1, plural).expect("a kind");
    snapshot.get(kind, place.0, place.1).map(|object| (**object).clone()).unwrap_or_default()
}

fn config_map(name: &str, value: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}}).to_string()
}

#[test]
fn the_later_path_wins_whatever_the_order_of_arrival() {
    let (a, b) = (config_map("x", "a"), config_map("x", "b"));
    for files in [[("a.json", a.as_str()), ("b/c.json", &b)], [("b/c.json", &b), ("a.json", &a)]] {
        let found = object(&load(&files).unwrap(), ("", "v1"), "configmaps", ("default", "x"));
        assert_eq!(found["data"]["k"], "b");
    }
}

#[test]
fn a_cluster_info_dump_loads() {
    let pods = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [
        {"metadata": {"name": "a", "namespace": "shop"}, "spec": {"containers": [{"name": "one"}, {"name": "two"}]}}
    ]});
    let log = "==== START logs for container one of pod shop/a ====\nfirst\n==== END logs for container one of pod shop/a ====\n\
               ==== START logs for container two of pod shop/a ====\nsecond\n==== END logs for container two of pod shop/a ====\n";
    let snapshot = load(&[
        ("shop/pods.json", &pods.to_string()),
        ("shop/a/logs.txt", log),
        ("shop/b/logs.txt", "plain\n"),
    ])
    .unwrap();
    assert_eq!(object(&snapshot, ("", "v1"), "pods", ("shop", "a"))["kind"], "Pod");
    assert_eq!(snapshot.log("shop", "a", "one", false).unwrap(), "first\n");
    assert_eq!(snapshot.log("shop", "a", "two", false).unwrap(), "second\n");
    assert_eq!(snapshot.log("shop", "b", "any", false).unwrap(), "plain\n");
    assert_eq!(snapshot.log("shop", "b", "any", true), None);
    assert_eq!(snapshot.logged_containers("shop", "a"), ["one", "two"]);
}

#[test]
fn an_oc_adm_inspect_tree_loads() {
    let root = "inspect.local.1/namespaces/shop";
    let snapshot = load(&[
        (
            &format!("{root}/core/pods.yaml"),
            "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a, namespace: shop}\n",
        ),
        (&format!("{root}/pods/a/app/app/logs/current.log"), "now\n"),
        (&format!("{root}/pods/a/app/app/logs/previous.log"), "before\n"),
        ("inspect.local.1/event-filter.html", "<html>"),
        ("inspect.local.1/timestamp", "now"),
        ("inspect.local.1/version.json", "{\"clientVersion\": {}}"),
    ])
    .unwrap();
    assert_eq!(snapshot.object_count(), 1);
    assert_eq!(snapshot.log("shop", "a", "app", false).unwrap(), "now\n");
    assert_eq!(snapshot.log("shop", "a", "app", true).unwrap(), "before\n");
    let skipped: Vec<&str> =
        snapshot.skipped().iter().map(|skipped| skipped.path.as_str()).collect();
    assert_eq!(
        skipped,
        [
            "inspect.local.1/event-filter.html",
            "inspect.local.1/timestamp",
            "inspect.local.1/version.json"
        ]
    );
}

#[test]
fn settings_come_from_the_file_or_from_the_objects() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n, creationTimestamp: 2026-01-01T00:00:00Z}\nstatus: {nodeInfo: {kubeletVersion: v1.35.1}}\n";
    let guessed = load(&[("node.yaml", node)]).unwrap();
    assert_eq!(guessed.captured_at(), "2026-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(guessed.server_version(), "v1.35.1");
    let told = load(&[
        ("node.yaml", node),
        ("snapshot.yaml", "capturedAt: 2026-02-01T00:00:00Z\nserverVersion: v1.33.9"),
    ])
    .unwrap();
    assert_eq!(told.captured_at(), "2026-02-01T00:00:00Z".parse().unwrap());
    assert_eq!(told.server_version(), "v1.33.9");
    for (text, expected) in [
        ("capturedAt: yesterday", "snapshot.yaml: capturedAt is not a time"),
        ("captured: x", "snapshot.yaml: captured is not a known field"),
        ("serverVersion: 1.3", "snapshot.yaml: serverVersion is not a string; quote it"),
    ] {
        let error = refused(&[("snapshot.yaml", text)]);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn versions_without_objects_give_way_to_those_with_objects() {
    let autoscaler = "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, namespace: shop}\n";
    let snapshot = load(&[("a.yaml", autoscaler)]).unwrap();
    assert!(snapshot.kind("autoscaling", "v2", "horizontalpodautoscalers").is_none());
    let kind = snapshot.kind("autoscaling", "v1", "horizontalpodautoscalers").unwrap();
    assert_eq!((kind.short_names.as_slice(), kind.namespaced), (&["hpa".to_owned()][..], true));
}

#[test]
fn unknown_kinds_get_distinct_plurals_in_preferred_order() {
    let object = |version: &str, kind: &str| {
        format!("apiVersion: x.example.com/{version}\nkind: {kind}\nmetadata: {{name: a}}\n---\n")
    };
    let text: String = [("v1beta1", "Bus"), ("v2", "Bus"), ("v1", "Bus"), ("v1", "BUS")]
        .map(|(version, kind)| object(version, kind))
        .concat();
    let snapshot = load(&[("a.yaml", &text)]).unwrap();
    let found: Vec<String> = snapshot
        .kinds()
        .iter()
        .filter(|kind| kind.group == "x.example.com")
        .map(|kind| format!("{} {} {}", kind.version, kind.kind, kind.plural))
        .collect();
    assert_eq!(found, ["v2 Bus buses", "v1 BUS buses", "v1 Bus busess", "v1beta1 Bus buses"]);
}

#[test]
fn bad_files_are_named_with_line_and_fix() {
    for (path, text, expected) in [
        ("a.json", "{\n\"x\": ]", "a.json, line 2: "),
        ("a/b.yaml", "a: b\nc: [", "a/b.yaml, line "),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {namespace: x}",
            "a.yaml: object 1: metadata.name is missing; add it",
        ),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a/b}",
            "a.yaml: object 1: metadata.name is \"a/b\"",
        ),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 7}",
            "a.yaml: object 1: metadata.namespace is not a string; quote it",
        ),
        (
            "a.yaml",
            "apiVersion: V 1\nkind: Pod\nmetadata: {name: a}",
            "a.yaml: object 1: apiVersion is \"V 1\"",
        ),
    ] {
        let error = refused(&[(path, text)]);
        assert!(error.starts_with(expected), "{error}");
    }
    let error = Snapshot::from_files([("a.json".to_owned(), vec![0xff, 0xfe])]).unwrap_err();
    assert_eq!(error.to_string(), "a.json is not UTF-8; save it as UTF-8");
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", ")));
    }
    assert!(refused(&[("bomb.yaml", &bomb)]).starts_with("bomb.yaml"));
    for (path, open) in [("deep.json", "["), ("deep.yaml", "["), ("deep2.yaml", "{a: ")] {
        assert!(refused(&[(path, &open.repeat(100_000))]).starts_with(path));
    }
}

#[test]
fn what_is_no_object_is_listed_as_skipped() {
    let snapshot = load(&[
        ("kubeconfig.yaml", "apiVersion: v1\nkind: Config\nclusters: []"),
        (
            "status.json",
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"}",
        ),
        ("values.yaml", "a: 1"),
        ("empty.yaml", ""),
        ("audit.log", "x"),
    ])
    .unwrap();
    assert_eq!(snapshot.object_count(), 0);
    let skipped: Vec<&str> =
        snapshot.skipped().iter().map(|skipped| skipped.path.as_str()).collect();
    assert_eq!(skipped, ["audit.log", "kubeconfig.yaml", "status.json", "values.yaml"]);
}

#[cfg(unix)]
#[test]
fn links_may_not_lead_out_of_the_directory() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.json"), config_map("secret", "s")).unwrap();
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("..data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("real.json"), config_map("mounted", "v")).unwrap();
    symlink(data.join("real.json"), root.path().join("real.json")).unwrap();
    symlink(root.path(), root.path().join("loop")).unwrap();
    let snapshot = Snapshot::load_dir(root.path()).unwrap();
    assert_eq!(snapshot.object_count(), 1);
    symlink(outside.path().join("x.json"), root.path().join("x.json")).unwrap();
    let error = Snapshot::load_dir(root.path()).unwrap_err();
    assert!(matches!(&error, SnapshotError::SymlinkEscape { path } if path == "x.json"), "{error}");
    assert!(Snapshot::load_dir(&root.path().join("nowhere")).is_err());
}

#[test]
fn the_same_snapshot_loads_from_a_directory() {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in simulator_support::files() {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let from_dir = Snapshot::load_dir(root.path()).unwrap();
    let shop = simulator_support::shop();
    assert_eq!(from_dir.kinds(), shop.snapshot().kinds());
    assert_eq!(from_dir.object_count(), shop.snapshot().object_count());
    assert_eq!(
        (from_dir.log_count(), from_dir.captured_at()),
        (3, simulator_support::CAPTURED_AT.parse().unwrap())
    );
}

proptest! {
    #[test]
    fn any_bytes_load_or_are_refused(content in proptest::collection::vec(any::<u8>(), 0..200), ending in "(a/b/c.log|x.json|x.yaml|snapshot.yaml|a/b/logs.txt)") {
        let _ = Snapshot::from_files([(ending, content)]);
    }

    #[test]
    fn any_object_loads_or_is_refused(kind in "[A-Za-z ]{0,6}(List)?", version in "[a-z0-9/. ]{0,8}", name in "\\PC{0,6}", namespace in "\\PC{0,6}", items in any::<bool>()) {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
        if items {
            object["items"] = json!([{"metadata": {"name": name}}, 7, null]);
        }
        let _ = Snapshot::from_files([("x.json".to_owned(), object.to_string().into_bytes())]);
    }
}
