//! API objects as short text for a model or a terminal: the same object and moment give the same bytes.

pub(crate) mod columns;
pub(crate) mod describe;
pub(crate) mod events;
pub(crate) mod fields;
pub(crate) mod log;
pub(crate) mod pod;
pub(crate) mod quantity;
pub(crate) mod table;

use serde_json::Value;

/// Block YAML; keys in alphabetical order.
pub(crate) fn yaml(value: &Value) -> String {
    let options =
        serde_saphyr::ser_options! { prefer_block_scalars: false, compact_list_indent: true };
    // A JSON value always has a YAML form; were it not so, JSON is YAML too.
    serde_saphyr::to_string_with_options(value, options).unwrap_or_else(|_| value.to_string())
}
