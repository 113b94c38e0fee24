//! The cluster adapter: against the simulated API server, and against one that misbehaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kube::client::Body;
use leadsman_kube::client::KubeCluster;
use leadsman_kube::redaction::is_mask;
use leadsman_kube::snapshot::Snapshot;
use leadsman_ports::cluster::{Cluster, ClusterError, ListQuery, LogQuery, ResourceType};
use leadsman_ports::condensed::Certificate;
use serde_json::{Value, json};

fn snapshot(files: &[(&str, String)]) -> KubeCluster {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.clone().into_bytes()));
    KubeCluster::from_snapshot(Arc::new(Snapshot::from_files(files).unwrap()), "snapshot test")
}

fn shop() -> KubeCluster {
    let applied = "kubectl.kubernetes.io/last-applied-configuration";
    let pod = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop",
            "labels": {"app": "cart"}, "annotations": {applied: "{}"}, "managedFields": [{"manager": "x"}]},
            "spec": {"containers": [{"name": "app", "image": "cart:1",
                "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]},
            "status": {"containerStatuses": [{"name": "app", "restartCount": 0, "state": {"running": {}}}]}})
    };
    let definition = |group: &str| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("services.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"kind": "Service", "plural": "services", "singular": "service", "shortNames": ["kservice"]},
            "versions": [{"name": "v1", "served": true, "storage": true}]}})
    };
    let metrics = json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
        "metadata": {"name": "cart-0", "namespace": "shop"}, "containers": []});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
        "data": {"password": "aHVudGVyMg=="}});
    let objects: Vec<Value> = vec![
        pod("cart-0"),
        pod("cart-1"),
        pod("cart-2"),
        secret,
        metrics,
        definition("serving.knative.dev"),
    ];
    snapshot(&[
        ("snapshot.yaml", "capturedAt: 2026-01-02T03:04:05Z\n".to_owned()),
        ("objects.json", json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()),
        ("shop/cart-0/app.log", "one\ntwo password=hunter2\nthree\n".to_owned()),
    ])
}

#[tokio::test]
async fn kinds_resolve_by_any_name() {
    let cluster = shop();
    for name in ["Pod", "pods", "pod", "PO", "  pOdS "] {
        let pod = cluster.resolve(name, None).await.unwrap();
        assert_eq!(
            (pod.kind.as_str(), pod.group.as_str(), pod.namespaced),
            ("Pod", "", true),
            "{name}"
        );
    }
    for (name, group, expected) in [
        ("deploy", None, "apps/v1"),
        ("Deployment", Some("apps"), "apps/v1"),
        ("Deployment", Some("apps/v1"), "apps/v1"),
        ("deployment", Some("apps/v1beta1"), "apps/v1"),
        ("deployments.apps", None, "apps/v1"),
        ("Service", Some("v1"), "v1"),
        ("Service", Some("serving.knative.dev"), "serving.knative.dev/v1"),
        ("kservice", None, "serving.knative.dev/v1"),
        ("events", None, "v1"),
        ("PodMetrics", None, "metrics.k8s.io/v1beta1"),
    ] {
        let resource = cluster.resolve(name, group).await.unwrap();
        assert_eq!(resource.api_version(), expected, "{name} {group:?}");
    }
}

#[tokio::test]
async fn unclear_kinds_are_refused_with_a_way_on() {
    let cluster = shop();
    let ambiguous = cluster.resolve("Service", None).await.unwrap_err();
    let groups = vec!["serving.knative.dev".to_owned(), "v1".to_owned()];
    assert_eq!(ambiguous, ClusterError::AmbiguousKind { kind: "Service".into(), groups });
    let Err(ClusterError::UnknownKind { similar, .. }) = cluster.resolve("Deploymnet", None).await
    else {
        panic!("resolved");
    };
    assert_eq!(similar.first().map(String::as_str), Some("Deployment"));
}

