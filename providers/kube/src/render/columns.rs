//! The columns of a list: what kubectl shows of a kind, plus what a diagnosis asks for next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadsman_ports::cluster::ResourceType;
use serde_json::Value;

use super::events::last_seen;
use super::fields::{age, entries, items, number, object_age, pairs, plain, text};
use super::pod;
use super::table::Table;

/// A table of objects of one kind; lists across namespaces name each object's.
pub(crate) fn table(
    resource: &ResourceType,
    objects: &[Value],
    now: Timestamp,
    with_namespace: bool,
) -> String {
    let (headers, cells) = columns(resource);
    let with_namespace = with_namespace && resource.namespaced;
    let mut all_headers = Vec::new();
    if with_namespace {
        all_headers.push("NAMESPACE");
    }
    all_headers.push("NAME");
    all_headers.extend(headers);
    all_headers.push("AGE");
    let mut table = Table::new(&all_headers);
    for object in objects {
        let mut row = Vec::with_capacity(all_headers.len());
        if with_namespace {
            row.push(text(object, "/metadata/namespace").to_owned());
        }
        row.push(text(object, "/metadata/name").to_owned());
        row.extend(cells(object, now));
        row.push(object_age(object, now));
        table.push(row);
    }
    table.render()
}

/// How many objects are in which state, most frequent first: `40 Running, 2 Pending`. Empty where the kind
/// has no state.
pub(crate) fn tally(resource: &ResourceType, objects: &[Value], now: Timestamp) -> String {
    let (headers, cells) = columns(resource);
    let Some(column) = headers.iter().position(|header| *header == "STATUS") else {
        return String::new();
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for object in objects {
        let state = cells(object, now).swap_remove(column);
        if !state.is_empty() {
            *counts.entry(state).or_default() += 1;
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

type Cells = fn(&Value, Timestamp) -> Vec<String>;

fn columns(resource: &ResourceType) -> (&'static [&'static str], Cells) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => (&["READY", "STATUS", "RESTARTS", "IP", "NODE"], pod_cells),
        ("", "Node") => (&["STATUS", "ROLES", "VERSION", "TAINTS"], node_cells),
        ("", "Namespace") => {
            (&["STATUS"], |object, _| vec![text(object, "/status/phase").to_owned()])
        }
        ("", "Service") => (&["TYPE", "CLUSTER-IP", "PORTS", "SELECTOR"], service_cells),
        ("", "Event") | ("events.k8s.io", "Event") => {
            (&["LAST", "TYPE", "REASON", "OBJECT", "MESSAGE"], event_cells)
        }
        ("", "PersistentVolumeClaim") => {
            (&["STATUS", "VOLUME", "CAPACITY", "MODES", "CLASS"], claim_cells)
        }
        ("", "PersistentVolume") => {
            (&["STATUS", "CAPACITY", "RECLAIM", "CLAIM", "CLASS"], volume_cells)
        }
        ("", "ConfigMap" | "Secret") => (&["TYPE", "KEYS"], data_cells),
        ("", "ResourceQuota") => (&["USED", "HARD"], |object, _| {
            vec![pairs(object, "/status/used"), pairs(object, "/status/hard")]
        }),
        ("", "Endpoints") => (&["READY", "NOT-READY"], endpoints_cells),
        ("discovery.k8s.io", "EndpointSlice") => {
            (&["SERVICE", "PORTS", "READY", "NOT-READY"], slice_cells)
        }
        ("apps", "Deployment") => {
            (&["READY", "UP-TO-DATE", "AVAILABLE", "IMAGES"], deployment_cells)
        }
        ("apps", "StatefulSet") | ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            (&["READY", "IMAGES", "OWNER"], replica_cells)
        }
        ("apps", "DaemonSet") => {
            (&["DESIRED", "READY", "UP-TO-DATE", "AVAILABLE", "IMAGES"], daemon_cells)
        }
        ("batch", "Job") => (&["SUCCEEDED", "FAILED", "STATUS", "OWNER"], job_cells),
        ("batch", "CronJob") => (&["SCHEDULE", "SUSPEND", "ACTIVE", "LAST"], cron_cells),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            (&["TARGET", "MIN", "MAX", "REPLICAS", "TROUBLE"], scaler_cells)
        }
        ("networking.k8s.io", "Ingress") => (&["CLASS", "HOSTS", "BACKENDS"], ingress_cells),
        ("networking.k8s.io", "NetworkPolicy") => (&["POD-SELECTOR", "TYPES"], |object, _| {
            vec![
                pairs(object, "/spec/podSelector/matchLabels"),
                joined(object, "/spec/policyTypes"),
            ]
        }),
        ("policy", "PodDisruptionBudget") => {
            (&["MIN", "MAX-UNAVAILABLE", "ALLOWED"], |object, _| {
                ["/spec/minAvailable", "/spec/maxUnavailable", "/status/disruptionsAllowed"]
                    .map(|pointer| object.pointer(pointer).map(plain).unwrap_or_default())
                    .into()
            })
        }
        ("storage.k8s.io", "StorageClass") => (&["PROVISIONER", "BINDING"], |object, _| {
            vec![
                text(object, "/provisioner").to_owned(),
                text(object, "/volumeBindingMode").to_owned(),
            ]
        }),
        _ => (&["STATUS"], generic_cells),
    }
}

