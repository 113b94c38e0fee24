//! `kubectl_get_by_kind_in_namespace` and `kubectl_get_by_kind_in_cluster`: objects of a kind as a table.

use leadsman_ports::cluster::{Cluster, ListQuery};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{API_GROUP, Field, Holds, KIND, typed};
use super::{Definition, fetch};
use crate::render::columns;

/// Objects a page unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 50;

const LABELS: Field =
    Field::optional("label_selector", "Label selector, e.g. app=web,tier!=cache", Holds::Text);
const FIELDS: Field =
    Field::optional("field_selector", "Field selector, e.g. status.phase=Pending", Holds::Text);
const LIMIT: Field = Field::optional("limit", "Objects a page, 50 if left out", Holds::Number(500));
const CONTINUE: Field =
    Field::optional("continue", "Token of the previous page, to get the next one", Holds::Text);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    kind: String,
    namespace: Option<String>,
    api_group: Option<String>,
    label_selector: Option<String>,
    field_selector: Option<String>,
    limit: Option<u32>,
    #[serde(rename = "continue")]
    token: Option<String>,
}

pub(super) fn in_namespace() -> Definition {
    Definition {
        name: "kubectl_get_by_kind_in_namespace",
        description: "Table of the objects of one kind in a namespace, with their state. The first look at pods, deployments, services, claims.",
        fields: const {
            &[
                KIND,
                Field::required("namespace", "Namespace"),
                API_GROUP,
                LABELS,
                FIELDS,
                LIMIT,
                CONTINUE,
            ]
        },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

pub(super) fn in_cluster() -> Definition {
    Definition {
        name: "kubectl_get_by_kind_in_cluster",
        description: "Table of the objects of one kind in all namespaces, or of a cluster-scoped kind such as Node, PersistentVolume or StorageClass.",
        fields: const { &[KIND, API_GROUP, LABELS, FIELDS, LIMIT, CONTINUE] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let resource = fetch::resolve(cluster, &args.kind, args.api_group.as_deref()).await?;
    let query = ListQuery {
        namespace: args.namespace.filter(|_| resource.namespaced),
        label_selector: args.label_selector,
        field_selector: args.field_selector,
        limit: Some(args.limit.unwrap_or(DEFAULT_LIMIT)),
        continue_token: args.token,
    };
    let page = cluster.list(&resource, &query).await.map_err(fetch::failed)?;
    if page.items.is_empty() {
        let place = match &query.namespace {
            Some(namespace) => format!(" in namespace {namespace}"),
            None => String::new(),
        };
        let matching = [&query.label_selector, &query.field_selector];
        let matching = matching.into_iter().flatten().cloned().collect::<Vec<_>>().join(" and ");
        let matching =
            if matching.is_empty() { String::new() } else { format!(" that match {matching}") };
        return Ok(format!("No {} objects{place}{matching}.\n", resource.kind));
    }
    let mut output =
        columns::table(&resource, &page.items, cluster.now(), query.namespace.is_none());
    if let Some(token) = page.continue_token {
        let remaining =
            page.remaining.map_or("more follow".to_owned(), |count| format!("{count} more follow"));
        output.push_str(&format!("[{} shown, {remaining}; continue: {token}]\n", page.items.len()));
    }
    Ok(output)
}
