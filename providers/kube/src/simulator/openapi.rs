//! OpenAPI documents: which paths and kinds there are. A snapshot knows no field schemas, so every kind is an open object.

use serde_json::{Map, Value, json};

use super::discovery::{root_of, versions};
use super::status::ApiError;
use crate::snapshot::{ResourceKind, Snapshot};

const TITLE: &str = "Kubernetes snapshot";

/// `/openapi/v2`
pub(super) fn v2(snapshot: &Snapshot) -> Value {
    let mut definitions = Map::new();
    let mut paths = Map::new();
    for kind in snapshot.kinds() {
        definitions.insert(schema_name(kind), schema(kind));
        let operation = json!({
            "produces": ["application/json"],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "list",
            "x-kubernetes-group-version-kind": gvk(kind),
        });
        paths.insert(collection_path(kind), json!({"get": operation}));
    }
    json!({
        "swagger": "2.0",
        "info": {"title": TITLE, "version": snapshot.server_version()},
        "paths": paths,
        "definitions": definitions,
    })
}

/// `/openapi/v3`
pub(super) fn v3_index(snapshot: &Snapshot) -> Value {
    let mut paths = Map::new();
    for (group, version, _) in versions(snapshot) {
        let root = root_of(group, version);
        let key = root.trim_start_matches('/').to_owned();
        paths.insert(key, json!({"serverRelativeURL": format!("/openapi/v3{root}")}));
    }
    json!({ "paths": paths })
}

/// `/openapi/v3/apis/apps/v1`
pub(super) fn v3(snapshot: &Snapshot, path: &str) -> Result<Value, ApiError> {
    let wanted = format!("/{path}");
    let (_, _, kinds) = versions(snapshot)
        .find(|(group, version, _)| root_of(group, version) == wanted)
        .ok_or_else(ApiError::no_such_path)?;
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for kind in kinds {
        schemas.insert(schema_name(kind), schema(kind));
        let operation = json!({
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "list",
            "x-kubernetes-group-version-kind": gvk(kind),
        });
        paths.insert(collection_path(kind), json!({"get": operation}));
    }
    Ok(json!({
        "openapi": "3.0.0",
        "info": {"title": TITLE, "version": snapshot.server_version()},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

fn collection_path(kind: &ResourceKind) -> String {
    format!("{}/{}", root_of(&kind.group, &kind.version), kind.plural)
}

fn schema_name(kind: &ResourceKind) -> String {
    let group = if kind.group.is_empty() { "core" } else { kind.group.as_str() };
    format!("io.k8s.{group}.{}.{}", kind.version, kind.kind)
}

fn schema(kind: &ResourceKind) -> Value {
    json!({
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        },
        "x-kubernetes-group-version-kind": [gvk(kind)],
    })
}

fn gvk(kind: &ResourceKind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}