fn joined(object: &Value, pointer: &str) -> String {
    items(object, pointer).map(plain).collect::<Vec<_>>().join(",")
}

fn ratio(object: &Value, ready: &str, wanted: &str) -> String {
    let wanted = object.pointer(wanted).and_then(Value::as_i64).unwrap_or(1);
    format!("{}/{wanted}", number(object, ready))
}

fn images(object: &Value) -> String {
    items(object, "/spec/template/spec/containers")
        .map(|container| text(container, "/image"))
        .collect::<Vec<_>>()
        .join(",")
}

fn owner(object: &Value) -> String {
    let owner = items(object, "/metadata/ownerReferences").next();
    owner
        .map(|owner| format!("{}/{}", text(owner, "/kind"), text(owner, "/name")))
        .unwrap_or_default()
}

fn pod_cells(pod: &Value, _: Timestamp) -> Vec<String> {
    let summary = pod::summary(pod);
    vec![
        format!("{}/{}", summary.ready, summary.total),
        summary.status,
        summary.restarts.to_string(),
        text(pod, "/status/podIP").to_owned(),
        text(pod, "/spec/nodeName").to_owned(),
    ]
}

fn node_cells(node: &Value, _: Timestamp) -> Vec<String> {
    let holds = |condition: &&Value| text(condition, "/status") == "True";
    let conditions = || items(node, "/status/conditions");
    let ready = conditions().filter(holds).any(|condition| text(condition, "/type") == "Ready");
    let mut status = vec![if ready { "Ready" } else { "NotReady" }];
    status.extend(
        conditions()
            .filter(holds)
            .map(|condition| text(condition, "/type"))
            .filter(|condition| *condition != "Ready"),
    );
    if node.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) {
        status.push("SchedulingDisabled");
    }
    let roles = entries(node, "/metadata/labels")
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .collect::<Vec<_>>();
    let taints = items(node, "/spec/taints")
        .map(|taint| format!("{}:{}", text(taint, "/key"), text(taint, "/effect")))
        .collect::<Vec<_>>();
    vec![
        status.join(","),
        roles.join(","),
        text(node, "/status/nodeInfo/kubeletVersion").to_owned(),
        taints.join(","),
    ]
}

fn service_cells(service: &Value, _: Timestamp) -> Vec<String> {
    let ports = items(service, "/spec/ports").map(|port| {
        format!(
            "{}->{}",
            plain(&port["port"]),
            plain(port.get("targetPort").unwrap_or(&port["port"]))
        )
    });
    vec![
        text(service, "/spec/type").to_owned(),
        text(service, "/spec/clusterIP").to_owned(),
        ports.collect::<Vec<_>>().join(","),
        pairs(service, "/spec/selector"),
    ]
}

fn event_cells(event: &Value, now: Timestamp) -> Vec<String> {
    let object =
        event.get("involvedObject").or_else(|| event.get("regarding")).unwrap_or(&Value::Null);
    let message = event.get("message").or_else(|| event.get("note")).map(plain).unwrap_or_default();
    vec![
        age(last_seen(event), now),
        text(event, "/type").to_owned(),
        text(event, "/reason").to_owned(),
        format!("{}/{}", text(object, "/kind"), text(object, "/name")),
        message,
    ]
}

fn claim_cells(claim: &Value, _: Timestamp) -> Vec<String> {
    vec![
        text(claim, "/status/phase").to_owned(),
        text(claim, "/spec/volumeName").to_owned(),
        text(claim, "/status/capacity/storage").to_owned(),
        joined(claim, "/spec/accessModes"),
        text(claim, "/spec/storageClassName").to_owned(),
    ]
}

fn volume_cells(volume: &Value, _: Timestamp) -> Vec<String> {
    let claim = volume
        .pointer("/spec/claimRef")
        .map(|claim| format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")));
    vec![
        text(volume, "/status/phase").to_owned(),
        text(volume, "/spec/capacity/storage").to_owned(),
        text(volume, "/spec/persistentVolumeReclaimPolicy").to_owned(),
        claim.unwrap_or_default(),
        text(volume, "/spec/storageClassName").to_owned(),
    ]
}

fn data_cells(object: &Value, _: Timestamp) -> Vec<String> {
    let keys = ["/data", "/stringData", "/binaryData"]
        .iter()
        .flat_map(|pointer| entries(object, pointer))
        .map(|(key, _)| key.as_str())
        .collect::<Vec<_>>();
    vec![text(object, "/type").to_owned(), keys.join(",")]
}

fn endpoints_cells(endpoints: &Value, _: Timestamp) -> Vec<String> {
    let count = |field: &str| -> usize {
        items(endpoints, "/subsets").map(|subset| items(subset, field).count()).sum()
    };
    vec![count("/addresses").to_string(), count("/notReadyAddresses").to_string()]
}

fn slice_cells(slice: &Value, _: Timestamp) -> Vec<String> {
    let ready = |wanted: bool| {
        items(slice, "/endpoints")
            .filter(|endpoint| {
                (endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false))) == wanted
            })
            .count()
            .to_string()
    };
    let ports = items(slice, "/ports").map(|port| plain(&port["port"])).collect::<Vec<_>>();
    vec![
        text(slice, "/metadata/labels/kubernetes.io~1service-name").to_owned(),
        ports.join(","),
        ready(true),
        ready(false),
    ]
}

