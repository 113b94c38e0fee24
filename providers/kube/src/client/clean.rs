//! Takes out of an object what is bulk to every reader.

use serde_json::Value;

use super::changes;

/// The annotation in which `kubectl apply` keeps a copy of the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Condenses `managedFields` and removes `last-applied-configuration`, also from a List's items.
pub(super) fn clean(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
        let managed = metadata.remove("managedFields").unwrap_or_default();
        let changes = changes::condense(metadata, &managed);
        if !changes.is_empty() {
            metadata.insert("changes".to_owned(), changes.into());
        }
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    if let Some(Value::Array(items)) = map.get_mut("items") {
        items.iter_mut().for_each(clean);
    }
}

/// Lists leave apiVersion and kind out of their items.
pub(super) fn name_type(object: &mut Value, api_version: &str, kind: &str) {
    if let Some(map) = object.as_object_mut() {
        for (key, value) in [("apiVersion", api_version), ("kind", kind)] {
            let is_set = map.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            if !is_set {
                map.insert(key.to_owned(), value.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn removes_bulk_at_every_level() {
        let metadata = json!({"name": "a", "managedFields": [{"manager": "x"}],
            "annotations": {super::LAST_APPLIED: "{}"}});
        let mut list = json!({"kind": "List", "items": [{"metadata": metadata}, {"kind": "List",
            "items": [{"metadata": metadata}]}], "metadata": metadata});
        super::clean(&mut list);
        let clean = json!({"name": "a"});
        assert_eq!(list["metadata"], clean);
        assert_eq!(list["items"][0]["metadata"], clean);
        assert_eq!(list["items"][1]["items"][0]["metadata"], clean);
    }
}
