//! Which kinds the server serves: plain discovery, aggregated discovery and the version.

use serde_json::{Map, Value, json};

use super::Simulator;
use super::reply::{Reply, View, discovery_reply, ok_json};
use super::status::ApiError;
use crate::snapshot::{ResourceKind, Snapshot};

/// `/version`
pub(super) fn version(git_version: &str) -> Value {
    let mut numbers = git_version.trim_start_matches('v').split('.');
    let mut number = || {
        let part = numbers.next().unwrap_or("0");
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end).unwrap_or_default().to_owned()
    };
    let (major, minor) = (number(), number());
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": git_version,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    })
}

/// `/`
pub(super) fn paths(snapshot: &Snapshot) -> Value {
    let mut paths = vec!["/api".to_owned(), "/apis".to_owned()];
    paths.extend(versions(snapshot).map(|(group, version, _)| root_of(group, version)));
    for path in ["/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"] {
        paths.push(path.to_owned());
    }
    json!({ "paths": paths })
}

/// `/api/v1`, `/apis/apps/v1`
pub(super) fn root_of(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// The kinds of every group and version, in order of preference; kinds of one are neighbours.
pub(super) fn versions(snapshot: &Snapshot) -> impl Iterator<Item = (&str, &str, &[ResourceKind])> {
    let same = |a: &ResourceKind, b: &ResourceKind| a.group == b.group && a.version == b.version;
    snapshot.kinds().chunk_by(same).filter_map(|kinds| {
        kinds.first().map(|kind| (kind.group.as_str(), kind.version.as_str(), kinds))
    })
}

/// The kinds of every group, in order of preference.
fn groups_of(snapshot: &Snapshot) -> impl Iterator<Item = (&str, &[ResourceKind])> {
    let groups = snapshot.kinds().chunk_by(|a, b| a.group == b.group);
    groups.filter_map(|kinds| kinds.first().map(|kind| (kind.group.as_str(), kinds)))
}

/// The kinds of every version of one group.
fn versions_of(kinds: &[ResourceKind]) -> impl Iterator<Item = (&str, &[ResourceKind])> {
    let versions = kinds.chunk_by(|a, b| a.version == b.version);
    versions.filter_map(|kinds| kinds.first().map(|kind| (kind.version.as_str(), kinds)))
}

/// `/api`
pub(super) fn core(snapshot: &Snapshot, view: View) -> Reply {
    if let View::Discovery(version) = view {
        let items: Vec<Value> = groups_of(snapshot)
            .filter(|(group, _)| group.is_empty())
            .map(|(group, kinds)| aggregated_group(group, kinds, |_, _| false))
            .collect();
        return aggregated(version, &items);
    }
    let core = groups_of(snapshot).find(|(group, _)| group.is_empty());
    let versions: Vec<&str> = core
        .into_iter()
        .flat_map(|(_, kinds)| versions_of(kinds).map(|(version, _)| version))
        .collect();
    ok_json(&json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [],
    }))
}

