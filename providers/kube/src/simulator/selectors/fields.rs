//! Field selectors: `status.phase!=Running,spec.nodeName=worker-1`, with the fields that the real server supports.

use serde_json::Value;

use crate::simulator::status::ApiError;
use crate::snapshot::{KindOrigin, ResourceKind};

/// All requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::simulator) struct FieldSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    field: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Parses a selector for a kind; the empty one selects everything.
    pub(in crate::simulator) fn parse(text: &str, kind: &ResourceKind) -> Result<Self, ApiError> {
        let mut requirements = Vec::new();
        for term in split_terms(text) {
            if term.is_empty() {
                continue;
            }
            let requirement = parse_term(term).ok_or_else(|| {
                ApiError::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{term}'"
                ))
            })?;
            check_supported(&requirement.field, kind)?;
            requirements.push(requirement);
        }
        Ok(Self(requirements))
    }

    pub(in crate::simulator) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::simulator) fn matches(&self, object: &Value, kind: &ResourceKind) -> bool {
        self.0.iter().all(|requirement| {
            (field_value(object, &requirement.field, kind) == requirement.value)
                == requirement.equal
        })
    }
}

/// Splits at commas that no backslash protects.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(text.get(start..index).unwrap_or_default());
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(text.get(start..).unwrap_or_default());
    terms
}

fn parse_term(term: &str) -> Option<Requirement> {
    let at = term.find(['=', '!'])?;
    let (field, rest) = term.split_at(at);
    let (operator, equal) = ["!=", "==", "="]
        .iter()
        .find(|operator| rest.starts_with(**operator))
        .map(|operator| (*operator, *operator != "!="))?;
    let value = unescape(rest.strip_prefix(operator)?)?;
    (!field.is_empty()).then(|| Requirement { field: field.to_owned(), value, equal })
}

/// Only `\\`, `\,` and `\=` are escapes.
fn unescape(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => value.push(chars.next().filter(|c| matches!(c, '\\' | ',' | '='))?),
            ',' | '=' => return None,
            _ => value.push(c),
        }
    }
    Some(value)
}

/// Fields that a built-in kind supports besides its name and namespace.
fn builtin_fields(kind: &ResourceKind) -> &'static [&'static str] {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => &[
            "spec.hostNetwork",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.nominatedNodeName",
            "status.phase",
            "status.podIP",
            "status.podIPs",
        ],
        ("" | "events.k8s.io", "Event") => &[
            "involvedObject.apiVersion",
            "involvedObject.fieldPath",
            "involvedObject.kind",
            "involvedObject.name",
            "involvedObject.namespace",
            "involvedObject.resourceVersion",
            "involvedObject.uid",
            "reason",
            "regarding.apiVersion",
            "regarding.fieldPath",
            "regarding.kind",
            "regarding.name",
            "regarding.namespace",
            "regarding.resourceVersion",
            "regarding.uid",
            "reportingComponent",
            "reportingController",
            "source",
            "type",
        ],
        ("", "Secret") => &["type"],
        ("", "Node") => &["spec.unschedulable"],
        ("", "Namespace") => &["status.phase"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("", "ReplicationController") | ("apps", "ReplicaSet") => &["status.replicas"],
        ("batch", "Job") => &["status.successful"],
        ("certificates.k8s.io", "CertificateSigningRequest") => &["spec.signerName"],
        _ => &[],
    }
}

fn check_supported(field: &str, kind: &ResourceKind) -> Result<(), ApiError> {
    let common = ["metadata.name", "metadata.namespace"];
    let supported = common.contains(&field)
        || builtin_fields(kind).contains(&field)
        || kind.selectable_fields.iter().any(|supported| supported == field);
    if supported {
        return Ok(());
    }
    Err(ApiError::bad_request(match kind.origin {
        KindOrigin::BuiltIn => format!("field label not supported: {field}"),
        KindOrigin::Defined | KindOrigin::Guessed => {
            format!(
                "field label not supported: {field}; supported are metadata.name, metadata.namespace and the selectableFields of the kind's definition"
            )
        }
    }))
}

/// A field's value as selectors see it: absent ones are empty, or the default of their type.
fn field_value(object: &Value, field: &str, kind: &ResourceKind) -> String {
    let at = |pointer: &str| object.pointer(pointer).map(scalar).unwrap_or_default();
    let or = |value: String, default: &str| {
        if value.is_empty() { default.to_owned() } else { value }
    };
    match (kind.kind.as_str(), field) {
        ("Event", "source") => or(at("/source/component"), &at("/reportingComponent")),
        ("Event", _) => event_field(object, field),
        ("Pod", "spec.hostNetwork") | ("Node", "spec.unschedulable") => {
            or(at(&pointer(field)), "false")
        }
        ("Pod", "status.podIPs") => at("/status/podIP"),
        ("ReplicationController" | "ReplicaSet", "status.replicas") => {
            or(at("/status/replicas"), "0")
        }
        ("Job", "status.successful") => or(at("/status/succeeded"), "0"),
        _ => at(&pointer(field)),
    }
}

/// An event names what it is about in one way in `v1` and in another in `events.k8s.io/v1`; both are understood.
fn event_field(object: &Value, field: &str) -> String {
    let at = |field: &str| object.pointer(&pointer(field)).map(scalar).unwrap_or_default();
    let own = at(field);
    if !own.is_empty() {
        return own;
    }
    let swaps = [
        ("involvedObject.", "regarding."),
        ("regarding.", "involvedObject."),
        ("reportingComponent", "reportingController"),
        ("reportingController", "reportingComponent"),
    ];
    let twin = swaps
        .iter()
        .find_map(|(from, to)| field.strip_prefix(from).map(|rest| format!("{to}{rest}")));
    twin.map(|field| at(&field)).unwrap_or_default()
}

fn pointer(field: &str) -> String {
    format!("/{}", field.replace('.', "/"))
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}
