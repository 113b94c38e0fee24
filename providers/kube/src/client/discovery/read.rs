//! Reads discovery: aggregated, which is one document for all groups, or, where the server does not speak it, a
//! document for each group.
//!
//! An aggregated API whose server is down, hangs or is slow holds up neither form: the aggregated one marks it stale,
//! in the other one its document gets a moment and no second try.

use std::time::Duration;

use futures::{StreamExt, stream};
use kube::core::discovery::v2::{
    ACCEPT_AGGREGATED_DISCOVERY_V2, APIGroupDiscovery, APIGroupDiscoveryList, APIResourceDiscovery,
};
use leadsman_ports::cluster::{ClusterError, ResourceType, UnavailableGroup};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::catalogue::{Catalogue, ServedKind};
use crate::client::transport::Transport;

/// Documents of groups that are read at the same time.
const PARALLEL: usize = 16;
/// The wait for a group's document, beyond what the API server took for the list of groups …
const GROUP_WAIT: Duration = Duration::from_secs(1);
/// … and for all of them.
const ALL_GROUPS_WAIT: Duration = Duration::from_millis(1_500);

/// What the aggregated form says of a group whose server does not answer.
const STALE: &str = "Stale";

/// Reads everything. `older` lends the kinds of groups that cannot be read now.
pub(super) async fn catalogue(
    server: &Transport,
    older: Option<&Catalogue>,
) -> Result<Catalogue, ClusterError> {
    let began = Instant::now();
    let read = |path| server.discovery(path, ACCEPT_AGGREGATED_DISCOVERY_V2);
    let (core, groups) = futures::try_join!(read("/api"), read("/apis"))?;
    let usual = began.elapsed();
    let mut plain = Vec::new();
    let mut catalogue = Catalogue::default();
    for document in [core, groups] {
        if document["kind"] == "APIGroupDiscoveryList" {
            let list = APIGroupDiscoveryList::deserialize(document).map_err(|error| {
                ClusterError::Unavailable(format!("the list of API groups is malformed: {error}"))
            })?;
            list.items.into_iter().for_each(|group| add_aggregated(&mut catalogue, group, older));
        } else {
            plain.extend(versions(&document));
        }
    }
    add_plain(&mut catalogue, server, plain, usual, older).await?;
    if catalogue.readable().next().is_none() {
        return Err(ClusterError::Unavailable("the API server lists no kinds".to_owned()));
    }
    Ok(catalogue)
}

fn add_aggregated(catalogue: &mut Catalogue, group: APIGroupDiscovery, older: Option<&Catalogue>) {
    let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
    for version in group.versions {
        let number = version.version.unwrap_or_default();
        let kinds: Vec<ServedKind> = version
            .resources
            .into_iter()
            .filter_map(|resource| aggregated_kind(&name, &number, resource))
            .collect();
        if version.freshness.as_deref() == Some(STALE) {
            let why = "the API server marks what it knows of it as stale".to_owned();
            let gap = UnavailableGroup { group: name.clone(), version: number, why };
            catalogue.add_unavailable(gap, kinds, older);
        } else {
            catalogue.add(kinds);
        }
    }
}

fn aggregated_kind(
    group: &str,
    version: &str,
    resource: APIResourceDiscovery,
) -> Option<ServedKind> {
    let plural = resource.resource?;
    kind_of(
        ResourceType {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: resource.response_kind?.kind?,
            plural,
            namespaced: resource.scope.as_deref() == Some("Namespaced"),
        },
        resource.singular_resource.unwrap_or_default(),
        resource.short_names,
        &resource.verbs,
    )
}

/// Kinds that can only be created, such as reviews, hold nothing to read.
fn kind_of(
    resource: ResourceType,
    singular: String,
    short_names: Vec<String>,
    verbs: &[String],
) -> Option<ServedKind> {
    let can = |verb: &str| verbs.iter().any(|known| known == verb);
    let listable = can("list");
    (listable || can("get")).then_some(ServedKind {
        resource,
        singular,
        short_names,
        listable,
        preferred: false,
    })
}

