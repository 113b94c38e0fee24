//! Volumes, claims and classes.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{age, items, name, or, plain, text};
use super::{Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    Some(match (group, kind) {
        ("", "PersistentVolume") => Printer {
            columns: &[
                Text("Name"),
                Text("Capacity"),
                Text("Access Modes"),
                Text("Reclaim Policy"),
                Text("Status"),
                Text("Claim"),
                Text("StorageClass"),
                Text("VolumeAttributesClass"),
                Text("Reason"),
                Text("Age"),
                Wide("VolumeMode"),
            ],
            cells: volume,
        },
        ("", "PersistentVolumeClaim") => Printer {
            columns: &[
                Text("Name"),
                Text("Status"),
                Text("Volume"),
                Text("Capacity"),
                Text("Access Modes"),
                Text("StorageClass"),
                Text("VolumeAttributesClass"),
                Text("Age"),
                Wide("VolumeMode"),
            ],
            cells: claim,
        },
        ("storage.k8s.io", "StorageClass") => Printer {
            columns: &[
                Text("Name"),
                Text("Provisioner"),
                Text("ReclaimPolicy"),
                Text("VolumeBindingMode"),
                Text("AllowVolumeExpansion"),
                Text("Age"),
            ],
            cells: class,
        },
        ("storage.k8s.io", "VolumeAttachment") => Printer {
            columns: &[
                Text("Name"),
                Text("Attacher"),
                Text("PV"),
                Text("Node"),
                Text("Attached"),
                Text("Age"),
            ],
            cells: attachment,
        },
        _ => return None,
    })
}

fn access_modes(object: &Value, pointer: &str) -> String {
    let modes = items(object, pointer).filter_map(Value::as_str).map(|mode| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    });
    modes.collect::<Vec<_>>().join(",")
}

/// The annotation is how classes were named before there was a field.
fn class_name(object: &Value) -> Value {
    let annotation = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";
    match text(object, annotation) {
        "" => text(object, "/spec/storageClassName").into(),
        class => class.into(),
    }
}

fn capacity(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).map(plain).unwrap_or_default().into()
}

/// A volume or claim that is being deleted.
fn phase(object: &Value) -> Value {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        return "Terminating".into();
    }
    text(object, "/status/phase").into()
}

fn volume(object: &Value, now: Timestamp) -> Vec<Value> {
    let claim = match text(object, "/spec/claimRef/name") {
        "" => String::new(),
        claim => format!("{}/{claim}", text(object, "/spec/claimRef/namespace")),
    };
    vec![
        name(object),
        capacity(object, "/spec/capacity/storage"),
        access_modes(object, "/spec/accessModes").into(),
        text(object, "/spec/persistentVolumeReclaimPolicy").into(),
        phase(object),
        claim.into(),
        class_name(object),
        or(text(object, "/spec/volumeAttributesClassName"), "<unset>"),
        text(object, "/status/reason").into(),
        age(object, now),
        or(text(object, "/spec/volumeMode"), "<unset>"),
    ]
}

fn claim(object: &Value, now: Timestamp) -> Vec<Value> {
    // Until it is bound a claim has neither capacity nor modes.
    let bound = !text(object, "/spec/volumeName").is_empty();
    let (modes, capacity) = if bound {
        (access_modes(object, "/status/accessModes"), capacity(object, "/status/capacity/storage"))
    } else {
        (String::new(), "".into())
    };
    vec![
        name(object),
        phase(object),
        text(object, "/spec/volumeName").into(),
        capacity,
        modes.into(),
        class_name(object),
        or(text(object, "/spec/volumeAttributesClassName"), "<unset>"),
        age(object, now),
        or(text(object, "/spec/volumeMode"), "<unset>"),
    ]
}

fn class(object: &Value, now: Timestamp) -> Vec<Value> {
    let is_default =
        ["storageclass.kubernetes.io", "storageclass.beta.kubernetes.io"].iter().any(|prefix| {
            text(object, &format!("/metadata/annotations/{prefix}~1is-default-class")) == "true"
        });
    let suffix = if is_default { " (default)" } else { "" };
    let expands = object.get("allowVolumeExpansion").and_then(Value::as_bool).unwrap_or(false);
    vec![
        format!("{}{suffix}", text(object, "/metadata/name")).into(),
        text(object, "/provisioner").into(),
        or(text(object, "/reclaimPolicy"), "Delete"),
        or(text(object, "/volumeBindingMode"), "Immediate"),
        expands.into(),
        age(object, now),
    ]
}

fn attachment(object: &Value, now: Timestamp) -> Vec<Value> {
    let attached = object.pointer("/status/attached").and_then(Value::as_bool).unwrap_or(false);
    vec![
        name(object),
        text(object, "/spec/attacher").into(),
        text(object, "/spec/source/persistentVolumeName").into(),
        text(object, "/spec/nodeName").into(),
        attached.into(),
        age(object, now),
    ]
}
