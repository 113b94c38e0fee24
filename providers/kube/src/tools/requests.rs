//! `kubectl_memory_requests_namespace`: who has asked for memory, and how much.

use leadsman_ports::cluster::{Cluster, ListQuery};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{Field, Holds, NAMESPACE, typed};
use super::{Definition, fetch};
use crate::render::fields::{items, text};
use crate::render::{quantity, table::Table};

/// Pods that are shown unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 50;
/// Pages of pods that are read.
const PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    namespace: Option<String>,
    limit: Option<u32>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_memory_requests_namespace",
        description: "Memory requests and limits of pods, largest first, and their sum.",
        fields: const { &[NAMESPACE, Field::optional("limit", "Default 50", Holds::Number(500))] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let resource = fetch::resolve(cluster, "Pod", Some("v1")).await?;
    let query = ListQuery { namespace: args.namespace, ..ListQuery::default() };
    let (pods, more) =
        fetch::pages(cluster, &resource, query, PAGES).await.map_err(fetch::failed)?;
    // What has run to its end holds nothing any more.
    let mut pods: Vec<&Value> = pods
        .iter()
        .filter(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"))
        .collect();
    if pods.is_empty() {
        return Ok("No pods that hold memory.\n".to_owned());
    }
    let place = |pod: &Value| {
        (text(pod, "/metadata/namespace").to_owned(), text(pod, "/metadata/name").to_owned())
    };
    let requested = |pod: &Value| memory(pod, "requests").unwrap_or_default();
    pods.sort_by(|a, b| {
        requested(b).total_cmp(&requested(a)).then_with(|| place(a).cmp(&place(b)))
    });
    let total: f64 = pods.iter().map(|pod| requested(pod)).sum();
    let limit = args.limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let mut table = Table::new(&["NAMESPACE", "POD", "NODE", "REQUEST", "LIMIT"]);
    for pod in pods.iter().take(limit) {
        let (namespace, name) = place(pod);
        let amount = |of| memory(pod, of).map(quantity::memory).unwrap_or_default();
        let node = text(pod, "/spec/nodeName").to_owned();
        table.push(vec![namespace, name, node, amount("requests"), amount("limits")]);
    }
    let at_least = if more { "at least " } else { "" };
    Ok(format!(
        "{}[{} of {at_least}{} pods shown; they request {at_least}{} in all]\n",
        table.render(),
        limit.min(pods.len()),
        pods.len(),
        quantity::memory(total)
    ))
}

/// A pod's memory as the scheduler counts it, in bytes: the containers and sidecars together, or one init
/// container where that needs more. `None` where no container says; limits count only where every
/// container has one.
fn memory(pod: &Value, of: &str) -> Option<f64> {
    let whole = leadsman_ports::quantity::parse(text(pod, &format!("/spec/resources/{of}/memory")));
    if whole.is_some() {
        return whole;
    }
    let own = |container: &Value| {
        leadsman_ports::quantity::parse(text(container, &format!("/resources/{of}/memory")))
    };
    let is_sidecar = |container: &&Value| text(container, "/restartPolicy") == "Always";
    let inits = || items(pod, "/spec/initContainers");
    let running: Vec<Option<f64>> =
        items(pod, "/spec/containers").chain(inits().filter(is_sidecar)).map(own).collect();
    let unlimited = of == "limits" && running.iter().any(Option::is_none);
    if unlimited || running.iter().all(Option::is_none) {
        return None;
    }
    let together: f64 = running.iter().flatten().sum();
    let largest_init =
        inits().filter(|container| !is_sidecar(container)).filter_map(own).fold(0.0, f64::max);
    let overhead =
        leadsman_ports::quantity::parse(text(pod, "/spec/overhead/memory")).unwrap_or_default();
    Some(together.max(largest_init) + overhead)
}
