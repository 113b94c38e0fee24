//! `kubectl_events`: what happened, newest first.

use leadsman_ports::cluster::{Cluster, ListQuery};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{API_GROUP, Field, Holds, invalid, typed};
use super::{Definition, fetch};
use crate::render::events;

/// Events that are shown unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 30;
/// Pages that are read to find the newest events; the API has no order by time.
const PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    namespace: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    api_group: Option<String>,
    limit: Option<u32>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_events",
        description: "Events newest first: of one object (kind and name), a namespace, or the cluster.",
        fields: const {
            &[
                Field::optional("namespace", "All if left out", Holds::Text),
                Field::optional("kind", "Together with name", Holds::Text),
                Field::optional("name", "Together with kind", Holds::Text),
                API_GROUP,
                Field::optional("limit", "Default 30", Holds::Number(200)),
            ]
        },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let object = match (args.kind, args.name) {
        (Some(kind), Some(name)) => {
            let resource = fetch::resolve(cluster, &kind, args.api_group.as_deref()).await?;
            Some((resource.kind, name, resource.namespaced))
        }
        (None, None) => None,
        (Some(_), None) => return Err(invalid("name", "is missing; kind and name go together")),
        (None, Some(_)) => return Err(invalid("kind", "is missing; kind and name go together")),
    };
    // Events of cluster-scoped objects lie in some namespace, mostly `default`.
    let namespace = match &object {
        Some((_, _, false)) => None,
        _ => args.namespace.as_deref(),
    };
    let limit = args.limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let about = object.as_ref().map(|(kind, name, _)| (kind.as_str(), name.as_str()));
    let (mut found, more) = newest(cluster, namespace, about).await?;
    let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
    let whom = about.map(|(kind, name)| format!(" of {kind} {name}")).unwrap_or_default();
    if found.is_empty() {
        return Ok(format!("No events{whom}{place}. Events are kept for about an hour.\n"));
    }
    let total = found.len();
    found.truncate(limit);
    let mut output = events::table(&found, cluster.now(), about.is_none());
    if total > limit || more {
        let at_least = if more { "at least " } else { "" };
        output.push_str(&format!(
            "[the newest {} of {at_least}{total} events{whom}{place}]\n",
            found.len()
        ));
    }
    Ok(output)
}

/// Events newest first, of one object where given; the flag says whether more were left unread.
pub(super) async fn newest(
    cluster: &dyn Cluster,
    namespace: Option<&str>,
    about: Option<(&str, &str)>,
) -> Result<(Vec<Value>, bool), ToolError> {
    let resource = fetch::resolve(cluster, "Event", Some("v1")).await?;
    let query = ListQuery {
        namespace: namespace.map(str::to_owned),
        field_selector: about
            .map(|(kind, name)| format!("involvedObject.kind={kind},involvedObject.name={name}")),
        ..ListQuery::default()
    };
    let (mut found, more) =
        fetch::pages(cluster, &resource, query, PAGES).await.map_err(fetch::failed)?;
    events::sort(&mut found);
    Ok((found, more))
}
