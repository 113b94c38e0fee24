//! A small broken workload with room for planted texts: a Deployment whose pod crashes at start, with everything
//! that a tool could show of it.

use std::collections::BTreeMap;
use std::path::Path;

use leadsman_testkit::ChatRequestView;
use serde_json::{Value, json};

/// The only pod.
pub(crate) const POD: &str = "cash-7d9f8c6b54-x2k9q";

/// What is broken, with the texts that tests plant into it.
#[derive(Default)]
pub(crate) struct Workload {
    pub(crate) namespace: String,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) command: Vec<String>,
    pub(crate) args: Vec<String>,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) secret_data: BTreeMap<String, String>,
    pub(crate) secret_string_data: BTreeMap<String, String>,
    pub(crate) events: Vec<String>,
    pub(crate) log: Vec<String>,
    pub(crate) previous_log: Vec<String>,
    pub(crate) termination: String,
    pub(crate) objects: Vec<Value>,
}

impl Workload {
    /// Nothing planted yet.
    pub(crate) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..Self::default() }
    }

    /// Metadata of an object beside it.
    pub(crate) fn meta(&self, name: &str) -> Value {
        json!({"name": name, "namespace": self.namespace, "creationTimestamp": "2026-03-02T09:40:00Z"})
    }

    /// Writes it into a snapshot, beside those of other namespaces.
    pub(crate) fn write(&self, directory: &Path) {
        std::fs::write(
            directory.join("snapshot.yaml"),
            "capturedAt: '2026-03-02T10:00:00Z'\nserverVersion: v1.34.1\n",
        )
        .unwrap();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": self.all()});
        std::fs::write(directory.join(format!("{}.json", self.namespace)), list.to_string())
            .unwrap();
        let logs = directory.join(&self.namespace).join(POD);
        std::fs::create_dir_all(&logs).unwrap();
        let lines = |planted: &[String]| {
            let mut lines = vec!["2026-03-02T09:58:00Z INFO cash starting".to_owned()];
            lines.extend_from_slice(planted);
            lines.push(
                "2026-03-02T09:58:01Z ERROR cannot read /etc/cash/rates.csv: no such file"
                    .to_owned(),
            );
            lines.push("exiting with status 1\n".to_owned());
            lines.join("\n")
        };
        std::fs::write(logs.join("app.log"), lines(&self.log)).unwrap();
        std::fs::write(logs.join("app.previous.log"), lines(&self.previous_log)).unwrap();
    }

    /// The incident that its crash raises.
    pub(crate) fn incident(&self) -> Value {
        leadsman_testkit::incident(&self.namespace, "Deployment", "cash")
    }

    fn all(&self) -> Vec<Value> {
        let mut objects = vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}),
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-1"},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
            self.deployment(),
            self.replica_set(),
            self.pod(),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": self.meta("cash-config"), "data": self.config}),
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": self.meta("cash-secret"),
                "data": self.secret_data, "stringData": self.secret_string_data}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": self.meta("cash"),
                "spec": {"selector": {"app": "cash"}, "ports": [{"port": 80, "targetPort": 8080}]}}),
        ];
        objects.extend(self.events.iter().enumerate().map(|(number, message)| {
            json!({"apiVersion": "v1", "kind": "Event", "metadata": self.meta(&format!("cash.{number:x}")),
                "type": "Warning", "reason": "BackOff", "message": message, "count": 4,
                "firstTimestamp": "2026-03-02T09:50:00Z", "lastTimestamp": "2026-03-02T09:59:00Z",
                "involvedObject": {"kind": "Pod", "namespace": self.namespace, "name": POD}})
        }));
        objects.extend(self.objects.iter().cloned());
        objects
    }

    fn labels(&self) -> Value {
        let mut labels = self.labels.clone();
        labels.insert("app".to_owned(), "cash".to_owned());
        json!(labels)
    }

    fn template(&self) -> Value {
        let env: Vec<Value> =
            self.env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut container = json!({"name": "app", "image": "registry.example.com/till/cash:2.1.0",
            "env": env, "envFrom": [{"configMapRef": {"name": "cash-config"}}]});
        if !self.command.is_empty() {
            container["command"] = json!(self.command);
        }
        if !self.args.is_empty() {
            container["args"] = json!(self.args);
        }
        json!({"containers": [container], "nodeName": "worker-1"})
    }

    fn deployment(&self) -> Value {
        let mut metadata = self.meta("cash");
        metadata["annotations"] = json!(self.annotations);
        metadata["labels"] = self.labels();
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "cash"}},
                "template": {"metadata": {"labels": self.labels()}, "spec": self.template()}},
            "status": {"replicas": 1, "unavailableReplicas": 1, "updatedReplicas": 1}})
    }

    fn replica_set(&self) -> Value {
        let mut metadata = self.meta("cash-7d9f8c6b54");
        metadata["labels"] = self.labels();
        metadata["ownerReferences"] = owner("Deployment", "cash");
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "cash"}},
                "template": {"metadata": {"labels": self.labels()}, "spec": self.template()}},
            "status": {"replicas": 1}})
    }

    fn pod(&self) -> Value {
        let mut metadata = self.meta(POD);
        metadata["labels"] = self.labels();
        metadata["annotations"] = json!(self.annotations);
        metadata["ownerReferences"] = owner("ReplicaSet", "cash-7d9f8c6b54");
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.template(),
            "status": {"phase": "Running", "startTime": "2026-03-02T09:40:00Z",
                "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
                "containerStatuses": [{"name": "app", "ready": false, "restartCount": 8, "started": false,
                    "image": "registry.example.com/till/cash:2.1.0", "imageID": "",
                    "state": {"waiting": {"reason": "CrashLoopBackOff",
                        "message": "back-off 5m0s restarting failed container=app"}},
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": self.termination,
                        "startedAt": "2026-03-02T09:58:00Z", "finishedAt": "2026-03-02T09:58:01Z"}}}]}})
    }
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true, "uid": name}])
}

