//! `get_namespaced_resource_context`: an object's owners and what it stands together with.

use std::collections::BTreeSet;
use std::fmt::Write;

use futures::future::join_all;
use leadsman_ports::cluster::{Cluster, ClusterError, ListQuery};
use leadsman_ports::tool::ToolError;
use serde_json::Value;

use super::args::{API_GROUP, KIND, NAME, OBJECT_NAMESPACE};
use super::{Definition, fetch, owners};
use crate::render::describe;
use crate::render::fields::{entries, items, plain, text};

/// References that are looked up.
const MAX_REFERENCES: usize = 30;
/// Pages that are read of each kind.
const PAGES: usize = 1;

pub(super) fn definition() -> Definition {
    Definition {
        name: "get_namespaced_resource_context",
        description: "Owners up to the root, which a fix has to change; services, ingresses, autoscaler, disruption budget and network policies around it; and what it refers to (ConfigMap, Secret, claim, service account), missing ones marked.",
        fields: const { &[KIND, NAME, OBJECT_NAMESPACE, API_GROUP] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let fetch::Named { namespace, object, .. } = fetch::named(cluster, arguments).await?;
    let (mut output, root) = owners::chain(cluster, &object, &namespace).await?;
    let pod = [&object, &root].into_iter().find_map(pod_part);
    if let Some((labels, spec)) = pod {
        neighbours(cluster, &namespace, &root, labels, &mut output).await;
        references(cluster, &namespace, spec, &mut output).await;
    } else if let Some(selector) = describe::selector(&object) {
        output.push_str(&selected(cluster, &namespace, selector).await);
    }
    Ok(output)
}

/// Labels and spec of a pod, or of the pods that a workload makes.
fn pod_part(object: &Value) -> Option<(&Value, &Value)> {
    let part = match text(object, "/kind") {
        "Pod" => object,
        "CronJob" => object.pointer("/spec/jobTemplate/spec/template")?,
        _ => object.pointer("/spec/template")?,
    };
    let labels = part.pointer("/metadata/labels").unwrap_or(&Value::Null);
    Some((labels, part.get("spec")?))
}

/// A kind of neighbour, and what one that belongs to the pods is worth saying.
struct Neighbour {
    kind: &'static str,
    group: &'static str,
    belongs: fn(&Value, &Around) -> Option<String>,
}

/// What neighbours are matched against.
struct Around<'a> {
    labels: &'a Value,
    root: &'a Value,
    services: BTreeSet<String>,
}

const SERVICE: Neighbour = Neighbour {
    kind: "Service",
    group: "v1",
    belongs: |service, around| {
        let selector = service.pointer("/spec/selector").filter(|selector| !is_empty(selector))?;
        subset(selector, around.labels).then(|| {
            let ports = items(service, "/spec/ports").map(|port| {
                let target = port.get("targetPort").unwrap_or(&port["port"]);
                format!("{}->{}", plain(&port["port"]), plain(target))
            });
            ports.collect::<Vec<_>>().join(",")
        })
    },
};

const OTHERS: [Neighbour; 4] = [
    Neighbour {
        kind: "Ingress",
        group: "networking.k8s.io",
        belongs: |ingress, around| {
            let backends = items(ingress, "/spec/rules")
                .flat_map(|rule| items(rule, "/http/paths"))
                .map(|path| text(path, "/backend/service/name"))
                .chain([text(ingress, "/spec/defaultBackend/service/name")]);
            let served: BTreeSet<&str> =
                backends.filter(|name| around.services.contains(*name)).collect();
            (!served.is_empty())
                .then(|| format!("to {}", served.into_iter().collect::<Vec<_>>().join(",")))
        },
    },
    Neighbour {
        kind: "HorizontalPodAutoscaler",
        group: "autoscaling",
        belongs: |scaler, around| {
            let target = |field: &str| text(scaler, &format!("/spec/scaleTargetRef/{field}"));
            let is_target = target("kind") == text(around.root, "/kind")
                && target("name") == text(around.root, "/metadata/name");
            is_target.then(|| {
                let count = |pointer: &str| scaler.pointer(pointer).map(plain).unwrap_or_default();
                format!("{} to {}", count("/spec/minReplicas"), count("/spec/maxReplicas"))
            })
        },
    },
    Neighbour {
        kind: "PodDisruptionBudget",
        group: "policy",
        belongs: |budget, around| {
            selects(budget.pointer("/spec/selector")?, around.labels).then(|| {
                let allowed = budget.pointer("/status/disruptionsAllowed");
                format!("allows {} disruptions", allowed.map_or("?".to_owned(), plain))
            })
        },
    },
    Neighbour {
        kind: "NetworkPolicy",
        group: "networking.k8s.io",
        belongs: |policy, around| {
            let everything = Value::Null;
            let selector = policy.pointer("/spec/podSelector").unwrap_or(&everything);
            selects(selector, around.labels).then(|| {
                let types = items(policy, "/spec/policyTypes").map(plain).collect::<Vec<_>>();
                types.join(",")
            })
        },
    },
];

async fn neighbours(
    cluster: &dyn Cluster,
    namespace: &str,
    root: &Value,
    labels: &Value,
    output: &mut String,
) {
    let mut around = Around { labels, root, services: BTreeSet::new() };
    let (services, others) = futures::join!(
        list(cluster, &SERVICE, namespace),
        join_all(OTHERS.iter().map(|kind| list(cluster, kind, namespace)))
    );
    let found = services.as_deref().unwrap_or_default();
    around.services = found
        .iter()
        .filter(|service| (SERVICE.belongs)(service, &around).is_some())
        .map(|service| text(service, "/metadata/name").to_owned())
        .collect();
    let listed = [(&SERVICE, services)].into_iter().chain(OTHERS.iter().zip(others));
    for (neighbour, objects) in listed {
        let line = match objects {
            Ok(objects) => objects
                .iter()
                .filter_map(|object| {
                    let about = (neighbour.belongs)(object, &around)?;
                    Some(format!("{} ({about})", text(object, "/metadata/name")))
                })
                .collect::<Vec<_>>()
                .join(", "),
            Err(error) => format!("not readable ({error})"),
        };
        let line = if line.is_empty() { "none" } else { &line };
        let _ = writeln!(output, "{}: {line}", neighbour.kind);
    }
}

async fn list(
    cluster: &dyn Cluster,
    neighbour: &Neighbour,
    namespace: &str,
) -> Result<Vec<Value>, ClusterError> {
    let resource = cluster.resolve(neighbour.kind, Some(neighbour.group)).await?;
    let query = ListQuery { namespace: Some(namespace.to_owned()), ..ListQuery::default() };
    Ok(fetch::pages(cluster, &resource, query, PAGES).await?.0)
}

/// The pods behind a Service, a budget or the like.
async fn selected(cluster: &dyn Cluster, namespace: &str, selector: String) -> String {
    let query = ListQuery {
        namespace: Some(namespace.to_owned()),
        label_selector: Some(selector),
        ..ListQuery::default()
    };
    let pods = match cluster.resolve("Pod", Some("v1")).await {
        Ok(resource) => fetch::pages(cluster, &resource, query, PAGES).await,
        Err(error) => Err(error),
    };
    match pods {
        Ok((pods, _)) => describe::pods("pods that it selects", &pods),
        Err(error) => format!("pods: not readable ({error})\n"),
    }
}

/// What a pod needs by name, and whether it is there.
async fn references(cluster: &dyn Cluster, namespace: &str, spec: &Value, output: &mut String) {
    let wanted = referred(spec);
    let looked_up = wanted.iter().take(MAX_REFERENCES).map(|reference| async move {
        let resource = cluster.resolve(reference.kind, Some("v1")).await?;
        cluster.get(&resource, namespace, &reference.name).await
    });
    for (reference, found) in wanted.iter().zip(join_all(looked_up).await) {
        let state = match found {
            Ok(_) => "exists".to_owned(),
            Err(ClusterError::NotFound(_)) if reference.optional => "MISSING, optional".to_owned(),
            Err(ClusterError::NotFound(_)) => "MISSING".to_owned(),
            Err(error) => format!("not readable ({error})"),
        };
        let _ = writeln!(output, "refers to {} {}: {state}", reference.kind, reference.name);
    }
    if wanted.len() > MAX_REFERENCES {
        let _ = writeln!(output, "[{} more references]", wanted.len() - MAX_REFERENCES);
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    kind: &'static str,
    name: String,
    optional: bool,
}

fn referred(spec: &Value) -> Vec<Reference> {
    let mut found = BTreeSet::new();
    let mut add = |kind: &'static str, source: Option<&Value>, field: &str| {
        let Some(source) = source else { return };
        let name = text(source, field).to_owned();
        if !name.is_empty() {
            found.insert(Reference { kind, name, optional: source["optional"] == true });
        }
    };
    for volume in items(spec, "/volumes") {
        add("ConfigMap", volume.get("configMap"), "/name");
        add("Secret", volume.get("secret"), "/secretName");
        add("PersistentVolumeClaim", volume.get("persistentVolumeClaim"), "/claimName");
        for source in items(volume, "/projected/sources") {
            add("ConfigMap", source.get("configMap"), "/name");
            add("Secret", source.get("secret"), "/name");
        }
    }
    let lists = ["/initContainers", "/containers"];
    for container in lists.iter().flat_map(|list| items(spec, list)) {
        let from = items(container, "/envFrom")
            .chain(items(container, "/env").filter_map(|variable| variable.get("valueFrom")));
        for source in from {
            for field in ["configMapRef", "configMapKeyRef"] {
                add("ConfigMap", source.get(field), "/name");
            }
            for field in ["secretRef", "secretKeyRef"] {
                add("Secret", source.get(field), "/name");
            }
        }
    }
    for secret in items(spec, "/imagePullSecrets") {
        add("Secret", Some(secret), "/name");
    }
    add("ServiceAccount", Some(spec), "/serviceAccountName");
    found.into_iter().collect()
}

fn is_empty(map: &Value) -> bool {
    map.as_object().is_none_or(serde_json::Map::is_empty)
}

fn subset(wanted: &Value, labels: &Value) -> bool {
    entries(wanted, "").all(|(key, value)| labels.get(key) == Some(value))
}

/// A label selector of the API; an empty one selects everything.
fn selects(selector: &Value, labels: &Value) -> bool {
    let required = items(selector, "/matchExpressions").all(|rule| {
        let value = labels.get(text(rule, "/key"));
        let listed = || items(rule, "/values").any(|listed| Some(listed) == value);
        match text(rule, "/operator") {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    required && entries(selector, "/matchLabels").all(|(key, value)| labels.get(key) == Some(value))
}
