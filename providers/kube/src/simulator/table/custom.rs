//! Custom resources, with the columns their definition asks for.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{age, name, plain, since};
use super::column_definition;
use super::json_path::select;
use crate::snapshot::PrinterColumn;

/// Name, then the definition's columns; the age too, unless the definition has its own.
pub(super) fn definitions(columns: &[PrinterColumn]) -> Vec<Value> {
    let mut definitions = vec![column_definition("Name", "string", "name", "", 0)];
    definitions.extend(columns.iter().map(|column| {
        // Dates are sent as ages, so they are text.
        let value_type =
            if column.value_type == "date" { "string" } else { column.value_type.as_str() };
        column_definition(&column.name, value_type, "", &column.description, column.priority)
    }));
    if !has_age(columns) {
        definitions.push(column_definition("Age", "string", "", "", 0));
    }
    definitions
}

fn has_age(columns: &[PrinterColumn]) -> bool {
    columns.iter().any(|column| column.name.eq_ignore_ascii_case("age"))
}

pub(super) fn cells(columns: &[PrinterColumn], object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![name(object)];
    cells.extend(columns.iter().map(|column| {
        let found = select(object, &column.json_path);
        match (column.value_type.as_str(), found.as_slice()) {
            (_, []) => Value::Null,
            ("date", [moment, ..]) => since(moment.as_str().unwrap_or_default(), now).into(),
            ("integer" | "number" | "boolean", [value, ..]) => (*value).clone(),
            (_, values) => {
                values.iter().map(|value| plain(value)).collect::<Vec<_>>().join(",").into()
            }
        }
    }));
    if !has_age(columns) {
        cells.push(age(object, now));
    }
    cells
}
