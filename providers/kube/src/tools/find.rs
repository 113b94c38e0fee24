//! `kubectl_find_resource`: objects that mention a word anywhere.

use leadsman_ports::cluster::{Cluster, ListQuery};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{API_GROUP, Field, KIND, NAMESPACE, typed};
use super::{Definition, fetch};
use crate::render::columns;

/// Objects that are shown.
const SHOWN: usize = 50;
/// Pages that are searched.
const PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    kind: String,
    keyword: String,
    namespace: Option<String>,
    api_group: Option<String>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_find_resource",
        description: "Objects of one kind that contain a word anywhere: who refers to a Secret, ConfigMap, image or host?",
        fields: const { &[KIND, Field::required("keyword", "In any letter case"), NAMESPACE, API_GROUP] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let resource = fetch::resolve(cluster, &args.kind, args.api_group.as_deref()).await?;
    let namespace = args.namespace.filter(|_| resource.namespaced);
    let query = ListQuery { namespace: namespace.clone(), ..ListQuery::default() };
    let (mut objects, more) =
        fetch::pages(cluster, &resource, query, PAGES).await.map_err(fetch::failed)?;
    let searched = objects.len();
    let keyword = args.keyword.to_lowercase();
    objects.retain(|object| object.to_string().to_lowercase().contains(&keyword));
    let found = objects.len();
    objects.truncate(SHOWN);
    let mut output = if objects.is_empty() {
        format!("No {} contains {:?}", resource.kind, args.keyword)
    } else {
        let table = columns::table(&resource, &objects, cluster.now(), namespace.is_none());
        format!("{table}[{} of {found} matches shown", objects.len())
    };
    let unread =
        if more { "; more objects exist that were not searched, name a namespace" } else { "" };
    let end = if objects.is_empty() { "." } else { "]" };
    output.push_str(&format!("; {searched} objects searched{unread}{end}\n"));
    Ok(output)
}
