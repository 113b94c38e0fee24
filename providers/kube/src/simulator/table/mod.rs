//! Server-side tables: the columns that `kubectl get` shows, one file a family of kinds.

mod cells;
mod config;
mod custom;
mod events;
mod jobs;
mod json_path;
mod network;
mod nodes;
mod pods;
mod scaling;
mod storage;
mod workloads;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::collection::metadata_only;
use super::query::Query;
use super::status::ApiError;
use crate::snapshot::ResourceKind;
use Column::{Number, Text, Wide};
use cells::age;

/// What a row carries besides its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    pub(super) fn parse(query: &Query) -> Result<Self, ApiError> {
        match query.text("includeObject") {
            None | Some("Metadata") => Ok(Self::Metadata),
            Some("None") => Ok(Self::None),
            Some("Object") => Ok(Self::Object),
            Some(other) => Err(ApiError::bad_request(format!(
                "parameter includeObject is {other:?}; it must be None, Metadata or Object"
            ))),
        }
    }
}

/// A column of a built-in kind.
enum Column {
    /// Text.
    Text(&'static str),
    /// Text that only wide output shows.
    Wide(&'static str),
    /// A number.
    Number(&'static str),
}
/// How a built-in kind is shown; the cells of a row are in the order of the columns.
struct Printer {
    columns: &'static [Column],
    cells: fn(&Value, Timestamp) -> Vec<Value>,
}

const GENERIC: Printer = Printer {
    columns: &[Text("Name"), Text("Age")],
    cells: |object, now| vec![cells::name(object), age(object, now)],
};

fn printer(kind: &ResourceKind) -> Option<Printer> {
    let (group, kind) = (kind.group.as_str(), kind.kind.as_str());
    pods::printer(group, kind)
        .or_else(|| workloads::printer(group, kind))
        .or_else(|| jobs::printer(group, kind))
        .or_else(|| scaling::printer(group, kind))
        .or_else(|| network::printer(group, kind))
        .or_else(|| nodes::printer(group, kind))
        .or_else(|| events::printer(group, kind))
        .or_else(|| storage::printer(group, kind))
        .or_else(|| config::printer(group, kind))
}

/// A `Table` of objects; ages count to `now`.
pub(super) fn table(
    kind: &ResourceKind,
    objects: &[&Value],
    now: Timestamp,
    include: Include,
    metadata: Value,
    with_columns: bool,
) -> Value {
    let printer = printer(kind).unwrap_or(GENERIC);
    let own = kind.columns.as_slice();
    let cells = |object: &Value| {
        if own.is_empty() { (printer.cells)(object, now) } else { custom::cells(own, object, now) }
    };
    let columns = || {
        if own.is_empty() {
            printer.columns.iter().map(definition).collect()
        } else {
            custom::definitions(own)
        }
    };
    let rows: Vec<Value> =
        objects.iter().map(|object| row(object, cells(object), include)).collect();
    let mut table = Map::new();
    table.insert("kind".to_owned(), "Table".into());
    table.insert("apiVersion".to_owned(), "meta.k8s.io/v1".into());
    table.insert("metadata".to_owned(), metadata);
    let columns = if with_columns { Value::Array(columns()) } else { Value::Null };
    table.insert("columnDefinitions".to_owned(), columns);
    table.insert("rows".to_owned(), Value::Array(rows));
    Value::Object(table)
}

fn row(object: &Value, cells: Vec<Value>, include: Include) -> Value {
    match include {
        Include::None => json!({ "cells": cells }),
        Include::Metadata => json!({"cells": cells, "object": metadata_only(object)}),
        Include::Object => json!({"cells": cells, "object": object}),
    }
}

fn definition(column: &Column) -> Value {
    let (name, value_type, priority) = match column {
        Text(name) => (*name, "string", 0),
        Wide(name) => (*name, "string", 1),
        Number(name) => (*name, "integer", 0),
    };
    let format = if name == "Name" { "name" } else { "" };
    column_definition(name, value_type, format, "", priority)
}

fn column_definition(
    name: &str,
    value_type: &str,
    format: &str,
    description: &str,
    priority: i64,
) -> Value {
    json!({
        "name": name,
        "type": value_type,
        "format": format,
        "description": description,
        "priority": priority,
    })
}
