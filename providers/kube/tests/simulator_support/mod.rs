//! A small shop with one of everything that the simulator treats specially.

use std::sync::Arc;

use leadsman_kube::simulator::Simulator;
use leadsman_kube::snapshot::Snapshot;
use serde_json::{Value, json};

/// The moment the shop is captured.
pub(crate) const CAPTURED_AT: &str = "2026-03-01T12:00:00Z";

fn file(path: &str, content: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (path.to_owned(), content.into())
}

fn pod(name: &str, node: &str, phase: &str, statuses: Value) -> Value {
    let containers: Vec<Value> = statuses
        .as_array()
        .into_iter()
        .flatten()
        .map(|status| json!({"name": status["name"], "image": "registry.example/cart:1.4"}))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": format!("uid-{name}"),
            "creationTimestamp": "2026-03-01T10:00:00Z",
            "resourceVersion": "4711",
            "labels": {"app": "cart", "pod": name},
        },
        "spec": {"nodeName": node, "containers": containers},
        "status": {"phase": phase, "podIP": "10.0.0.9", "containerStatuses": statuses},
    })
}

/// Pods in the states that people look for.
fn pods() -> Value {
    let last = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-03-01T11:58:00Z"}});
    let running = json!({"running": {"startedAt": "2026-03-01T10:00:05Z"}});
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}});
    let crashing = json!([{"name": "cart", "ready": false, "restartCount": 7, "state": back_off, "lastState": last}]);
    let pair = json!([
        {"name": "web", "ready": true, "restartCount": 0, "state": running, "lastState": {}},
        {"name": "proxy", "ready": true, "restartCount": 0, "state": running, "lastState": {}},
    ]);
    let done = json!([{"name": "job", "ready": false, "restartCount": 0, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}]);
    let one = json!([{"name": "cart", "ready": true, "restartCount": 0, "state": running}]);
    let mut leaving = pod("cart-leaving", "worker-1", "Running", one);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-03-01T12:00:30Z");
    let mut starting = pod(
        "cart-init",
        "worker-2",
        "Pending",
        json!([
            {"name": "cart", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}
        ]),
    );
    starting["spec"]["initContainers"] = json!([{"name": "migrate", "image": "m:1"}]);
    starting["status"]["initContainerStatuses"] =
        json!([{"name": "migrate", "ready": false, "restartCount": 0, "state": running}]);
    json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [
        pod("cart-0", "worker-1", "Running", crashing),
        pod("front-0", "worker-2", "Running", pair),
        pod("report-1", "worker-2", "Succeeded", done),
        leaving,
        starting,
    ]})
}

const NODE_AND_NAMESPACE: &str = r#"
apiVersion: v1
kind: Node
metadata:
  name: worker-1
  creationTimestamp: "2026-02-01T12:00:00Z"
  labels: {node-role.kubernetes.io/worker: ""}
spec: {}
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
  capacity: {cpu: "4", memory: 8Gi, pods: "110"}
  conditions:
  - {type: Ready, status: "True", reason: KubeletReady}
  nodeInfo: {kubeletVersion: v1.34.2, osImage: Linux}
  addresses:
  - {type: InternalIP, address: 192.168.1.5}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, creationTimestamp: "2026-02-01T12:00:00Z"}
status: {phase: Active}
---
apiVersion: metrics.k8s.io/v1beta1
kind: NodeMetrics
metadata: {name: worker-1}
timestamp: "2026-03-01T11:59:00Z"
window: 20s
usage: {cpu: 1200m, memory: 3Gi}
---
apiVersion: metrics.k8s.io/v1beta1
kind: PodMetrics
metadata: {name: cart-0, namespace: shop, labels: {app: cart}}
timestamp: "2026-03-01T11:59:00Z"
window: 20s
containers:
- name: cart
  usage: {cpu: 250m, memory: 180Mi}
"#;

const WORKLOADS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-02-27T12:00:00Z"}
spec:
  replicas: 3
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - {name: cart, image: "registry.example/cart:1.4"}
status: {replicas: 3, readyReplicas: 1, updatedReplicas: 3, availableReplicas: 1}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-02-27T12:00:00Z"}
spec:
  type: NodePort
  clusterIP: 10.96.0.7
  selector: {app: cart}
  ports:
  - {port: 80, targetPort: 8080, nodePort: 30080, protocol: TCP}
---
apiVersion: v1
kind: Event
metadata: {name: cart-0.1, namespace: shop, creationTimestamp: "2026-03-01T11:50:00Z"}
involvedObject: {apiVersion: v1, kind: Pod, name: cart-0, namespace: shop, uid: uid-cart-0}
reason: BackOff
message: Back-off restarting failed container
type: Warning
count: 12
firstTimestamp: "2026-03-01T11:00:00Z"
lastTimestamp: "2026-03-01T11:59:30Z"
source: {component: kubelet, host: worker-1}
---
apiVersion: v1
kind: Event
metadata: {name: cart.2, namespace: shop, creationTimestamp: "2026-03-01T09:00:00Z"}
involvedObject: {apiVersion: apps/v1, kind: Deployment, name: cart, namespace: shop}
reason: ScalingReplicaSet
message: Scaled up
type: Normal
count: 1
firstTimestamp: "2026-03-01T09:00:00Z"
lastTimestamp: "2026-03-01T09:00:00Z"
source: {component: deployment-controller}
"#;

const CUSTOM: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wells.geo.example.com}
spec:
  group: geo.example.com
  scope: Namespaced
  names: {kind: Well, plural: wells, singular: well, shortNames: [wl]}
  versions:
  - name: v1
    served: true
    storage: true
    selectableFields:
    - {jsonPath: .spec.depth}
    additionalPrinterColumns:
    - {name: Depth, type: integer, jsonPath: .spec.depth}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
---
apiVersion: geo.example.com/v1
kind: Well
metadata: {name: deep, namespace: shop, creationTimestamp: "2026-03-01T11:00:00Z"}
spec: {depth: 40}
status:
  conditions:
  - {type: Ready, status: "False"}
---
apiVersion: unknown.example.com/v1alpha1
kind: Policy
metadata: {name: strict, creationTimestamp: "2026-03-01T11:00:00Z"}
"#;

/// The shop's files.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    vec![
        file("snapshot.yaml", format!("capturedAt: {CAPTURED_AT}\nserverVersion: v1.34.2\n")),
        file("shop/pods.json", pods().to_string()),
        file("cluster.yaml", NODE_AND_NAMESPACE),
        file("shop/workloads.yml", WORKLOADS),
        file("custom/all.yaml", CUSTOM),
        file("shop/cart-0/cart.previous.log", "out of memory\n"),
        file(
            "shop/front-0/web.log",
            "2026-03-01T11:00:00Z one\n2026-03-01T11:59:00Z two\n  more of two\n2026-03-01T11:59:50Z three\n",
        ),
        file("shop/gone-7/app.log", "farewell\n"),
    ]
}

/// A server of the shop.
pub(crate) fn shop() -> Simulator {
    Simulator::new(Arc::new(Snapshot::from_files(files()).unwrap()))
}
