//! Redaction of API objects: what a field means decides, and every other string is treated as text.

use std::borrow::Cow;

use k8s_openapi::ByteString;
use serde_json::{Map, Value};

use super::{Redactor, entropy, names, rules};

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

fn walk(redactor: &Redactor, value: &mut Value) {
    match value {
        Value::Object(map) => walk_map(redactor, map),
        Value::Array(list) => walk_list(redactor, list),
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
    if let (Some(Value::String(name)), Some(Value::String(_))) = (map.get("name"), map.get("value"))
    {
        let name = name.clone();
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
    for (key, value) in map.iter_mut() {
        leaf(redactor, key, value);
    }
}

/// In an argument list the secret may be the element after its flag: `--password`, `hunter2`.
fn walk_list(redactor: &Redactor, list: &mut [Value]) {
    let flag: Option<&'static str> = list.iter().filter_map(Value::as_str).find_map(password_flag);
    let names_secret = |text: &str| {
        text.starts_with('-')
            && !text.contains('=')
            && (flag == Some(text) || names::is_secret(text.trim_start_matches('-')))
    };
    let mut after_secret_flag = false;
    for value in list {
        let Value::String(text) = value else {
            after_secret_flag = false;
            walk(redactor, value);
            continue;
        };
        // What is left of a flag that was masked itself counts as well.
        let before = names_secret(text);
        let is_value = |text: &str| !text.starts_with('-') && !names::is_harmless_value(text);
        let attached = flag.and_then(|flag| Some((flag, text.strip_prefix(flag)?)));
        if let Some((flag, password)) = attached.filter(|(_, password)| !password.is_empty()) {
            *text = format!("{flag}{}", redactor.mask(password));
        } else if after_secret_flag && is_value(text) {
            *text = redactor.mask(text);
        } else {
            text_leaf(redactor, text);
            if after_secret_flag && is_value(text) {
                *text = redactor.mask(text);
            }
        }
        after_secret_flag = before || names_secret(text);
    }
}

/// The flag by which a client takes a password, where the argument is such a client's name or path.
fn password_flag(argument: &str) -> Option<&'static str> {
    const CLIENTS: &[(&str, &str)] = &[
        ("mysql", "-p"),
        ("mariadb", "-p"),
        ("redis-cli", "-a"),
        ("sshpass", "-p"),
        ("mongo", "-p"),
    ];
    let program = argument.rsplit('/').next().unwrap_or_default();
    CLIENTS.iter().find(|(client, _)| program.starts_with(client)).map(|(_, flag)| *flag)
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
                    other => walk(redactor, other),
                }
            }
        }
        Value::Object(map) if names::is_secret(key) => {
            if let Some(Value::String(text)) = map.get_mut("value") {
                named_value(redactor, key, text);
            }
            walk(redactor, value);
        }
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
    if names::is_harmless_value(text) {
        return;
    }
    if names::is_connection(name) && text.contains("://") {
        // Host and database are wanted for the diagnosis; the text rules take the password out.
        text_leaf(redactor, text);
    } else if names::is_secret(name)
        || (names::may_be_secret(name) && (entropy::is_hex_key(text) || rules::is_basic_auth(text)))
    {
        *text = redactor.mask(text);
    } else {
        text_leaf(redactor, text);
    }
}

fn text_leaf(redactor: &Redactor, text: &mut String) {
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