#[tokio::test]
async fn objects_leave_clean_and_redacted() {
    let cluster = shop();
    let pods = cluster.resolve("Pod", None).await.unwrap();
    let pod = cluster.get(&pods, "shop", "cart-0").await.unwrap();
    assert_eq!(pod["metadata"].get("managedFields"), None);
    assert_eq!(pod["metadata"].get("annotations"), None);
    let list = cluster
        .list(&pods, &ListQuery { namespace: Some("shop".into()), ..ListQuery::default() })
        .await;
    let list = list.unwrap();
    assert_eq!(list.items.len(), 3);
    assert_eq!(list.items[0], pod, "a list's item equals the object that get answers");
    let secrets = cluster.resolve("Secret", None).await.unwrap();
    let secret = cluster.get(&secrets, "shop", "db").await.unwrap();
    let mask = secret["data"]["password"].as_str().unwrap();
    assert!(is_mask(mask), "{mask}");
    assert_eq!(
        pod["spec"]["containers"][0]["env"][0]["value"], mask,
        "equal secrets stay comparable"
    );
    assert_eq!(cluster.now().to_string(), "2026-01-02T03:04:05Z");
}

#[tokio::test]
async fn a_certificate_says_when_it_is_valid_and_its_key_stays_masked() {
    let pem = include_str!("data/shop.crt");
    let key = "-----BEGIN PRIVATE KEY-----\nnot a key\n-----END PRIVATE KEY-----\n";
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": "tls", "namespace": "shop"},
        "stringData": {"tls.crt": pem, "tls.key": key, "both.pem": format!("{key}{pem}")}});
    let cluster = snapshot(&[("tls.json", secret.to_string())]);
    let secrets = cluster.resolve("Secret", None).await.unwrap();
    let secret = cluster.get(&secrets, "shop", "tls").await.unwrap();
    let value = |name: &str| secret["stringData"][name].as_str().unwrap().to_owned();
    let certificate: Certificate = value("tls.crt").parse().unwrap();
    assert_eq!(certificate.names, ["shop.example", "*.shop.example"]);
    let days = certificate.not_after.duration_since(certificate.not_before).as_hours() / 24;
    assert_eq!(days, 90);
    assert!(is_mask(&value("tls.key")), "{}", value("tls.key"));
    assert!(!value("both.pem").contains("not a key"), "{}", value("both.pem"));

    let again = cluster_of(secret.clone()).await;
    assert_eq!(again["stringData"], secret["stringData"], "redacting twice changes nothing");
}

/// The only Secret of a snapshot that holds what a capture wrote.
async fn cluster_of(secret: Value) -> Value {
    let cluster = snapshot(&[("tls.json", secret.to_string())]);
    let secrets = cluster.resolve("Secret", None).await.unwrap();
    cluster.get(&secrets, "shop", "tls").await.unwrap()
}

