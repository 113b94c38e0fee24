//! `kubectl_get_by_name`: one object as YAML.

use leadsman_ports::cluster::Cluster;
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{API_GROUP, KIND, NAME, OBJECT_NAMESPACE, typed};
use super::{Definition, fetch};
use crate::render;

/// The arguments that name one object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectArgs {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) api_group: Option<String>,
}

pub(super) fn by_name() -> Definition {
    Definition {
        name: "kubectl_get_by_name",
        description: "One object in full as YAML, for what kubectl_describe does not show.",
        fields: const { &[KIND, NAME, OBJECT_NAMESPACE, API_GROUP] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: ObjectArgs = typed(arguments)?;
    let resource = fetch::resolve(cluster, &args.kind, args.api_group.as_deref()).await?;
    let namespace = fetch::namespace_for(&resource, args.namespace.as_deref())?;
    let object = fetch::object(cluster, &resource, &namespace, &args.name).await?;
    Ok(render::yaml(&object))
}
