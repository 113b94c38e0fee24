//! Secrets in every form that people write them in: masked in what the cluster adapter hands on, while what is no
//! secret stays readable. All through a client of the simulated API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "secrets/forms.rs"]
mod forms;
#[path = "secrets/known.rs"]
mod known;
#[path = "secrets/readable.rs"]
mod readable;
#[path = "secrets/unseen.rs"]
mod unseen;

use std::sync::Arc;

use leadsman_kube::client::KubeCluster;
use leadsman_kube::snapshot::Snapshot;
use leadsman_ports::cluster::{Cluster, LogQuery, ResourceType};
use serde_json::{Value, json};

const NAMESPACE: &str = "shop";

/// A cluster that holds these objects, and this log of the pod `cart-0`.
fn cluster(objects: &[Value], log: &str) -> KubeCluster {
    let mut items = vec![json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "cart-0", "namespace": NAMESPACE}, "spec": {"containers": [{"name": "app"}]},
        "status": {"containerStatuses": [{"name": "app", "restartCount": 0, "state": {"running": {}}}]}})];
    items.extend_from_slice(objects);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let files = [
        ("objects.json".to_owned(), list.to_string().into_bytes()),
        ("shop/cart-0/app.log".to_owned(), log.as_bytes().to_vec()),
    ];
    KubeCluster::from_snapshot(Arc::new(Snapshot::from_files(files).unwrap()), "secrets")
}

fn object(kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}});
    for (key, value) in rest.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

async fn get(cluster: &KubeCluster, kind: &str, name: &str) -> Value {
    let kind: ResourceType = cluster.resolve(kind, None).await.unwrap();
    cluster.get(&kind, NAMESPACE, name).await.unwrap()
}

async fn log(cluster: &KubeCluster) -> String {
    let query = LogQuery {
        namespace: NAMESPACE.to_owned(),
        pod: "cart-0".to_owned(),
        container: Some("app".to_owned()),
        previous: false,
        tail_lines: None,
        since_seconds: None,
        limit_bytes: 1 << 20,
    };
    cluster.logs(&query).await.unwrap()
}

/// What is left of a text that is a file of a ConfigMap, and of the same text in a log.
async fn shown(text: &str) -> (String, String) {
    let file = object("ConfigMap", "files", json!({"data": {"app.conf": text}}));
    let cluster = cluster(&[file], &format!("{text}\n"));
    let file = get(&cluster, "ConfigMap", "files").await;
    (
        file["data"]["app.conf"].as_str().unwrap().to_owned(),
        log(&cluster).await.trim_end_matches('\n').to_owned(),
    )
}
