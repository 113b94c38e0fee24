//! The owners of an object, up to what somebody deployed.

use std::fmt::Write;

use leadsman_ports::cluster::{Cluster, ClusterError, ObjectRef};
use leadsman_ports::tool::ToolError;
use serde_json::Value;

use super::fetch;
use crate::render::fields::{items, text};

/// Longest chain that is followed; real ones have four links at most.
const MAX_LINKS: usize = 10;

/// The chain as text, and the last object of it that could be read.
pub(super) async fn chain(
    cluster: &dyn Cluster,
    object: &Value,
    namespace: &str,
) -> Result<(String, Value), ToolError> {
    let mut object = object.clone();
    let mut output = String::new();
    let mut seen = Vec::new();
    loop {
        let link = ObjectRef::of(&object);
        let _ = writeln!(output, "{}{link} ({})", indent(seen.len()), link.api_version);
        let uid = text(&object, "/metadata/uid").to_owned();
        let Some(owner) = controller(&object) else {
            let _ = writeln!(output, "root: {link} ({})", link.api_version);
            return Ok((output, object));
        };
        seen.push(link);
        let (api_version, kind, name) =
            (text(&owner, "/apiVersion"), text(&owner, "/kind"), text(&owner, "/name"));
        let next = owner_object(cluster, &owner, namespace).await;
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
        return Ok((output, object));
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