#[tokio::test]
async fn who_changed_what_last_is_kept_in_a_line() {
    let fields = json!({"f:data": {"f:BATCH_SIZE": {}}});
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"BATCH_SIZE": "5000"},
        "metadata": {"name": "worker", "namespace": "shop", "managedFields": [{"manager": "kubectl-edit",
            "operation": "Update", "time": "2026-01-02T03:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}]}});
    let cluster = snapshot(&[("config.json", config.to_string())]);
    let kind = cluster.resolve("ConfigMap", None).await.unwrap();
    let config = cluster.get(&kind, "shop", "worker").await.unwrap();
    assert_eq!(
        config["metadata"]["changes"],
        json!(["2026-01-02T03:00:00Z kubectl-edit: data.BATCH_SIZE"])
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let cluster = shop();
    let pods = cluster.resolve("Pod", None).await.unwrap();
    let mut query = ListQuery { limit: Some(2), ..ListQuery::default() };
    let first = cluster.list(&pods, &query).await.unwrap();
    assert_eq!((first.items.len(), first.remaining), (2, Some(1)));
    query.continue_token = first.continue_token;
    let second = cluster.list(&pods, &query).await.unwrap();
    assert_eq!((second.items.len(), second.continue_token), (1, None));
}

#[tokio::test]
async fn names_cannot_leave_their_place_in_the_url() {
    let cluster = shop();
    let pods = cluster.resolve("Pod", None).await.unwrap();
    for name in ["../secrets/db", "", "..", "a b", "cart-0?x=y", "a%2fb", "käse", "a\nb"] {
        let error = cluster.get(&pods, "shop", name).await.unwrap_err();
        assert!(matches!(error, ClusterError::Invalid(_)), "{name:?}: {error}");
        let error = cluster.get(&pods, name, "cart-0").await.unwrap_err();
        assert!(matches!(error, ClusterError::Invalid(_)), "{name:?}: {error}");
        let query = ListQuery { namespace: Some(name.into()), ..ListQuery::default() };
        assert!(
            matches!(cluster.list(&pods, &query).await, Err(ClusterError::Invalid(_))),
            "{name:?}"
        );
        assert!(
            matches!(cluster.logs(&log("shop", name, 9)).await, Err(ClusterError::Invalid(_))),
            "{name:?}"
        );
    }
}

fn log(namespace: &str, pod: &str, limit_bytes: u32) -> LogQuery {
    LogQuery {
        namespace: namespace.into(),
        pod: pod.into(),
        container: None,
        previous: false,
        tail_lines: None,
        since_seconds: None,
        limit_bytes,
    }
}

#[tokio::test]
async fn logs_are_redacted_and_keep_the_newest_bytes() {
    let cluster = shop();
    let all = cluster.logs(&log("shop", "cart-0", 1000)).await.unwrap();
    assert!(all.starts_with("one\ntwo password=<redacted:") && all.ends_with("three\n"), "{all}");
    assert_eq!(cluster.logs(&log("shop", "cart-0", 9)).await.unwrap(), "three\n");
    let missing = cluster.logs(&log("shop", "cart-9", 9)).await.unwrap_err();
    assert!(matches!(missing, ClusterError::NotFound(_)), "{missing}");
    let previous =
        LogQuery { previous: true, container: Some("app".into()), ..log("shop", "cart-0", 9) };
    let previous = cluster.logs(&previous).await.unwrap_err();
    assert!(matches!(previous, ClusterError::NotFound(_)), "{previous}");
}

/// A cluster whose API server answers each path with a status and a body.
fn server(answer: impl Fn(&str) -> (u16, Vec<u8>) + Send + Sync + 'static) -> KubeCluster {
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let answer = Arc::clone(&answer);
        async move {
            let (status, body) = answer(request.uri().path());
            if status == 0 {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(
                http::Response::builder().status(status).body(Body::from(body)).unwrap(),
            )
        }
    });
    KubeCluster::with_client(kube::Client::new(service, "default"), "fake", Duration::from_secs(5))
}

fn json_body(value: Value) -> (u16, Vec<u8>) {
    (200, value.to_string().into_bytes())
}

fn failure(code: u16, message: &str) -> (u16, Vec<u8>) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message});
    (code, status.to_string().into_bytes())
}

/// Core with pods, and a group of the given names.
fn discovery(path: &str, groups: &[&str]) -> Option<(u16, Vec<u8>)> {
    let resource = |name: &str, kind: &str| {
        json!({"name": name, "kind": kind, "namespaced": true,
        "singularName": "", "verbs": ["get", "list"]})
    };
    Some(match path {
        "/api" => json_body(json!({"versions": ["v1"]})),
        "/api/v1" => {
            json_body(json!({"resources": [resource("pods", "Pod"), resource("pods/log", "Pod")]}))
        }
        "/apis" => {
            let groups: Vec<Value> = groups
                .iter()
                .map(|name| json!({"name": name, "versions": [{"groupVersion": format!("{name}/v1"), "version": "v1"}]}))
                .collect();
            json_body(json!({"groups": groups}))
        }
        "/apis/widgets.example.com/v1" => {
            json_body(json!({"resources": [resource("widgets", "Widget")]}))
        }
        _ => return None,
    })
}

fn pods() -> ResourceType {
    ResourceType {
        group: String::new(),
        version: "v1".into(),
        kind: "Pod".into(),
        plural: "pods".into(),
        namespaced: true,
    }
}