fn deployment_cells(deployment: &Value, _: Timestamp) -> Vec<String> {
    vec![
        ratio(deployment, "/status/readyReplicas", "/spec/replicas"),
        number(deployment, "/status/updatedReplicas").to_string(),
        number(deployment, "/status/availableReplicas").to_string(),
        images(deployment),
    ]
}

fn replica_cells(set: &Value, _: Timestamp) -> Vec<String> {
    vec![ratio(set, "/status/readyReplicas", "/spec/replicas"), images(set), owner(set)]
}

fn daemon_cells(set: &Value, _: Timestamp) -> Vec<String> {
    let counts =
        ["desiredNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable"];
    let counts = counts.iter().map(|field| number(set, &format!("/status/{field}")).to_string());
    counts.chain([images(set)]).collect()
}

fn job_cells(job: &Value, _: Timestamp) -> Vec<String> {
    vec![
        ratio(job, "/status/succeeded", "/spec/completions"),
        number(job, "/status/failed").to_string(),
        conditions(job),
        owner(job),
    ]
}

fn cron_cells(cron: &Value, now: Timestamp) -> Vec<String> {
    vec![
        text(cron, "/spec/schedule").to_owned(),
        (cron.pointer("/spec/suspend") == Some(&Value::Bool(true))).to_string(),
        items(cron, "/status/active").count().to_string(),
        age(text(cron, "/status/lastScheduleTime"), now),
    ]
}

fn scaler_cells(scaler: &Value, _: Timestamp) -> Vec<String> {
    let trouble = items(scaler, "/status/conditions")
        .filter(|condition| {
            (text(condition, "/type") == "ScalingLimited") == (text(condition, "/status") == "True")
        })
        .map(|condition| text(condition, "/reason"))
        .collect::<Vec<_>>();
    vec![
        format!(
            "{}/{}",
            text(scaler, "/spec/scaleTargetRef/kind"),
            text(scaler, "/spec/scaleTargetRef/name")
        ),
        scaler.pointer("/spec/minReplicas").map_or("1".to_owned(), plain),
        number(scaler, "/spec/maxReplicas").to_string(),
        format!(
            "{}->{}",
            number(scaler, "/status/currentReplicas"),
            number(scaler, "/status/desiredReplicas")
        ),
        trouble.join(","),
    ]
}

fn ingress_cells(ingress: &Value, _: Timestamp) -> Vec<String> {
    let hosts = items(ingress, "/spec/rules").map(|rule| match text(rule, "/host") {
        "" => "*",
        host => host,
    });
    let backends =
        items(ingress, "/spec/rules").flat_map(|rule| items(rule, "/http/paths")).map(|path| {
            let port = path.pointer("/backend/service/port").and_then(Value::as_object);
            let port = port.and_then(|port| port.values().next()).map(plain).unwrap_or_default();
            format!("{}:{port}", text(path, "/backend/service/name"))
        });
    vec![
        text(ingress, "/spec/ingressClassName").to_owned(),
        hosts.collect::<Vec<_>>().join(","),
        backends.collect::<Vec<_>>().join(","),
    ]
}

/// Conditions that hold: `Complete`, or `Failed(BackoffLimitExceeded)`.
fn conditions(object: &Value) -> String {
    items(object, "/status/conditions")
        .filter(|condition| text(condition, "/status") == "True")
        .map(|condition| match text(condition, "/reason") {
            "" => text(condition, "/type").to_owned(),
            reason => format!("{}({reason})", text(condition, "/type")),
        })
        .collect::<Vec<_>>()
        .join(",")
}

fn generic_cells(object: &Value, _: Timestamp) -> Vec<String> {
    let ready =
        items(object, "/status/conditions").find(|condition| text(condition, "/type") == "Ready");
    let status = match ready {
        Some(ready) => match text(ready, "/reason") {
            "" => format!("Ready={}", text(ready, "/status")),
            reason => format!("Ready={}({reason})", text(ready, "/status")),
        },
        None => ["/status/phase", "/status/state", "/status/health/status"]
            .iter()
            .map(|pointer| text(object, pointer))
            .find(|text| !text.is_empty())
            .map_or_else(|| conditions(object), str::to_owned),
    };
    vec![status]
}
