//! Arguments: one table a tool, from which both the JSON Schema and the checks come.
//!
//! Models send numbers as strings, empty strings and nulls for what they mean to leave out, and keys that do
//! not exist. The harmless of these are read as meant; for the others the error names the argument and the
//! right form.

use leadsman_ports::tool::ToolError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// What an argument holds.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    /// Text that is not empty.
    Text,
    /// A whole number from 1 to the given one; larger ones are read as that.
    Number(u32),
    /// true or false.
    Flag,
}

/// One argument.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) holds: Holds,
    pub(super) required: bool,
}

impl Field {
    pub(super) const fn required(name: &'static str, about: &'static str) -> Self {
        Self { name, about, holds: Holds::Text, required: true }
    }

    pub(super) const fn optional(name: &'static str, about: &'static str, holds: Holds) -> Self {
        Self { name, about, holds, required: false }
    }
}

/// Arguments that several tools take.
pub(super) const KIND: Field = Field::required("kind", "E.g. Deployment, pods, pvc");
pub(super) const NAME: Field = Field::required("name", "Object name");
/// One namespace or all.
pub(super) const NAMESPACE: Field = Field::optional("namespace", "All if left out", Holds::Text);
pub(super) const API_GROUP: Field =
    Field::optional("api_group", "Only where several groups have the kind, e.g. apps", Holds::Text);
pub(super) const OBJECT_NAMESPACE: Field =
    Field::optional("namespace", "Left out for cluster-scoped kinds", Holds::Text);

/// The JSON Schema of a tool's arguments.
pub(super) fn schema(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut property = match field.holds {
                Holds::Text => json!({"type": "string"}),
                Holds::Number(max) => json!({"type": "integer", "minimum": 1, "maximum": max}),
                Holds::Flag => json!({"type": "boolean"}),
            };
            property["description"] = field.about.into();
            (field.name.to_owned(), property)
        })
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

/// Checks arguments against the table and brings every value into its type.
pub(super) fn check(fields: &[Field], arguments: Value) -> Result<Value, ToolError> {
    let arguments = match arguments {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        other => {
            return Err(invalid(
                "arguments",
                format!("must be a JSON object, not {}", type_name(&other)),
            ));
        }
    };
    let mut checked = Map::new();
    for (name, value) in arguments {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
            let known = if known.is_empty() { "no arguments".to_owned() } else { known.join(", ") };
            return Err(invalid(&name, format!("does not exist; this tool takes {known}")));
        };
        if let Some(value) = read(field, value)? {
            checked.insert(name, value);
        }
    }
    match fields.iter().find(|field| field.required && !checked.contains_key(field.name)) {
        Some(field) => Err(invalid(field.name, format!("is missing; give {}", field.about))),
        None => Ok(Value::Object(checked)),
    }
}

/// Checked arguments in their type.
pub(super) fn typed<T: DeserializeOwned>(arguments: Value) -> Result<T, ToolError> {
    serde_json::from_value(arguments).map_err(|error| invalid("arguments", error.to_string()))
}

pub(super) fn invalid(field: &str, problem: impl Into<String>) -> ToolError {
    ToolError::InvalidArgument { field: field.to_owned(), problem: problem.into() }
}

/// `None` where the argument is left out in all but form.
fn read(field: &Field, value: Value) -> Result<Option<Value>, ToolError> {
    if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return Ok(None);
    }
    let read = match (field.holds, &value) {
        (Holds::Text, Value::String(text)) => Some(text.trim().into()),
        (Holds::Text, Value::Number(number)) => Some(number.to_string().into()),
        (Holds::Number(max), _) => {
            whole_number(&value).map(|number| number.min(u64::from(max)).into())
        }
        (Holds::Flag, Value::Bool(_)) => Some(value.clone()),
        (Holds::Flag, Value::String(text)) => {
            text.trim().to_lowercase().parse::<bool>().ok().map(Value::from)
        }
        (Holds::Text | Holds::Flag, _) => None,
    };
    match read {
        Some(value) => Ok(Some(value)),
        None => {
            let right = match field.holds {
                Holds::Text => "must be a string".to_owned(),
                Holds::Number(max) => format!("must be a whole number from 1 to {max}"),
                Holds::Flag => "must be true or false".to_owned(),
            };
            Err(invalid(field.name, format!("{right}, not {}", type_name(&value))))
        }
    }
}

fn whole_number(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        _ => return None,
    };
    // The largest limit of any argument lies far below 2^53, so nothing is lost.
    (number >= 1.0 && number.fract() == 0.0).then_some(number.min(9e15) as u64)
}

fn type_name(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
