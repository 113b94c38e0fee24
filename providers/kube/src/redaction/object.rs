//! Redaction of API objects: what a field means decides, and every other string is treated as text.

use std::borrow::Cow;

use k8s_openapi::ByteString;
use serde_json::{Map, Value};

use super::{Redactor, arguments, entropy, names, prose, rules};

/// `inherited` is the kind that a List's items have when they do not say.
pub(super) fn redact(redactor: &Redactor, object: &mut Value, inherited: Option<&str>) {
    let Value::Object(map) = object else {
        walk(redactor, object);
        return;
    };
    if !map.contains_key("kind") && inherited.is_none() && map.contains_key("value") {
        walk_map(redactor, map);
        return;
    }
    let kind = map.get("kind").and_then(Value::as_str).or(inherited).unwrap_or_default().to_owned();
    let item_kind = kind.strip_suffix("List");
    for (key, value) in map.iter_mut() {
        match (kind.as_str(), key.as_str()) {
            ("Secret", "data") => mask_values(redactor, value, true),
            ("Secret", "stringData") => mask_values(redactor, value, false),
            ("Secret", "metadata") => {
                mask_applied_configuration(redactor, value);
                walk(redactor, value);
            }
            ("ConfigMap", "data") => named_values(redactor, value),
            ("ConfigMap", "binaryData") => mask_values(redactor, value, true),
            (_, "items") if item_kind.is_some() => match value {
                Value::Array(items) => {
                    items.iter_mut().for_each(|item| redact(redactor, item, item_kind));
                }
                other => walk(redactor, other),
            },
            _ => leaf(redactor, key, value),
        }
    }
}

/// Remembers the values of a Secret and of the Secrets of a List.
pub(super) fn remember(redactor: &Redactor, object: &Value) {
    let kind = object["kind"].as_str().unwrap_or_default();
    if kind == "Secret" {
        remember_values(redactor, object);
    } else if let (Some(item_kind), Some(items)) =
        (kind.strip_suffix("List"), object["items"].as_array())
    {
        for item in items {
            if item["kind"].as_str().unwrap_or(item_kind) == "Secret" {
                remember_values(redactor, item);
            }
        }
    }
}

fn remember_values(redactor: &Redactor, secret: &Value) {
    // A Helm release is a whole chart, and says by itself what it is.
    if secret["type"] == "helm.sh/release.v1" {
        return;
    }
    let mut values: Vec<Vec<u8>> = Vec::new();
    for (map, base64) in [("data", true), ("stringData", false)] {
        for text in
            secret[map].as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str())
        {
            let decoded = base64
                .then(|| serde_json::from_value::<ByteString>(Value::String(text.to_owned())).ok());
            match decoded.flatten() {
                Some(ByteString(bytes)) => values.push(bytes),
                None if !super::is_masked(text) => values.push(text.as_bytes().to_vec()),
                None => {}
            }
        }
    }
    redactor.known.remember(values.iter().map(Vec::as_slice));
}

