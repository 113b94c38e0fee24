//! Arguments: one table a tool, from which both the JSON Schema and the checks come. All are text; models
//! write moments, durations and numbers in many forms, and the tools read them.

use std::collections::BTreeMap;

use leadsman_ports::tool::ToolError;
use serde_json::{Map, Value, json};

/// Longest argument in bytes; a URL has to hold it.
const MAX_LENGTH: usize = 6000;

/// One argument.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    about: &'static str,
    required: bool,
}

impl Field {
    pub(crate) const fn required(name: &'static str, about: &'static str) -> Self {
        Self { name, about, required: true }
    }

    pub(crate) const fn optional(name: &'static str, about: &'static str) -> Self {
        Self { name, about, required: false }
    }
}

/// Checked arguments.
pub(crate) struct Args(BTreeMap<&'static str, String>);

impl Args {
    /// An argument that may be left out.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An argument that the table calls required.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, ToolError> {
        self.get(name).ok_or_else(|| invalid(name, "is missing"))
    }

    /// A whole number from 1 to `most`; larger ones are read as that.
    pub(crate) fn limit(
        &self,
        name: &'static str,
        default: usize,
        most: usize,
    ) -> Result<usize, ToolError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse::<u64>() {
            Ok(number) if number > 0 => Ok(usize::try_from(number).unwrap_or(most).min(most)),
            Ok(_) | Err(_) => {
                Err(invalid(name, format!("must be a whole number from 1 to {most}, not {text:?}")))
            }
        }
    }
}

/// The JSON Schema of a tool's arguments.
pub(crate) fn schema(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), json!({"type": "string", "description": field.about})))
        .collect();
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema =
        json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Checks arguments against the table; nulls and empty texts count as left out.
pub(crate) fn check(fields: &'static [Field], arguments: Value) -> Result<Args, ToolError> {
    let arguments = match arguments {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        _ => return Err(invalid("arguments", "must be a JSON object")),
    };
    let mut checked = BTreeMap::new();
    for (name, value) in arguments {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
            let known = if known.is_empty() { "no arguments".to_owned() } else { known.join(", ") };
            return Err(invalid(&name, format!("does not exist; this tool takes {known}")));
        };
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(invalid(field.name, "must be a string"));
            }
        };
        if text.len() > MAX_LENGTH {
            return Err(invalid(field.name, format!("is longer than {MAX_LENGTH} bytes")));
        }
        if !text.is_empty() {
            checked.insert(field.name, text);
        }
    }
    match fields.iter().find(|field| field.required && !checked.contains_key(field.name)) {
        Some(field) => Err(invalid(field.name, format!("is missing; give {}", field.about))),
        None => Ok(Args(checked)),
    }
}

pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> ToolError {
    ToolError::InvalidArgument { field: field.to_owned(), problem: problem.into() }
}
