//! Get and list.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Simulator;
use super::paging::Cursor;
use super::query::Query;
use super::reply::{Reply, View, ok_json};
use super::selectors::{FieldSelector, LabelSelector};
use super::status::ApiError;
use super::table::{self, Include};
use crate::snapshot::{ResourceKind, Snapshot, StoredObject};

/// Which objects of a kind are asked for.
pub(super) struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Filter {
    pub(super) fn parse(query: &Query, kind: &ResourceKind) -> Result<Self, ApiError> {
        Ok(Self {
            labels: LabelSelector::parse(query.text("labelSelector").unwrap_or_default())?,
            fields: FieldSelector::parse(query.text("fieldSelector").unwrap_or_default(), kind)?,
        })
    }

    pub(super) fn matches(&self, stored: &StoredObject, kind: &ResourceKind) -> bool {
        self.labels.matches(&stored.object) && self.fields.matches(&stored.object, kind)
    }

    fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

/// The highest resourceVersion of all objects; at least 1, because 0 has a meaning of its own.
pub(super) fn newest_resource_version(snapshot: &Snapshot) -> u64 {
    let versions = snapshot.kinds().iter().flat_map(|kind| snapshot.objects(kind, None));
    let number = |stored: &StoredObject| {
        stored.object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
    };
    versions.filter_map(number).max().unwrap_or(1).max(1)
}

/// One object.
pub(super) fn get(
    simulator: &Simulator,
    kind: &ResourceKind,
    namespace: Option<&str>,
    name: &str,
    query: &Query,
    view: View,
) -> Result<Reply, ApiError> {
    let object = simulator
        .snapshot
        .get(kind, namespace.unwrap_or_default(), name)
        .ok_or_else(|| ApiError::not_found(kind, name))?;
    Ok(match view {
        View::Object | View::Discovery(_) => ok_json(&**object),
        View::Metadata => ok_json(&metadata_only(object)),
        View::Table => {
            let include = Include::parse(query)?;
            let metadata = json!({"resourceVersion": simulator.resource_version.to_string()});
            let now = simulator.snapshot.captured_at();
            ok_json(&table::table(kind, &[&**object], now, include, metadata, true))
        }
    })
}

/// What an API client knows as a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a, T> {
    kind: String,
    api_version: String,
    metadata: Value,
    items: &'a [T],
}

/// A page of objects.
pub(super) fn list(
    simulator: &Simulator,
    kind: &ResourceKind,
    namespace: Option<&str>,
    query: &Query,
    view: View,
) -> Result<Reply, ApiError> {
    let filter = Filter::parse(query, kind)?;
    let limit = match query.integer("limit")?.map(usize::try_from) {
        None | Some(Ok(0)) => usize::MAX,
        Some(Ok(limit)) => limit,
        Some(Err(_)) => {
            return Err(ApiError::invalid("ListOptions", "limit", "must not be negative"));
        }
    };
    let version = simulator.resource_version;
    let cursor = query.text("continue").map(|token| Cursor::decode(token, version)).transpose()?;
    let stored = simulator.snapshot.objects(kind, namespace);
    let start =
        cursor.map_or(0, |cursor| stored.partition_point(|object| !cursor.precedes(object)));
    let rest = stored.get(start..).unwrap_or_default();
    let mut matching = rest.iter().filter(|stored| filter.matches(stored, kind));
    let page: Vec<&StoredObject> = matching.by_ref().take(limit).collect();
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), version.to_string().into());
    if let (Some(_), Some(last)) = (matching.next(), page.last()) {
        metadata.insert("continue".to_owned(), Cursor::after(last).encode(version).into());
        // As the real server: only where counting is free.
        if filter.is_empty() {
            let remaining = rest.len() - page.len();
            metadata.insert("remainingItemCount".to_owned(), remaining.into());
        }
    }
    let metadata = Value::Object(metadata);
    let objects: Vec<&Value> = page.iter().map(|stored| &*stored.object).collect();
    Ok(match view {
        View::Object | View::Discovery(_) => ok_json(&List {
            kind: format!("{}List", kind.kind),
            api_version: kind.api_version(),
            metadata,
            items: &objects,
        }),
        View::Metadata => {
            let items: Vec<Value> = objects.iter().map(|object| metadata_only(object)).collect();
            ok_json(&List {
                kind: "PartialObjectMetadataList".to_owned(),
                api_version: "meta.k8s.io/v1".to_owned(),
                metadata,
                items: &items,
            })
        }
        View::Table => {
            let include = Include::parse(query)?;
            let now = simulator.snapshot.captured_at();
            ok_json(&table::table(kind, &objects, now, include, metadata, true))
        }
    })
}

/// An object without anything but its metadata.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata"),
    })
}
