//! Decoding an incident: what is tolerated, and that every complaint names the field and the fix.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use leadsman_contract::{FieldError, IncidentRequest, Rejection, Severity, SignalMode};
use proptest::prelude::*;
use serde_json::{Value, json};

fn incident() -> Value {
    json!({
        "incident_id": "web-1", "remediation_id": "rr-1", "signal_name": "OOMKilled",
        "severity": "critical", "signal_source": "kubernaut", "resource_namespace": "shop",
        "resource_kind": "Deployment", "resource_name": "web", "resource_api_version": "apps/v1",
        "error_message": "", "environment": "production", "priority": "P0",
        "risk_tolerance": "medium", "business_category": "standard", "cluster_name": "default"
    })
}

fn decode(value: &Value) -> Result<IncidentRequest, Vec<FieldError>> {
    IncidentRequest::decode(value.to_string().as_bytes()).map_err(|invalid| invalid.errors)
}

fn with(key: &str, value: Value) -> Value {
    let mut document = incident();
    document[key] = value;
    document
}

#[test]
fn a_minimal_incident_gets_the_documented_defaults() {
    let read = decode(&incident()).unwrap();
    assert_eq!(read.severity, Severity::Critical);
    assert!(!read.is_duplicate && !read.interactive);
    assert_eq!(read.occurrence_count, 0);
    assert_eq!(read.signal_mode, None);
    assert_eq!(read.enrichment_results, None);
}

#[test]
fn null_unknown_and_missing_optional_keys_are_tolerated() {
    let mut document = incident();
    document.as_object_mut().unwrap().remove("resource_api_version");
    for key in [
        "description",
        "is_duplicate",
        "occurrence_count",
        "deduplication_window_minutes",
        "firing_time",
        "received_time",
        "first_seen",
        "last_seen",
        "signal_labels",
        "signal_annotations",
        "enrichment_results",
        "signal_mode",
        "interactive",
    ] {
        document[key] = Value::Null;
    }
    document["never_heard_of"] = json!({"deep": [1]});
    let read = decode(&document).unwrap();
    assert_eq!(read.resource_api_version, "");
    assert_eq!(read, decode(&with("resource_api_version", json!(""))).unwrap());
}

#[test]
fn every_optional_key_is_read() {
    let mut document = incident();
    for (key, value) in [
        ("description", json!("long")),
        ("is_duplicate", json!(true)),
        ("occurrence_count", json!(3)),
        ("deduplication_window_minutes", json!(60)),
        ("firing_time", json!("2026-01-01T00:00:00Z")),
        ("received_time", json!("r")),
        ("first_seen", json!("f")),
        ("last_seen", json!("l")),
        ("signal_labels", json!({"app.kubernetes.io/name": "web"})),
        ("signal_annotations", json!({"summary": "down"})),
        (
            "enrichment_results",
            json!({
                "kubernetesContext": {"pods": 3}, "customLabels": {"team": ["a", "b"]},
                "businessClassification": {"businessUnit": "b", "serviceOwner": "o", "criticality": "c", "slaRequirement": "s"}
            }),
        ),
        ("signal_mode", json!("proactive")),
        ("interactive", json!(true)),
    ] {
        document[key] = value;
    }
    let read = decode(&document).unwrap();
    assert_eq!(read.signal_mode, Some(SignalMode::Proactive));
    // What was read is written back as it came, and the derived reader agrees with the validating one.
    assert_eq!(serde_json::to_value(&read).unwrap(), document);
    assert_eq!(serde_json::from_value::<IncidentRequest>(document).unwrap(), read);
}

#[test]
fn each_bad_field_is_named_with_the_fix() {
    let cases = [
        (
            "severity",
            json!("medium"),
            "\"medium\" is not allowed",
            "one of critical, high, warning, info, unknown",
        ),
        ("severity", json!(1), "it is the number 1", "a string"),
        ("signal_mode", json!("x"), "\"x\" is not allowed", "one of reactive, proactive"),
        ("remediation_id", json!(""), "it is empty", "at least 1 character"),
        ("incident_id", Value::Null, "it is null", "a string"),
        ("is_duplicate", json!("yes"), "it is the string \"yes\"", "true, false or null"),
        (
            "occurrence_count",
            json!(1.5),
            "it is the number 1.5",
            "a whole number of at most 64 bits, or null",
        ),
        ("signal_labels", json!([]), "it is a list", "an object or null"),
        (
            "cluster_name",
            json!("x".repeat(1025)),
            "it has 1025 characters",
            "at most 1024 characters",
        ),
    ];
    for (key, value, problem, expected) in cases {
        let errors = decode(&with(key, value)).unwrap_err();
        assert_eq!(errors.len(), 1, "{key}: {errors:?}");
        assert_eq!(errors[0].field, key);
        assert_eq!(errors[0].problem, problem);
        assert_eq!(errors[0].expected, expected);
    }
}

