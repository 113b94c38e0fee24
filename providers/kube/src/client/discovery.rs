//! Which kinds the API server serves: read once, kept, and read again when a kind is missing.

use std::sync::{Arc, PoisonError, RwLock};

use futures::{StreamExt, stream};
use leadsman_ports::cluster::{ClusterError, ResourceType};
use serde::Deserialize;
use serde_json::Value;

use super::transport::Transport;

/// Discovery documents that are read at the same time.
const PARALLEL: usize = 16;

/// A kind in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServedKind {
    pub(super) resource: ResourceType,
    pub(super) singular: String,
    pub(super) short_names: Vec<String>,
    pub(super) listable: bool,
    /// Whether no version that the group prefers to this one has the kind.
    pub(super) preferred: bool,
}

/// Everything that is served, in the server's order of groups.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) kinds: Vec<ServedKind>,
}

/// The cached catalogue.
#[derive(Default)]
pub(super) struct Discovery {
    cached: RwLock<Option<Arc<Catalogue>>>,
    refreshing: tokio::sync::Mutex<()>,
}

impl Discovery {
    /// The catalogue, read from the server on first use.
    pub(super) async fn catalogue(
        &self,
        server: &Transport,
    ) -> Result<Arc<Catalogue>, ClusterError> {
        match self.cached() {
            Some(catalogue) => Ok(catalogue),
            None => self.newer_than(None, server).await,
        }
    }

    /// A catalogue that was read after `stale`. Callers that ask at the same time share one reading.
    pub(super) async fn newer_than(
        &self,
        stale: Option<&Arc<Catalogue>>,
        server: &Transport,
    ) -> Result<Arc<Catalogue>, ClusterError> {
        let _one_at_a_time = self.refreshing.lock().await;
        if let Some(cached) = self.cached()
            && stale.is_none_or(|stale| !Arc::ptr_eq(stale, &cached))
        {
            return Ok(cached);
        }
        let fresh = Arc::new(read(server).await?);
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    fn cached(&self) -> Option<Arc<Catalogue>> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceDocument {
    name: String,
    #[serde(default)]
    singular_name: String,
    #[serde(default)]
    namespaced: bool,
    kind: String,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
}

/// A group's version, with its place in the group's order of preference.
struct GroupVersion {
    group: String,
    version: String,
    rank: usize,
}

impl GroupVersion {
    fn path(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }
}

async fn read(server: &Transport) -> Result<Catalogue, ClusterError> {
    let (core, groups) = futures::join!(server.get_path("/api"), server.get_path("/apis"));
    let mut versions: Vec<GroupVersion> = texts(&core?["versions"])
        .enumerate()
        .map(|(rank, version)| GroupVersion { group: String::new(), version, rank })
        .collect();
    for group in groups?["groups"].as_array().into_iter().flatten() {
        versions.extend(group_versions(group));
    }
    let documents = stream::iter(versions)
        .map(|version| async {
            let document = server.get_path(&version.path()).await;
            (version, document)
        })
        .buffered(PARALLEL)
        .collect::<Vec<_>>()
        .await;
    let mut catalogue = Catalogue::default();
    for (version, document) in documents {
        match document {
            Ok(document) => add(&mut catalogue, &version, &document),
            // An aggregated API whose server is down must not hide the others.
            Err(error) => {
                tracing::warn!(group = %version.group, version = %version.version, %error, "API group is not available");
            }
        }
    }
    if catalogue.kinds.is_empty() {
        return Err(ClusterError::Unavailable("the API server lists no kinds".to_owned()));
    }
    Ok(catalogue)
}

fn texts(list: &Value) -> impl Iterator<Item = String> + '_ {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

/// The preferred version first, then the server's order.
fn group_versions(group: &Value) -> Vec<GroupVersion> {
    let name = group["name"].as_str().unwrap_or_default();
    let preferred = group["preferredVersion"]["version"].as_str();
    let listed = group["versions"].as_array().into_iter().flatten();
    let mut versions: Vec<&str> =
        listed.filter_map(|version| version["version"].as_str()).collect();
    versions.sort_by_key(|version| Some(*version) != preferred);
    versions
        .into_iter()
        .enumerate()
        .map(|(rank, version)| GroupVersion {
            group: name.to_owned(),
            version: version.to_owned(),
            rank,
        })
        .collect()
}

fn add(catalogue: &mut Catalogue, version: &GroupVersion, document: &Value) {
    for resource in document["resources"].as_array().into_iter().flatten() {
        let Ok(resource) = ResourceDocument::deserialize(resource) else { continue };
        let can = |verb: &str| resource.verbs.iter().any(|known| known == verb);
        // Subresources have a slash; kinds that can only be created, such as reviews, hold nothing to read.
        if resource.name.contains('/') || !(can("get") || can("list")) {
            continue;
        }
        let known = version.rank > 0
            && catalogue.kinds.iter().any(|other| {
                other.resource.group == version.group && other.resource.plural == resource.name
            });
        catalogue.kinds.push(ServedKind {
            listable: can("list"),
            preferred: !known,
            singular: resource.singular_name,
            short_names: resource.short_names,
            resource: ResourceType {
                group: version.group.clone(),
                version: version.version.clone(),
                kind: resource.kind,
                plural: resource.name,
                namespaced: resource.namespaced,
            },
        });
    }
}