#[tokio::test]
async fn every_failure_is_mapped() {
    let long = format!("password=hunter2 {}", "x".repeat(5000));
    type Check = fn(&ClusterError) -> bool;
    let cases: [((u16, Vec<u8>), Check); 12] = [
        (failure(401, "no"), |error| *error == ClusterError::Unauthorized),
        (failure(403, "pods is forbidden: User \"x\" cannot get"), |error| {
            *error == ClusterError::Forbidden("pods is forbidden: User \"x\" cannot get".into())
        }),
        (failure(404, "pods \"a\" not found"), |error| {
            *error == ClusterError::NotFound("pods \"a\" not found".into())
        }),
        (
            failure(410, "expired"),
            |error| matches!(error, ClusterError::Invalid(text) if text.contains("continue token")),
        ),
        (failure(400, "bad selector"), |error| {
            *error == ClusterError::Invalid("bad selector".into())
        }),
        (failure(422, "bad"), |error| matches!(error, ClusterError::Invalid(_))),
        (failure(504, "late"), |error| *error == ClusterError::Timeout),
        (failure(429, "slow down"), |error| matches!(error, ClusterError::Unavailable(_))),
        (
            failure(500, &long),
            |error| matches!(error, ClusterError::Unavailable(text) if text.len() < 700 && !text.contains("hunter2")),
        ),
        ((502, b"<html>bad gateway</html>".to_vec()), |error| {
            matches!(error, ClusterError::Unavailable(_))
        }),
        (
            (200, b"{\"password\": \"hunter2".to_vec()),
            |error| matches!(error, ClusterError::Unavailable(text) if !text.contains("hunter2")),
        ),
        ((403, b"denied by a proxy".to_vec()), |error| {
            *error == ClusterError::Forbidden("denied by a proxy".into())
        }),
    ];
    for (answer, check) in cases {
        let shown = String::from_utf8_lossy(&answer.1).into_owned();
        let cluster = server(move |_| answer.clone());
        let error = cluster.get(&pods(), "shop", "a").await.unwrap_err();
        assert!(check(&error), "{shown} -> {error:?}");
    }
}

#[tokio::test]
async fn a_lost_connection_is_unavailable() {
    let service = tower::service_fn(|_: http::Request<Body>| async {
        Err::<http::Response<Body>, _>(std::io::Error::other("connection refused"))
    });
    let client = kube::Client::new(service, "default");
    let cluster = KubeCluster::with_client(client, "fake", Duration::from_secs(5));
    let error = cluster.resolve("Pod", None).await.unwrap_err();
    assert!(
        matches!(&error, ClusterError::Unavailable(text) if text.contains("connection refused")),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_runs_into_the_deadline() {
    let cluster = server(|_| (0, Vec::new()));
    let started = tokio::time::Instant::now();
    assert_eq!(cluster.get(&pods(), "shop", "a").await, Err(ClusterError::Timeout));
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn an_aggregated_api_that_is_down_hides_nothing_else() {
    let cluster = server(|path| {
        discovery(path, &["metrics.k8s.io", "widgets.example.com"]).unwrap_or(failure(503, "down"))
    });
    assert_eq!(cluster.resolve("widget", None).await.unwrap().plural, "widgets");
    let error = cluster.resolve("PodMetrics", None).await.unwrap_err();
    assert!(matches!(error, ClusterError::UnknownKind { .. }), "{error}");
    let kinds: Vec<String> =
        cluster.resource_types().await.unwrap().into_iter().map(|kind| kind.plural).collect();
    assert_eq!(kinds, ["pods", "widgets"], "subresources are no kinds");
}

#[tokio::test(start_paused = true)]
async fn a_kind_installed_later_is_found_and_discovery_is_shared() {
    let readings = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&readings);
    let cluster = Arc::new(server(move |path| {
        // The group appears with the second reading.
        let reading = if path == "/apis" { counted.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        let groups: &[&str] = if reading > 1 { &["widgets.example.com"] } else { &[] };
        discovery(path, groups).unwrap_or(failure(404, "no"))
    }));
    cluster.resolve("Pod", None).await.unwrap();
    cluster.resolve("Pod", None).await.unwrap();
    assert_eq!(readings.load(Ordering::SeqCst), 1, "a hit reads nothing");
    // What was read a moment ago is not read again.
    tokio::time::advance(Duration::from_secs(30)).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let cluster = Arc::clone(&cluster);
            tokio::spawn(async move { cluster.resolve("Widget", None).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().kind, "Widget");
    }
    assert_eq!(readings.load(Ordering::SeqCst), 2, "misses at the same time share one reading");
}

#[tokio::test]
async fn invalid_utf8_in_logs_is_replaced() {
    let cluster = server(|_| (200, b"a\xff\nb".to_vec()));
    assert_eq!(cluster.logs(&log("shop", "cart-0", 100)).await.unwrap(), "a\u{fffd}\nb");
}