/// `/apis`
pub(super) fn groups(simulator: &Simulator, view: View) -> Reply {
    let snapshot = &simulator.snapshot;
    let known = groups_of(snapshot).filter(|(group, _)| !group.is_empty());
    let lost = lost_groups(simulator);
    if let View::Discovery(version) = view {
        let is_down = |group: &str, version: &str| simulator.is_down(group, version);
        let mut items: Vec<Value> =
            known.map(|(group, kinds)| aggregated_group(group, kinds, is_down)).collect();
        items.extend(lost.map(|(group, version)| {
            let version = json!({"version": version, "resources": [], "freshness": "Stale"});
            json!({"metadata": {"name": group}, "versions": [version]})
        }));
        return aggregated(version, &items);
    }
    let mut groups: Vec<Value> = known.map(|(group, kinds)| group_document(group, kinds)).collect();
    groups.extend(lost.map(|(group, version)| {
        let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
        json!({"name": group, "versions": [version], "preferredVersion": version})
    }));
    ok_json(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// Groups whose servers are down and of which nothing else is known.
fn lost_groups(simulator: &Simulator) -> impl Iterator<Item = &(String, String)> {
    simulator
        .unavailable
        .iter()
        .filter(|(group, _)| simulator.snapshot.kinds().iter().all(|kind| kind.group != *group))
}

/// `/apis/apps`
pub(super) fn group(snapshot: &Snapshot, group: &str) -> Result<Reply, ApiError> {
    let (_, kinds) = groups_of(snapshot)
        .find(|(found, _)| *found == group && !group.is_empty())
        .ok_or_else(ApiError::no_such_path)?;
    let mut document = group_document(group, kinds);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("kind".to_owned(), "APIGroup".into());
        fields.insert("apiVersion".to_owned(), "v1".into());
    }
    Ok(ok_json(&document))
}

fn group_document(group: &str, kinds: &[ResourceKind]) -> Value {
    let versions: Vec<Value> = versions_of(kinds)
        .map(|(version, _)| {
            json!({"groupVersion": format!("{group}/{version}"), "version": version})
        })
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

/// A metrics server knows no watch.
fn verbs(kind: &ResourceKind) -> &'static [&'static str] {
    if kind.group == "metrics.k8s.io" { &["get", "list"] } else { &["get", "list", "watch"] }
}

fn has_log(kind: &ResourceKind) -> bool {
    kind.group.is_empty() && kind.kind == "Pod"
}

/// `/api/v1`, `/apis/apps/v1`
pub(super) fn resources(
    snapshot: &Snapshot,
    group: &str,
    version: &str,
) -> Result<Reply, ApiError> {
    let (_, _, kinds) = versions(snapshot)
        .find(|found| found.0 == group && found.1 == version)
        .ok_or_else(ApiError::no_such_path)?;
    let mut resources = Vec::new();
    for kind in kinds {
        resources.push(resource(kind));
        if has_log(kind) {
            resources.push(json!({
                "name": format!("{}/log", kind.plural),
                "singularName": "",
                "namespaced": true,
                "kind": "Pod",
                "verbs": ["get"],
            }));
        }
    }
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(ok_json(&json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    })))
}

fn resource(kind: &ResourceKind) -> Value {
    let mut resource = Map::new();
    resource.insert("name".to_owned(), kind.plural.clone().into());
    resource.insert("singularName".to_owned(), kind.singular.clone().into());
    resource.insert("namespaced".to_owned(), kind.namespaced.into());
    resource.insert("kind".to_owned(), kind.kind.clone().into());
    resource.insert("verbs".to_owned(), verbs(kind).into());
    add_names(&mut resource, kind);
    Value::Object(resource)
}

/// Short names and categories, where there are any.
fn add_names(resource: &mut Map<String, Value>, kind: &ResourceKind) {
    for (field, names) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
        if !names.is_empty() {
            resource.insert(field.to_owned(), names.clone().into());
        }
    }
}

/// Groups in one document.
fn aggregated(discovery_version: &'static str, items: &[Value]) -> Reply {
    let document = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{discovery_version}"),
        "metadata": {},
        "items": items,
    });
    discovery_reply(discovery_version, &document)
}

fn aggregated_group(
    group: &str,
    kinds: &[ResourceKind],
    is_down: impl Fn(&str, &str) -> bool,
) -> Value {
    let versions: Vec<Value> = versions_of(kinds)
        .map(|(version, kinds)| {
            let resources: Vec<Value> = kinds.iter().map(aggregated_resource).collect();
            let freshness = if is_down(group, version) { "Stale" } else { "Current" };
            json!({"version": version, "resources": resources, "freshness": freshness})
        })
        .collect();
    let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(kind: &ResourceKind) -> Value {
    let response_kind = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    let mut resource = Map::new();
    resource.insert("resource".to_owned(), kind.plural.clone().into());
    resource.insert("responseKind".to_owned(), response_kind.clone());
    let scope = if kind.namespaced { "Namespaced" } else { "Cluster" };
    resource.insert("scope".to_owned(), scope.into());
    resource.insert("singularResource".to_owned(), kind.singular.clone().into());
    resource.insert("verbs".to_owned(), verbs(kind).into());
    add_names(&mut resource, kind);
    if has_log(kind) {
        let log = json!({"subresource": "log", "responseKind": response_kind, "verbs": ["get"]});
        resource.insert("subresources".to_owned(), json!([log]));
    }
    Value::Object(resource)
}
