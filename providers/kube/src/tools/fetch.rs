//! What several tools do with a cluster: resolve, fetch, list on, and turn its errors into a tool's.

use futures::StreamExt;
use leadsman_ports::cluster::{Cluster, ClusterError, ListQuery, ResourceType};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::args::{invalid, typed};
use crate::render::fields::text;

/// Objects a page when a tool pages by itself.
const PAGE: u32 = 500;
/// Names that a "not found" suggests.
const SUGGESTIONS: usize = 3;
/// Jaro-Winkler similarity from which a name counts as similar.
const SIMILAR: f64 = 0.8;

/// A cluster's failure in the model's terms.
pub(super) fn failed(error: ClusterError) -> ToolError {
    match error {
        ClusterError::NotFound(message) => ToolError::NotFound(message),
        ClusterError::UnknownKind { .. } => invalid("kind", error.to_string()),
        ClusterError::AmbiguousKind { .. } => invalid("api_group", error.to_string()),
        ClusterError::Forbidden(message) => ToolError::Denied(message),
        ClusterError::Unauthorized => ToolError::Denied(error.to_string()),
        ClusterError::Invalid(_)
        | ClusterError::Timeout
        | ClusterError::GroupUnavailable(_)
        | ClusterError::Unavailable(_) => ToolError::Failed(error.to_string()),
    }
}

/// Resolves a kind.
pub(super) async fn resolve(
    cluster: &dyn Cluster,
    kind: &str,
    group: Option<&str>,
) -> Result<ResourceType, ToolError> {
    cluster.resolve(kind, group).await.map_err(failed)
}

/// The namespace that a call needs; empty for cluster-scoped kinds.
pub(super) fn namespace_for(
    resource: &ResourceType,
    namespace: Option<&str>,
) -> Result<String, ToolError> {
    match namespace {
        _ if !resource.namespaced => Ok(String::new()),
        Some(namespace) => Ok(namespace.to_owned()),
        None => {
            Err(invalid("namespace", format!("is missing; {} objects live in one", resource.kind)))
        }
    }
}

/// The arguments that name one object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectArgs {
    kind: String,
    name: String,
    namespace: Option<String>,
    api_group: Option<String>,
}

/// An object with what it took to find it.
pub(super) struct Named {
    pub(super) resource: ResourceType,
    /// Empty for cluster-scoped kinds.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) object: Value,
}

/// Fetches the object that a call's arguments name.
pub(super) async fn named(cluster: &dyn Cluster, arguments: Value) -> Result<Named, ToolError> {
    let ObjectArgs { kind, name, namespace, api_group } = typed(arguments)?;
    let resource = resolve(cluster, &kind, api_group.as_deref()).await?;
    let namespace = namespace_for(&resource, namespace.as_deref())?;
    let object = object(cluster, &resource, &namespace, &name).await?;
    Ok(Named { resource, namespace, name, object })
}

/// Fetches an object; where it does not exist the error suggests names that do.
pub(super) async fn object(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    namespace: &str,
    name: &str,
) -> Result<Value, ToolError> {
    match cluster.get(resource, namespace, name).await {
        Ok(object) => Ok(object),
        Err(ClusterError::NotFound(message)) => {
            let similar = similar_names(cluster, resource, namespace, name).await;
            let place = if resource.namespaced {
                format!(" in namespace {namespace}")
            } else {
                String::new()
            };
            let hint = if similar.is_empty() {
                format!("no {} of a similar name exists{place}", resource.kind)
            } else {
                format!("similar names{place}: {}", similar.join(", "))
            };
            Err(ToolError::NotFound(format!("{message}; {hint}")))
        }
        Err(error) => Err(failed(error)),
    }
}

/// A hint only: failures leave it empty.
async fn similar_names(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    namespace: &str,
    name: &str,
) -> Vec<String> {
    let query = ListQuery {
        namespace: resource.namespaced.then(|| namespace.to_owned()),
        limit: Some(PAGE),
        ..ListQuery::default()
    };
    let Ok(page) = cluster.list(resource, &query).await else { return Vec::new() };
    let mut scored: Vec<(f64, String)> = page
        .items
        .iter()
        .map(|item| text(item, "/metadata/name"))
        .map(|other| {
            let prefix = other.starts_with(name) || name.starts_with(other);
            let score = if prefix { 1.0 } else { strsim::jaro_winkler(name, other) };
            (score, other.to_owned())
        })
        .filter(|(score, _)| *score >= SIMILAR)
        .collect();
    scored.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    scored.into_iter().take(SUGGESTIONS).map(|(_, name)| name).collect()
}

/// Objects of up to so many pages; the flag says whether more exist.
pub(super) async fn pages(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    query: ListQuery,
    most: usize,
) -> Result<(Vec<Value>, bool), ClusterError> {
    let first = Some(ListQuery { limit: Some(PAGE), ..query });
    let stream = futures::stream::unfold(first, |query| async {
        let query = query?;
        let page = cluster.list(resource, &query).await;
        let next = page.as_ref().ok().and_then(|page| page.continue_token.clone());
        let next = next.map(|token| ListQuery { continue_token: Some(token), ..query });
        let more = next.is_some();
        Some((page.map(|page| (page.items, more)), next))
    });
    let mut stream = std::pin::pin!(stream.take(most));
    let (mut objects, mut more) = (Vec::new(), false);
    while let Some(page) = stream.next().await {
        let (items, further) = page?;
        objects.extend(items);
        more = further;
    }
    Ok((objects, more))
}
