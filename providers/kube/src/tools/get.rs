//! `kubectl_get_by_name`: one object as YAML.

use leadsman_ports::cluster::Cluster;
use leadsman_ports::tool::ToolError;
use serde_json::Value;

use super::args::{API_GROUP, KIND, NAME, OBJECT_NAMESPACE};
use super::{Definition, fetch};
use crate::render;

pub(super) fn by_name() -> Definition {
    Definition {
        name: "kubectl_get_by_name",
        description: "One object in full as YAML, for what kubectl_describe does not show.",
        fields: const { &[KIND, NAME, OBJECT_NAMESPACE, API_GROUP] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let named = fetch::named(cluster, arguments).await?;
    Ok(render::yaml(&named.object))
}