/// Every call that could show something of the workload: every tool on offer, over every object or pod as far as
/// its schema asks for one.
pub(crate) fn every_call(
    request: &ChatRequestView,
    namespace: &str,
    objects: &[(&str, &str)],
) -> Vec<(String, Value)> {
    let tools = request.body["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| &tool["function"])
        .filter(|tool| tool["name"] != "submit_result" && tool["name"] != "read_evidence")
        .flat_map(|tool| {
            let name = tool["name"].as_str().unwrap();
            calls_of(&tool["parameters"], namespace, objects)
                .into_iter()
                .map(|call| (name.to_owned(), call))
        })
        .collect()
}

fn calls_of(schema: &Value, namespace: &str, objects: &[(&str, &str)]) -> Vec<Value> {
    let has = |name: &str| !schema["properties"][name].is_null();
    let targets: Vec<(&str, &str)> = match (has("kind"), has("pod")) {
        (true, _) => objects.to_vec(),
        (false, true) => vec![("Pod", POD)],
        (false, false) => vec![("", "cash")],
    };
    let mut calls: Vec<Value> = Vec::new();
    for (kind, object) in targets {
        let mut call = serde_json::Map::new();
        for (property, value) in [
            ("kind", json!(kind)),
            ("name", json!(object)),
            ("pod", json!(object)),
            ("namespace", json!(namespace)),
            ("container", json!("app")),
        ] {
            if has(property) && !(property == "namespace" && kind == "Node") {
                call.insert(property.to_owned(), value);
            }
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            let required = required.as_str().unwrap();
            if !call.contains_key(required) {
                let filler = match schema["properties"][required]["type"].as_str() {
                    Some("integer" | "number") => json!(5),
                    Some("boolean") => json!(true),
                    _ => json!("a"),
                };
                call.insert(required.to_owned(), filler);
            }
        }
        if has("previous") {
            let mut previous = call.clone();
            previous.insert("previous".to_owned(), json!(true));
            calls.push(Value::Object(previous));
        }
        calls.push(Value::Object(call));
    }
    calls.dedup();
    calls
}
