//! A capture of a cluster loads as the same cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use leadsman_kube::capture::{CaptureError, CaptureOptions, Progress, capture};
use leadsman_kube::client::KubeCluster;
use leadsman_kube::snapshot::Snapshot;
use leadsman_ports::cluster::{Cluster, ListQuery, LogQuery};
use serde_json::Value;

fn original() -> KubeCluster {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\ndata: {password: aHVudGVyMg==}\n";
    let files = [
        (
            "snapshot.yaml".to_owned(),
            b"capturedAt: 2026-01-02T12:00:00Z\nserverVersion: v1.34.1\n".to_vec(),
        ),
        ("shop.yaml".to_owned(), include_bytes!("data/shop.yaml").to_vec()),
        ("secret.yaml".to_owned(), secret.as_bytes().to_vec()),
        ("shop/cart-6d5f-abcde/app.log".to_owned(), b"now\n".to_vec()),
        ("shop/cart-6d5f-abcde/app.previous.log".to_owned(), b"before\n".to_vec()),
    ];
    KubeCluster::from_snapshot(Arc::new(Snapshot::from_files(files).unwrap()), "original")
}

async fn everything(cluster: &KubeCluster) -> Vec<Value> {
    let mut objects = Vec::new();
    for resource in cluster.listable_types().await.unwrap() {
        objects.extend(cluster.list(&resource, &ListQuery::default()).await.unwrap().items);
    }
    // A server's own counter, not the object's.
    for object in &mut objects {
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    }
    objects
}

#[tokio::test]
async fn a_capture_holds_the_same_objects_and_logs() {
    let cluster = original();
    let dir = tempfile::tempdir().unwrap();
    let steps = Mutex::new(Vec::new());
    let progress = |step: Progress| steps.lock().unwrap().push(step);
    let report =
        capture(&cluster, dir.path(), &CaptureOptions::default(), &progress).await.unwrap();
    assert_eq!((report.logs, report.forbidden.len(), report.failed.len()), (2, 0, 0), "{report:?}");
    assert!(steps.lock().unwrap().contains(&Progress::Logs { pod: "shop/cart-6d5f-abcde".into() }));
    assert!(
        steps.lock().unwrap().contains(&Progress::Kind { resource: "pods".into(), objects: 1 })
    );

    let copy = Snapshot::load_dir(dir.path()).unwrap();
    assert!(copy.skipped().is_empty(), "{:?}", copy.skipped());
    let copy = KubeCluster::from_snapshot(Arc::new(copy), "copy");
    assert_eq!(copy.now(), cluster.now());
    assert_eq!(copy.server_version().await.unwrap(), "v1.34.1");
    // A second capture under another key is what masks would differ in, so objects with one are left out.
    let plain = |objects: Vec<Value>| -> Vec<Value> {
        objects.into_iter().filter(|object| object["kind"] != "Secret").collect()
    };
    assert_eq!(plain(everything(&copy).await), plain(everything(&cluster).await));
    assert!(report.objects > 8);
    for (previous, text) in [(false, "now\n"), (true, "before\n")] {
        let query = LogQuery {
            namespace: "shop".into(),
            pod: "cart-6d5f-abcde".into(),
            container: Some("app".into()),
            previous,
            tail_lines: None,
            since_seconds: None,
            limit_bytes: 100,
        };
        assert_eq!(copy.logs(&query).await.unwrap(), text);
    }
    let secret = std::fs::read_to_string(dir.path().join("shop/secrets.json")).unwrap();
    assert!(secret.contains("<redacted:") && !secret.contains("aHVudGVyMg"), "{secret}");
}

#[tokio::test]
async fn a_namespace_can_be_captured_alone() {
    let dir = tempfile::tempdir().unwrap();
    let options = CaptureOptions { namespace: Some("default".into()), log_bytes: 0 };
    let report = capture(&original(), dir.path(), &options, &|_| {}).await.unwrap();
    assert_eq!(report.logs, 0);
    assert!(dir.path().join("default/events.json").exists());
    assert!(dir.path().join("_cluster/nodes.json").exists());
    assert!(!dir.path().join("shop").exists());
}

#[tokio::test]
async fn a_directory_with_anything_in_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let error =
        capture(&original(), dir.path(), &CaptureOptions::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(error, CaptureError::NotEmpty(_)), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
