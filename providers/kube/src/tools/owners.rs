//! `kubectl_owner_chain`: from an object up to what somebody deployed.

use std::fmt::Write;

use leadsman_ports::cluster::{Cluster, ClusterError, ObjectRef};
use leadsman_ports::tool::ToolError;
use serde_json::Value;

use super::args::{API_GROUP, KIND, NAME, OBJECT_NAMESPACE, typed};
use super::get::ObjectArgs;
use super::{Definition, fetch};
use crate::render::fields::{items, text};

/// Longest chain that is followed; real ones have four links at most.
const MAX_LINKS: usize = 10;

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_owner_chain",
        description: "The owners of an object up to the root, e.g. Pod, ReplicaSet, Deployment. The root is what a fix has to change.",
        fields: const { &[KIND, NAME, OBJECT_NAMESPACE, API_GROUP] },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: ObjectArgs = typed(arguments)?;
    let resource = fetch::resolve(cluster, &args.kind, args.api_group.as_deref()).await?;
    let namespace = fetch::namespace_for(&resource, args.namespace.as_deref())?;
    let mut object = fetch::object(cluster, &resource, &namespace, &args.name).await?;
    let mut output = String::new();
    let mut seen = Vec::new();
    loop {
        let link = ObjectRef::of(&object);
        let _ = writeln!(output, "{}{link} ({})", indent(seen.len()), link.api_version);
        let uid = text(&object, "/metadata/uid").to_owned();
        let Some(owner) = controller(&object) else {
            let _ = writeln!(output, "root: {link} ({})", link.api_version);
            return Ok(output);
        };
        seen.push(link);
        let (api_version, kind, name) =
            (text(&owner, "/apiVersion"), text(&owner, "/kind"), text(&owner, "/name"));
        let next = owner_object(cluster, &owner, &namespace).await;
        let problem = match next {
            Ok(next) if text(&next, "/metadata/uid") != text(&owner, "/uid") && !uid.is_empty() => {
                "was deleted and made anew since"
            }
            Ok(next) if seen.contains(&ObjectRef::of(&next)) || seen.len() >= MAX_LINKS => {
                "closes a circle"
            }
            Ok(next) => {
                object = next;
                continue;
            }
            Err(ClusterError::NotFound(_)) => "does not exist any more",
            Err(ClusterError::Forbidden(_)) => "may not be read",
            Err(ClusterError::UnknownKind { .. }) => "is of a kind that the cluster does not serve",
            Err(error) => return Err(fetch::failed(error)),
        };
        let _ = writeln!(output, "{}{kind} {name} ({api_version})", indent(seen.len()));
        let _ = writeln!(output, "root: {kind} {name} ({api_version}), which {problem}");
        return Ok(output);
    }
}

fn indent(depth: usize) -> String {
    if depth == 0 { String::new() } else { format!("{}owned by ", "  ".repeat(depth)) }
}

/// The controlling owner, or the first where none is marked as such.
fn controller(object: &Value) -> Option<Value> {
    let owners = || items(object, "/metadata/ownerReferences");
    owners().find(|owner| owner["controller"] == true).or_else(|| owners().next()).cloned()
}

async fn owner_object(
    cluster: &dyn Cluster,
    owner: &Value,
    namespace: &str,
) -> Result<Value, ClusterError> {
    let resource = cluster.resolve(text(owner, "/kind"), Some(text(owner, "/apiVersion"))).await?;
    cluster.get(&resource, namespace, text(owner, "/name")).await
}
