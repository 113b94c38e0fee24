//! `kubectl_describe`: what matters of one object, the pods behind it, and its events.

use leadsman_ports::cluster::{Cluster, ListQuery, ResourceType};
use leadsman_ports::tool::ToolError;
use serde_json::Value;

use super::args::{API_GROUP, KIND, NAME, OBJECT_NAMESPACE};
use super::{Definition, events, fetch};
use crate::render;

/// Events that a description ends with.
const EVENTS: usize = 15;
/// Pages of pods that are counted behind a selector.
const POD_PAGES: usize = 2;

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_describe",
        description: "One object with owner, conditions, containers (last state, exit code, limits, probes), volumes, readiness of its pods, and newest events. The second step after a list.",
        fields: const { &[KIND, NAME, OBJECT_NAMESPACE, API_GROUP] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let fetch::Named { resource, namespace, name, object } =
        fetch::named(cluster, arguments).await?;
    let mut output = render::describe::describe(&object, cluster.now());
    output.push_str(&pods(cluster, &resource, &namespace, &object).await);
    let place = resource.namespaced.then_some(namespace.as_str());
    match events::newest(cluster, place, Some((&resource.kind, &name))).await {
        Ok((found, _)) if found.is_empty() => output.push_str("events: none\n"),
        Ok((found, _)) => {
            let shown = &found[..found.len().min(EVENTS)];
            output.push_str(&format!("events (newest {} of {}):\n", shown.len(), found.len()));
            output.push_str(&render::events::table(shown, cluster.now(), false));
        }
        // The object is worth showing without its events.
        Err(error) => output.push_str(&format!("events: not readable ({error})\n")),
    }
    Ok(output)
}

/// The pods that the object selects, or that run on the node; a failure becomes part of the description.
async fn pods(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    namespace: &str,
    object: &Value,
) -> String {
    let (which, query) = match (resource.kind.as_str(), render::describe::selector(object)) {
        (_, Some(labels)) => (
            "pods that it selects",
            ListQuery {
                namespace: Some(namespace.to_owned()),
                label_selector: Some(labels),
                ..ListQuery::default()
            },
        ),
        ("Node", None) => {
            let name = render::fields::text(object, "/metadata/name");
            let field_selector = Some(format!("spec.nodeName={name}"));
            ("pods on it", ListQuery { field_selector, ..ListQuery::default() })
        }
        (_, None) => return String::new(),
    };
    let found = match cluster.resolve("Pod", Some("v1")).await {
        Ok(resource) => fetch::pages(cluster, &resource, query, POD_PAGES).await,
        Err(error) => Err(error),
    };
    match found {
        Ok((pods, _)) => render::describe::pods(which, &pods),
        Err(error) => format!("pods: not readable ({error})\n"),
    }
}
