//! `kubectl_top_pods` and `kubectl_top_nodes`: use of CPU and memory beside what is allowed.

use std::collections::HashMap;

use leadsman_ports::cluster::{Cluster, ListQuery, ResourceType};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{Field, Holds, NAMESPACE, typed};
use super::{Definition, fetch};
use crate::render::fields::{items, text};
use crate::render::{quantity, table::Table};

/// Containers that are shown unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 50;
/// Pages that are read of metrics and of objects.
const PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    namespace: Option<String>,
    limit: Option<u32>,
}

pub(super) fn pods() -> Definition {
    Definition {
        name: "kubectl_top_pods",
        description: "CPU and memory that containers use, with limits, largest memory first.",
        fields: const { &[NAMESPACE, Field::optional("limit", "Default 50", Holds::Number(500))] },
        run: |cluster, arguments| Box::pin(run_pods(cluster, arguments)),
    }
}

pub(super) fn nodes() -> Definition {
    Definition {
        name: "kubectl_top_nodes",
        description: "CPU and memory that nodes use, with the share of what they have.",
        fields: const { &[] },
        run: |cluster, _| Box::pin(run_nodes(cluster)),
    }
}

async fn metrics_kind(cluster: &dyn Cluster, kind: &str) -> Result<ResourceType, ToolError> {
    cluster.resolve(kind, Some("metrics.k8s.io")).await.map_err(|error| {
        ToolError::Failed(format!(
            "no metrics: {error}; is metrics-server installed? Requests and limits are in kubectl_describe"
        ))
    })
}

fn amount(object: &Value, pointer: &str) -> Option<f64> {
    leadsman_ports::quantity::parse(text(object, pointer))
}

struct Usage {
    namespace: String,
    pod: String,
    container: String,
    cpu: f64,
    memory: f64,
}

async fn run_pods(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let kind = metrics_kind(cluster, "PodMetrics").await?;
    let query = ListQuery { namespace: args.namespace.clone(), ..ListQuery::default() };
    let (metrics, _) =
        fetch::pages(cluster, &kind, query.clone(), PAGES).await.map_err(fetch::failed)?;
    let mut usages: Vec<Usage> = metrics.iter().flat_map(usages).collect();
    if usages.is_empty() {
        let place = args.namespace.map(|name| format!(" in namespace {name}")).unwrap_or_default();
        return Ok(format!("No pod metrics{place}.\n"));
    }
    usages.sort_by(|a, b| {
        b.memory.total_cmp(&a.memory).then_with(|| {
            (&a.namespace, &a.pod, &a.container).cmp(&(&b.namespace, &b.pod, &b.container))
        })
    });
    // Without the right to list pods the usage alone is still an answer.
    let limits = match cluster.resolve("Pod", Some("v1")).await {
        Ok(pods) => fetch::pages(cluster, &pods, query, PAGES).await.map(|(pods, _)| limits(&pods)),
        Err(error) => Err(error),
    }
    .unwrap_or_default();
    let limit = args.limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let mut table = Table::new(&[
        "NAMESPACE",
        "POD",
        "CONTAINER",
        "CPU",
        "CPU-LIMIT",
        "MEMORY",
        "MEMORY-LIMIT",
        "MEMORY%",
    ]);
    for usage in usages.iter().take(limit) {
        let key = (usage.namespace.clone(), usage.pod.clone(), usage.container.clone());
        let (cpu, memory) = limits.get(&key).copied().unwrap_or_default();
        table.push(vec![
            usage.namespace.clone(),
            usage.pod.clone(),
            usage.container.clone(),
            quantity::cpu(usage.cpu),
            cpu.map(quantity::cpu).unwrap_or_default(),
            quantity::memory(usage.memory),
            memory.map(quantity::memory).unwrap_or_default(),
            quantity::percent(usage.memory, memory),
        ]);
    }
    let mut output = table.render();
    if usages.len() > limit {
        output.push_str(&format!("[{limit} of {} containers shown]\n", usages.len()));
    }
    Ok(output)
}

fn usages(metrics: &Value) -> Vec<Usage> {
    items(metrics, "/containers")
        .map(|container| Usage {
            namespace: text(metrics, "/metadata/namespace").to_owned(),
            pod: text(metrics, "/metadata/name").to_owned(),
            container: text(container, "/name").to_owned(),
            cpu: amount(container, "/usage/cpu").unwrap_or_default(),
            memory: amount(container, "/usage/memory").unwrap_or_default(),
        })
        .collect()
}

type Limits = HashMap<(String, String, String), (Option<f64>, Option<f64>)>;

fn limits(pods: &[Value]) -> Limits {
    let of_pod = |pod: &'_ Value| {
        let key =
            (text(pod, "/metadata/namespace").to_owned(), text(pod, "/metadata/name").to_owned());
        ["/spec/containers", "/spec/initContainers"]
            .iter()
            .flat_map(|list| items(pod, list))
            .map(|container| {
                let limits = (
                    amount(container, "/resources/limits/cpu"),
                    amount(container, "/resources/limits/memory"),
                );
                ((key.0.clone(), key.1.clone(), text(container, "/name").to_owned()), limits)
            })
            .collect::<Vec<_>>()
    };
    pods.iter().flat_map(of_pod).collect()
}

async fn run_nodes(cluster: &dyn Cluster) -> Result<String, ToolError> {
    let kind = metrics_kind(cluster, "NodeMetrics").await?;
    let (mut metrics, _) =
        fetch::pages(cluster, &kind, ListQuery::default(), PAGES).await.map_err(fetch::failed)?;
    if metrics.is_empty() {
        return Ok("No node metrics.\n".to_owned());
    }
    let nodes = match cluster.resolve("Node", Some("v1")).await {
        Ok(nodes) => fetch::pages(cluster, &nodes, ListQuery::default(), PAGES).await,
        Err(error) => Err(error),
    };
    let nodes = nodes.map(|(nodes, _)| nodes).unwrap_or_default();
    metrics.sort_by(|a, b| text(a, "/metadata/name").cmp(text(b, "/metadata/name")));
    let mut table = Table::new(&["NODE", "CPU", "CPU%", "MEMORY", "MEMORY%"]);
    for metric in &metrics {
        let name = text(metric, "/metadata/name");
        let node =
            nodes.iter().find(|node| text(node, "/metadata/name") == name).unwrap_or(&Value::Null);
        let cpu = amount(metric, "/usage/cpu").unwrap_or_default();
        let memory = amount(metric, "/usage/memory").unwrap_or_default();
        table.push(vec![
            name.to_owned(),
            quantity::cpu(cpu),
            quantity::percent(cpu, amount(node, "/status/allocatable/cpu")),
            quantity::memory(memory),
            quantity::percent(memory, amount(node, "/status/allocatable/memory")),
        ]);
    }
    Ok(table.render())
}