/// Masks every value of a map. Base64 is decoded first where it is valid, so that the mask equals that of
/// the same secret in plain text.
fn mask_values(redactor: &Redactor, values: &mut Value, base64: bool) {
    match values {
        Value::Object(map) => {
            map.values_mut().for_each(|value| mask_values(redactor, value, base64))
        }
        Value::Array(list) => {
            list.iter_mut().for_each(|value| mask_values(redactor, value, base64))
        }
        Value::String(text) if !super::is_masked(text) => {
            let decoded = if base64 {
                serde_json::from_value::<ByteString>(Value::String(text.clone())).ok()
            } else {
                None
            };
            *text = match decoded {
                Some(ByteString(bytes)) => super::secret_value(redactor, &bytes),
                None => super::secret_value(redactor, text.as_bytes()),
            };
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `kubectl apply` keeps a whole copy of the Secret in an annotation.
fn mask_applied_configuration(redactor: &Redactor, metadata: &mut Value) {
    if let Some(Value::String(copy)) =
        metadata.pointer_mut("/annotations/kubectl.kubernetes.io~1last-applied-configuration")
    {
        *copy = redactor.mask(copy);
    }
}

pub(super) fn walk(redactor: &Redactor, value: &mut Value) {
    match value {
        Value::Object(map) => walk_map(redactor, map),
        Value::Array(list) => arguments::redact(redactor, &[], list),
        Value::String(text) => text_leaf(redactor, text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn walk_map(redactor: &Redactor, map: &mut Map<String, Value>) {
    // An embedded object, such as a template's or a List's, has rules of its own.
    if matches!(map.get("kind"), Some(Value::String(kind)) if kind == "Secret" || kind == "ConfigMap")
        && (map.contains_key("data") || map.contains_key("stringData"))
    {
        let mut object = Value::Object(std::mem::take(map));
        redact(redactor, &mut object, None);
        if let Value::Object(redacted) = object {
            *map = redacted;
        }
        return;
    }
    // An environment variable, a header, a parameter.
    let label = ["name", "key"].iter().find_map(|label| map.get(*label).and_then(Value::as_str));
    if let (Some(name), Some(Value::String(_))) = (label, map.get("value")) {
        let name = name.to_owned();
        // What is left of a name that was masked itself may give a secret away as well.
        let mut masked = name.clone();
        text_leaf(redactor, &mut masked);
        for (key, value) in map.iter_mut() {
            match value {
                Value::String(text) if key == "value" => {
                    named_value(redactor, &name, text);
                    if masked != name {
                        named_value(redactor, &masked, text);
                    }
                }
                other => leaf(redactor, key, other),
            }
        }
        return;
    }
    // A container: its arguments are for the program that its command names, and go on where that stops.
    let command = map.get("command").and_then(Value::as_array).cloned().unwrap_or_default();
    let command: Vec<String> = command
        .into_iter()
        .map(|word| word.as_str().map(str::to_owned).unwrap_or_default())
        .collect();
    for (key, value) in map.iter_mut() {
        match value {
            Value::Array(list) if key == "args" => {
                arguments::redact(redactor, &command, list);
            }
            value => leaf(redactor, key, value),
        }
    }
}

fn leaf(redactor: &Redactor, key: &str, value: &mut Value) {
    match value {
        Value::String(text) if names::is_secret(key) && !is_reference(key, text) => {
            named_value(redactor, key, text);
        }
        Value::String(text) if names::may_be_secret(key) => named_value(redactor, key, text),
        Value::String(text) => text_leaf(redactor, text),
        Value::Number(number) if names::is_password(key) => {
            *value = Value::String(redactor.mask(&number.to_string()));
        }
        // Only lists of plain values: objects in a list, such as references, have names of their own.
        Value::Array(list) if names::holds_secrets(key) => {
            for value in list {
                match value {
                    Value::String(text) if !is_reference(key, text) => {
                        if !names::is_harmless_value(text) {
                            *text = redactor.mask(text);
                        }
                    }
                    Value::Object(map) => held_value(redactor, key, map),
                    other => walk(redactor, other),
                }
            }
        }
        Value::Object(map) if names::is_secret(key) => held_value(redactor, key, map),
        Value::Object(map) if key == "annotations" => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(text) => annotation(redactor, key, text),
                    other => walk(redactor, other),
                }
            }
        }
        other => walk(redactor, other),
    }
}

/// `{key: …, value: …}` under a secret's name: whatever its key is called, the value is one.
fn held_value(redactor: &Redactor, key: &str, map: &mut Map<String, Value>) {
    let key = if names::is_secret(key) { key } else { key.strip_suffix(['s', 'S']).unwrap_or(key) };
    if let Some(Value::String(text)) = map.get_mut("value") {
        named_value(redactor, key, text);
    }
    walk_map(redactor, map);
}

/// Custom resources name Secrets in fields such as `existingSecret` and `imagePullSecret`.
fn is_reference(key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let names_object =
        ["secret", "secrets", "credential", "credentials"].iter().any(|end| key.ends_with(end))
            && !key.ends_with("clientsecret");
    let is_object_name = value.len() <= 253
        && value.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
        });
    names_object && is_object_name
}

fn annotation(redactor: &Redactor, key: &str, text: &mut String) {
    let name = key.rsplit('/').next().unwrap_or(key);
    if (names::is_secret(name) && !is_reference(name, text)) || names::may_be_secret(name) {
        named_value(redactor, name, text);
    } else {
        text_leaf(redactor, text);
    }
}

/// Values of a ConfigMap: the key is the name.
fn named_values(redactor: &Redactor, values: &mut Value) {
    match values {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(text) => named_value(redactor, key, text),
                    other => walk(redactor, other),
                }
            }
        }
        other => walk(redactor, other),
    }
}

pub(super) fn named_value(redactor: &Redactor, name: &str, text: &mut String) {
    if names::is_harmless_value(text)
        || (name.ends_with("ommunity") && prose::names_an_object(name, text))
    {
        return;
    }
    if names::is_connection(name) && text.contains("://") {
        // Host and database are wanted for the diagnosis; the text rules take the password out.
        text_leaf(redactor, text);
    } else if names::is_secret(name) || (names::may_be_secret(name) && looks_like_key(name, text)) {
        *text = redactor.mask(text);
    } else {
        text_leaf(redactor, text);
    }
}

fn looks_like_key(name: &str, text: &str) -> bool {
    entropy::is_hex_key(text)
        || rules::is_basic_auth(text)
        || (names::is_uuid(text) && !names::finds_things(name))
}

pub(super) fn text_leaf(redactor: &Redactor, text: &mut String) {
    if entropy::looks_generated(text) {
        *text = redactor.mask(text);
        return;
    }
    if let Some(redacted) = embedded_json(redactor, text) {
        *text = redacted;
        return;
    }
    let changed = match super::patterns::redact(redactor, text) {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    };
    if let Some(changed) = changed {
        *text = changed;
    }
}

/// Annotations and configuration hold whole objects as JSON: they are redacted as objects and stay valid.
fn embedded_json(redactor: &Redactor, text: &str) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let original: Value = serde_json::from_str(text).ok()?;
    let mut redacted = original.clone();
    redact(redactor, &mut redacted, None);
    Some(if redacted == original { text.to_owned() } else { redacted.to_string() })
}