/// A group's version in the plain form.
struct GroupVersion {
    group: String,
    version: String,
}

impl GroupVersion {
    /// Groups of others, aggregated or from a CustomResourceDefinition, have a dot in their name.
    fn is_of_the_server_itself(&self) -> bool {
        !self.group.contains('.')
    }

    fn path(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
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

/// The versions that an `APIVersions` or an `APIGroupList` names.
fn versions(document: &Value) -> Vec<GroupVersion> {
    let core = document["versions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let core = core.map(|version| GroupVersion { group: String::new(), version: version.into() });
    let groups = document["groups"].as_array().into_iter().flatten();
    let groups = groups.filter(|group| group["name"].as_str().is_some_and(|name| !name.is_empty()));
    core.chain(groups.flat_map(group_versions)).collect()
}

/// The preferred version first, then the server's order.
fn group_versions(group: &Value) -> Vec<GroupVersion> {
    let name = group["name"].as_str().unwrap_or_default();
    let preferred = group["preferredVersion"]["version"].as_str();
    let listed = group["versions"].as_array().into_iter().flatten();
    let mut versions: Vec<&str> =
        listed.filter_map(|version| version["version"].as_str()).collect();
    versions.sort_by_key(|version| Some(*version) != preferred);
    let named = |version: &str| GroupVersion { group: name.into(), version: version.into() };
    versions.into_iter().map(named).collect()
}

/// Reads the document of each version. `usual` is what the API server took to answer by itself: what is that much
/// slower than it was is not to be waited for.
async fn add_plain(
    catalogue: &mut Catalogue,
    server: &Transport,
    versions: Vec<GroupVersion>,
    usual: Duration,
    older: Option<&Catalogue>,
) -> Result<(), ClusterError> {
    let rounds = u32::try_from(versions.len().div_ceil(PARALLEL)).unwrap_or(u32::MAX);
    let end = Instant::now() + ALL_GROUPS_WAIT + usual.saturating_mul(rounds);
    let mut documents: Vec<(usize, GroupVersion, Result<Value, ClusterError>)> =
        stream::iter(versions.into_iter().enumerate())
            .map(|(rank, version)| async move {
                let wait = if version.is_of_the_server_itself() {
                    server.timeout
                } else {
                    (GROUP_WAIT + usual).min(end.saturating_duration_since(Instant::now()))
                };
                let document = server.group_document(&version.path(), wait).await;
                (rank, version, document)
            })
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
    documents.sort_by_key(|(rank, ..)| *rank);
    for (_, version, document) in documents {
        match document {
            Ok(document) => catalogue.add(plain_kinds(&version, &document)),
            // Without the core group there is nothing to look at: the API server itself is in trouble.
            Err(error) if version.group.is_empty() => return Err(error),
            Err(error) => {
                let GroupVersion { group, version } = version;
                let gap = UnavailableGroup { group, version, why: why(error) };
                catalogue.add_unavailable(gap, Vec::new(), older);
            }
        }
    }
    Ok(())
}

/// In words that follow the group's name.
fn why(error: ClusterError) -> String {
    match error {
        ClusterError::Unavailable(why) => why,
        ClusterError::Timeout => "its server did not answer in time".to_owned(),
        error => error.to_string(),
    }
}

fn plain_kinds(version: &GroupVersion, document: &Value) -> Vec<ServedKind> {
    let resources = document["resources"].as_array().into_iter().flatten();
    resources
        .filter_map(|resource| ResourceDocument::deserialize(resource).ok())
        // Subresources have a slash.
        .filter(|resource| !resource.name.contains('/'))
        .filter_map(|resource| {
            let kind = ResourceType {
                group: version.group.clone(),
                version: version.version.clone(),
                kind: resource.kind,
                plural: resource.name,
                namespaced: resource.namespaced,
            };
            kind_of(kind, resource.singular_name, resource.short_names, &resource.verbs)
        })
        .collect()
}
