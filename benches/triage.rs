//! Triage of a Deployment in a namespace of 5,000 pods, through the simulated API server.
//!
//! Before criterion's samples, one run gives the peak of resident memory, snapshot and simulator included.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use leadsman::app;
use leadsman::engine::evidence::Ledger;
use leadsman::engine::incident::Incident;
use leadsman::triage::{TriageReport, triage};
use leadsman_kube::client::KubeCluster;
use leadsman_kube::snapshot::Snapshot;
use leadsman_ports::cluster::ObjectRef;
use serde_json::{Value, json};

const DEPLOYMENTS: usize = 100;
const REPLICAS: usize = 50;
const NODES: usize = 100;
const AT: &str = "2026-01-05T10:00:00Z";

/// The Deployment that the incident is about; its pods crash.
const BROKEN: usize = 42;

fn metadata(name: &str, owner: Option<(&str, &str)>, labels: &Value) -> Value {
    let mut metadata = json!({
        "name": name, "namespace": "fleet", "uid": name, "labels": labels, "creationTimestamp": AT
    });
    if let Some((kind, owner)) = owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": true
        }]);
    }
    metadata
}

fn pod_spec(app: &str) -> Value {
    json!({
        "containers": [{
            "name": "main",
            "image": format!("registry.example/{app}:1.4.2"),
            "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "UPSTREAM", "value": "http://app-7:8080"}],
            "ports": [{"containerPort": 8080}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10}
        }],
        "restartPolicy": "Always"
    })
}

fn pod(app: &str, owner: &str, number: usize, broken: bool) -> Value {
    let name = format!("{owner}-{number:04}");
    let mut spec = pod_spec(app);
    spec["nodeName"] = json!(format!("node-{}", number % NODES));
    let state = if broken {
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}})
    } else {
        json!({"running": {"startedAt": AT}})
    };
    let terminated = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": AT, "finishedAt": AT}});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": metadata(&name, Some(("ReplicaSet", owner)), &json!({"app": app})),
        "spec": spec,
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": if broken { "False" } else { "True" }, "lastTransitionTime": AT}],
            "containerStatuses": [{
                "name": "main", "ready": !broken, "restartCount": if broken { 12 } else { 0 },
                "image": format!("registry.example/{app}:1.4.2"), "state": state,
                "lastState": if broken { terminated } else { json!({}) }
            }]
        }
    })
}

fn workload(kind: &str, name: &str, owner: Option<(&str, &str)>, app: &str) -> Value {
    let labels = json!({"app": app});
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": metadata(name, owner, &labels),
        "spec": {
            "replicas": REPLICAS, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(app)}
        },
        "status": {"replicas": REPLICAS, "readyReplicas": REPLICAS}
    })
}

fn cluster() -> KubeCluster {
    let mut items: Vec<Value> = (0..NODES)
        .map(|number| {
            json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("node-{number}")},
                "status": {
                    "allocatable": {"cpu": "32", "memory": "128Gi", "pods": "110"},
                    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": AT}]
                }
            })
        })
        .collect();
    for number in 0..DEPLOYMENTS {
        let (app, set) = (format!("app-{number}"), format!("app-{number}-6d4f9"));
        items.push(workload("Deployment", &app, None, &app));
        items.push(workload("ReplicaSet", &set, Some(("Deployment", &app)), &app));
        items.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata(&app, None, &json!({})),
            "spec": {"selector": {"app": app}, "ports": [{"port": 8080, "targetPort": 8080}]}
        }));
        items.extend((0..REPLICAS).map(|replica| pod(&app, &set, replica, number == BROKEN)));
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let snapshot = Snapshot::from_files([("all.json".to_owned(), list.into_bytes())]).unwrap();
    KubeCluster::from_snapshot(Arc::new(snapshot), "5,000 pods")
}

async fn investigate(cluster: &KubeCluster) -> TriageReport {
    let incident = Incident {
        resource: ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "fleet".to_owned(),
            name: format!("app-{BROKEN}"),
        },
        ..Incident::default()
    };
    triage(cluster, &incident, &mut Ledger::default()).await.unwrap()
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.map(|line| line["VmHWM:".len()..].trim().to_owned()).unwrap_or_default()
}

fn five_thousand_pods(criterion: &mut Criterion) {
    app::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cluster = runtime.block_on(async { cluster() });
    let report = runtime.block_on(investigate(&cluster));
    println!("best finding: {}", report.findings[0].summary);
    println!("peak memory of one triage, snapshot included: {}", peak());
    let mut group = criterion.benchmark_group("triage");
    group.sample_size(10);
    group.bench_function("a Deployment among 5,000 pods", |bencher| {
        bencher.to_async(&runtime).iter(|| async { black_box(investigate(&cluster).await) });
    });
    group.finish();
}

criterion_group!(benches, five_thousand_pods);
criterion_main!(benches);
