//! `kubectl_get_by_kind_in_namespace`: objects of a kind as a table.

use leadsman_ports::cluster::{Cluster, ListQuery};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{API_GROUP, Field, Holds, KIND, NAMESPACE, typed};
use super::{Definition, fetch};
use crate::render::columns;

/// Objects a page unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 50;
/// Objects from which a page ends with how many are in which state.
const TALLY_FROM: usize = 10;

const LABELS: Field = Field::optional("label_selector", "E.g. app=web,tier!=cache", Holds::Text);
const FIELDS: Field = Field::optional("field_selector", "E.g. status.phase=Pending", Holds::Text);
const LIMIT: Field = Field::optional("limit", "Objects a page, default 50", Holds::Number(500));
const CONTINUE: Field = Field::optional("continue", "Token of the previous page", Holds::Text);

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

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_get_by_kind_in_namespace",
        description: "Table of the objects of one kind with their state, in a namespace or in all; also for cluster-scoped kinds such as Node. The first look.",
        fields: const { &[KIND, NAMESPACE, API_GROUP, LABELS, FIELDS, LIMIT, CONTINUE] },
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
    let shown = page.items.len();
    if shown >= TALLY_FROM {
        let tally = columns::tally(&resource, &page.items, cluster.now());
        let tally = if tally.is_empty() { String::new() } else { format!(": {tally}") };
        output.push_str(&format!("[{shown} shown{tally}]\n"));
    }
    if let Some(token) = page.continue_token {
        let remaining = page.remaining.map_or("more".to_owned(), |count| format!("{count} more"));
        output.push_str(&format!("[{shown} shown, {remaining} follow; continue: {token}]\n"));
    }
    Ok(output)
}