#[test]
fn nested_fields_are_named_by_their_path() {
    let cases = [
        (
            "signal_labels",
            json!({"app.kubernetes.io/name": 1}),
            "signal_labels[\"app.kubernetes.io/name\"]",
        ),
        ("signal_annotations", json!({"a": null}), "signal_annotations.a"),
        (
            "enrichment_results",
            json!({"customLabels": {"team": ["a", 2]}}),
            "enrichment_results.customLabels.team[1]",
        ),
        (
            "enrichment_results",
            json!({"kubernetesContext": 7}),
            "enrichment_results.kubernetesContext",
        ),
        (
            "enrichment_results",
            json!({"businessClassification": {"criticality": []}}),
            "enrichment_results.businessClassification.criticality",
        ),
    ];
    for (key, value, path) in cases {
        assert_eq!(decode(&with(key, value)).unwrap_err()[0].field, path);
    }
}

#[test]
fn all_errors_are_collected() {
    let mut document = incident();
    for key in ["signal_name", "cluster_name"] {
        document.as_object_mut().unwrap().remove(key);
    }
    document["severity"] = json!("bad");
    document["interactive"] = json!(3);
    let fields: Vec<_> = decode(&document).unwrap_err().into_iter().map(|e| e.field).collect();
    assert_eq!(fields, ["signal_name", "severity", "cluster_name", "interactive"]);
    assert_eq!(decode(&json!({})).unwrap_err().len(), 14);
}

#[test]
fn an_empty_incident_id_breaks_a_rule_and_not_the_schema() {
    let body = with("incident_id", json!("")).to_string();
    let invalid = IncidentRequest::decode(body.as_bytes()).unwrap_err();
    assert_eq!(invalid.rejection, Rejection::Rule);
    assert_eq!(invalid.to_string(), "incident_id: it is empty; expected a name for the incident");
}

#[test]
fn what_is_not_one_json_object_is_refused_with_its_place() {
    let whole = incident().to_string();
    for (body, words) in [
        (String::new(), "it is empty"),
        (" \n".to_owned(), "it is empty"),
        ("[]".to_owned(), "it is a list"),
        ("null".to_owned(), "it is null"),
        ("{\n \"a\" 1}".to_owned(), "line 2 column 6"),
        (format!("{whole} x"), "trailing characters at line 1"),
        (whole[..whole.len() - 1].to_owned(), "EOF"),
        ("{\"a\":1e999}".to_owned(), "number out of range"),
        ("[".repeat(200), "recursion limit"),
    ] {
        let invalid = IncidentRequest::decode(body.as_bytes()).unwrap_err();
        assert_eq!(invalid.rejection, Rejection::Schema);
        assert_eq!(invalid.errors[0].field, "body");
        assert!(invalid.errors[0].problem.contains(words), "{}", invalid.errors[0]);
    }
    assert!(IncidentRequest::decode(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn too_many_entries_are_refused() {
    let many: serde_json::Map<_, _> = (0..1001).map(|n| (n.to_string(), json!("v"))).collect();
    let errors = decode(&with("signal_labels", Value::Object(many))).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "signal_labels: it has 1001 entries; expected at most 1000 entries"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_with_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        if let Err(invalid) = IncidentRequest::decode(&bytes) {
            prop_assert!(!invalid.errors.is_empty());
        }
    }

    #[test]
    fn a_spoilt_field_is_accepted_or_named(key in prop::sample::select(vec![
        "incident_id", "severity", "resource_api_version", "is_duplicate", "occurrence_count",
        "signal_labels", "enrichment_results", "signal_mode", "description",
    ]), value in any_json()) {
        let document = with(key, value);
        match decode(&document) {
            // The strict reader never accepts what the derived one refuses.
            Ok(read) => prop_assert_eq!(serde_json::from_value::<IncidentRequest>(document).unwrap(), read),
            Err(errors) => for error in errors {
                prop_assert!(error.field.starts_with(key), "{} is not about {}", error, key);
            }
        }
    }
}
