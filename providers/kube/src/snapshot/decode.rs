//! From a file's text to the API objects it holds.

use serde_json::{Map, Value};

use super::error::SnapshotError;

/// Lists inside of lists are followed this deep.
const MAX_LIST_DEPTH: usize = 8;
/// Deepest nesting of a YAML document; what serde_json allows for JSON.
const MAX_YAML_DEPTH: usize = 127;
/// Nodes that aliases of one YAML file may add. Exports of a cluster have none at all.
const MAX_ALIASED_NODES: usize = 100_000;

/// The objects of one file.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// API objects with apiVersion, kind and name.
    pub(super) objects: Vec<Value>,
    /// Documents that are no API objects.
    pub(super) others: usize,
}

/// Parses one file and checks its objects.
pub(super) fn decode(path: &str, content: &[u8]) -> Result<Decoded, SnapshotError> {
    let mut found = Decoded::default();
    for document in documents(path, content)? {
        collect(document, None, 0, &mut found);
    }
    for (index, object) in found.objects.iter().enumerate() {
        check(object).map_err(|(field, problem, fix)| SnapshotError::Object {
            path: path.to_owned(),
            position: index + 1,
            field,
            problem,
            fix,
        })?;
    }
    Ok(found)
}

/// The JSON or YAML documents of one file.
pub(super) fn documents(path: &str, content: &[u8]) -> Result<Vec<Value>, SnapshotError> {
    let text = std::str::from_utf8(content)
        .map_err(|_| SnapshotError::NotUtf8 { path: path.to_owned(), fix: "save it as UTF-8" })?;
    let text = text.trim_start_matches('\u{feff}');
    if path.ends_with(".json") {
        return json(text).map_err(|error| SnapshotError::Syntax {
            path: path.to_owned(),
            line: Some(error.line() as u64),
            message: error.to_string(),
            fix: "export the file again or correct the JSON",
        });
    }
    // JSON is YAML, and its own parser is faster.
    if text.trim_start().starts_with('{')
        && let Ok(documents) = json(text)
    {
        return Ok(documents);
    }
    serde_saphyr::from_multiple_with_options(text, yaml_options(text.len())).map_err(|error| {
        SnapshotError::Syntax {
            path: path.to_owned(),
            line: error.location().map(|location| location.line()),
            message: error.without_snippet().to_string(),
            fix: "export the file again or correct the YAML",
        }
    })
}

fn json(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    serde_json::Deserializer::from_str(text).into_iter().collect()
}

/// Limits in proportion to the file, so that a large export loads and a small bomb does not.
fn yaml_options(size: usize) -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: size.saturating_mul(2).saturating_add(1_000),
            max_nodes: size.saturating_mul(2).saturating_add(1_000),
            max_total_scalar_bytes: size.saturating_mul(2).saturating_add(1_000),
            max_documents: size.saturating_add(1),
            max_depth: MAX_YAML_DEPTH,
            flow_nesting_limit: MAX_YAML_DEPTH,
            // Keys of annotations and ConfigMaps may be long.
            simple_key_max_lookahead: 8_192,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED_NODES },
        emit_comments: false,
        strict_booleans: true,
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// Opens lists; the items of a typed list (`PodList`) often leave out their own kind.
fn collect(document: Value, item_of: Option<(&str, &str)>, depth: usize, found: &mut Decoded) {
    let Value::Object(mut object) = document else {
        found.others += usize::from(!document.is_null());
        return;
    };
    if let Some((api_version, kind)) = item_of {
        object.entry("apiVersion").or_insert_with(|| api_version.into());
        object.entry("kind").or_insert_with(|| kind.into());
    }
    let (Some(api_version), Some(kind)) = (text(&object, "apiVersion"), text(&object, "kind"))
    else {
        found.others += 1;
        return;
    };
    if let Some(item_kind) = kind.strip_suffix("List")
        && object.get("items").is_some_and(Value::is_array)
        && depth < MAX_LIST_DEPTH
    {
        let (api_version, item_kind) = (api_version.to_owned(), item_kind.to_owned());
        let item_of = (!item_kind.is_empty()).then_some((api_version.as_str(), item_kind.as_str()));
        if let Some(Value::Array(items)) = object.remove("items") {
            for item in items {
                collect(item, item_of, depth + 1, found);
            }
        }
    } else if is_object(api_version, &object) {
        found.objects.push(Value::Object(object));
    } else {
        found.others += 1;
    }
}

/// kubeconfigs and kustomizations have no metadata; a Status, a Table or a discovery document has no object's.
fn is_object(api_version: &str, object: &Map<String, Value>) -> bool {
    let has_metadata = match object.get("metadata") {
        Some(Value::Object(metadata)) => !metadata.is_empty(),
        Some(Value::Null) | None => false,
        Some(_) => true,
    };
    has_metadata && !api_version.starts_with("meta.k8s.io/")
}

fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    object.get(field).and_then(Value::as_str)
}

type Complaint = (&'static str, String, &'static str);

/// What the simulated server must rely on: a kind, a version and names that can stand in a path.
fn check(object: &Value) -> Result<(), Complaint> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let dns = |part: &str| {
        part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    if version.is_empty() || !dns(version) || !dns(group) || api_version.starts_with('/') {
        let fix = "write it as v1 or apps/v1";
        return Err(("apiVersion", format!("is {api_version:?}"), fix));
    }
    let kind = text("/kind");
    if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(("kind", format!("is {kind:?}"), "write it as in Deployment"));
    }
    if !object.pointer("/metadata").is_some_and(Value::is_object) {
        return Err(("metadata", "is not a mapping".to_owned(), "give it a name"));
    }
    path_segment(object, "metadata.name", "/metadata/name", false)?;
    path_segment(object, "metadata.namespace", "/metadata/namespace", true)
}

/// The API server's own rule for names: they must stand as one segment of a path.
fn path_segment(
    object: &Value,
    field: &'static str,
    pointer: &str,
    may_be_absent: bool,
) -> Result<(), Complaint> {
    match object.pointer(pointer) {
        None | Some(Value::Null) if may_be_absent => Ok(()),
        Some(Value::String(name)) if name.is_empty() && may_be_absent => Ok(()),
        Some(Value::String(name)) if !name.is_empty() => {
            let bad = name == "." || name == ".." || name.contains(['/', '%']);
            let control = name.chars().any(char::is_control);
            if bad || control {
                let fix = "use a name that fits one path segment";
                return Err((field, format!("is {name:?}"), fix));
            }
            Ok(())
        }
        None => Err((field, "is missing".to_owned(), "add it")),
        Some(Value::String(_)) => Err((field, "is empty".to_owned(), "fill it in")),
        Some(_) => Err((field, "is not a string".to_owned(), "quote it")),
    }
}
