//! The submit tool: its schema, and the lenient reader of what models send to it.

use leadsman_ports::chat::ToolDefinition;
use leadsman_ports::cluster::ObjectRef;
use serde_json::{Map, Value, json};

use crate::engine::evidence::{Citation, EvidenceId};
use crate::engine::hypotheses::{Hypothesis, HypothesisStatus};
use crate::engine::incident::Severity;
use crate::engine::verdict::{Alternative, Author, Outcome, Proposal};
use crate::triage::causes;

/// The tool that ends the root-cause phase.
pub const SUBMIT: &str = "submit_result";

/// The tool that keeps the hypotheses.
pub const HYPOTHESES: &str = "update_hypotheses";

/// Why a submission cannot be used. The text goes back to the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// No object at all.
    #[error("{0}")]
    Unreadable(String),
    /// No root cause in it.
    #[error("root_cause_analysis.summary is missing; say the root cause in one or two sentences")]
    NoSummary,
}

/// What is offered to the model.
pub fn definition(causes: &[&str]) -> ToolDefinition {
    let text = |description: &str| json!({"type": "string", "description": description});
    let texts = |description: &str| json!({"type": "array", "items": {"type": "string"}, "description": description});
    let citation = citation_schema();
    ToolDefinition {
        name: SUBMIT.to_owned(),
        description: "Ends the investigation with its result. Every claim needs evidence: cite evidence ids with \
                      verbatim quotes. Call it alone, once you know the root cause or know that the data does not \
                      decide."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "required": ["root_cause_analysis", "confidence", "evidence"],
            "properties": {
                "root_cause_analysis": {
                    "type": "object",
                    "required": ["summary", "remediation_target", "causal_chain"],
                    "properties": {
                        "summary": text("The root cause in one or two sentences"),
                        "cause": {"type": "string", "enum": causes, "description": "The code that fits; leave out if none does"},
                        "severity": {"type": "string", "enum": ["critical", "high", "warning", "info", "unknown"]},
                        "contributing_factors": texts("Circumstances that made it possible or worse"),
                        "remediation_target": {
                            "type": "object",
                            "description": "The object to fix: the top controller for faults of a workload's spec",
                            "required": ["kind", "name", "namespace"],
                            "properties": {
                                "kind": {"type": "string"}, "name": {"type": "string"},
                                "namespace": {"type": "string"}, "api_version": {"type": "string"}
                            }
                        },
                        "causal_chain": {
                            "type": "array", "items": {"type": "string"}, "minItems": 2,
                            "description": "Cause first, symptom last"
                        },
                        "investigation_analysis": text("What was looked at and what it showed, below 300 words")
                    }
                },
                "evidence": {
                    "type": "array",
                    "description": "Quotes that carry the root cause",
                    "items": citation
                },
                "alternatives": {
                    "type": "array",
                    "description": "Other explanations that were tested and ruled out by evidence",
                    "items": {
                        "type": "object",
                        "required": ["hypothesis", "ruled_out_by", "evidence"],
                        "properties": {
                            "hypothesis": {"type": "string"},
                            "ruled_out_by": {"type": "string"},
                            "evidence": citation
                        }
                    }
                },
                "next_steps": texts("What an engineer should do, most useful first"),
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                "investigation_outcome": {
                    "type": "string",
                    "enum": ["actionable", "not_actionable", "problem_resolved", "insufficient_data", "inconclusive"]
                }
            }
        }),
    }
}

/// What is offered to the model for its hypotheses.
pub fn hypotheses_definition() -> ToolDefinition {
    ToolDefinition {
        name: HYPOTHESES.to_owned(),
        description:
            "Replaces the list of explanations under consideration. Statuses other than open need \
                      evidence. Use it when the picture changes."
                .to_owned(),
        parameters: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["hypotheses"],
            "properties": {"hypotheses": {"type": "array", "items": {
                "type": "object",
                "required": ["statement", "test", "status"],
                "properties": {
                    "statement": {"type": "string"},
                    "test": {"type": "string", "description": "What would decide it"},
                    "status": {"type": "string", "enum": ["open", "supported", "refuted"]},
                    "evidence": {"type": "array", "items": citation_schema()}
                }
            }}}
        }),
    }
}

fn citation_schema() -> Value {
    json!({
        "type": "object",
        "required": ["id", "quote"],
        "properties": {
            "id": {"type": "string", "description": "Evidence id, e.g. E3"},
            "quote": {"type": "string", "description": "Exact words from that evidence"}
        }
    })
}

/// Reads a submission. Accepted beside the schema: flat objects, camelCase, numbers and booleans as strings,
/// nested objects encoded as strings, single values instead of lists; whatever is missing stays empty.
pub fn read(mut object: Map<String, Value>) -> Result<Proposal, SubmitError> {
    let nested = take(&mut object, &["root_cause_analysis", "rca", "root_cause", "result"]);
    let mut rca = match nested.map(decoded) {
        Some(Value::Object(inner)) => inner,
        Some(Value::String(summary)) => {
            Map::from_iter([("summary".to_owned(), Value::String(summary))])
        }
        _ => Map::new(),
    };
    let mut field = |names: &[&str]| take(&mut rca, names).or_else(|| take(&mut object, names));
    let summary = text(field(&["summary", "rca_summary"]));
    if summary.is_empty() {
        return Err(SubmitError::NoSummary);
    }
    let outcome = outcome(
        &text(field(&["investigation_outcome", "outcome"])),
        field(&["actionable", "is_actionable"]).as_ref().and_then(boolean),
    );
    Ok(Proposal {
        author: Author::Model,
        summary,
        cause: causes::parse(&text(field(&["cause", "cause_code"]))),
        severity: severity(&text(field(&["severity"]))),
        target: field(&["remediation_target", "target"]).and_then(target),
        causal_chain: texts(field(&["causal_chain"])),
        contributing_factors: texts(field(&["contributing_factors"])),
        confidence: field(&["confidence"]).as_ref().and_then(number).unwrap_or(0.0).clamp(0.0, 1.0),
        outcome,
        citations: objects(field(&["evidence", "citations"]))
            .into_iter()
            .filter_map(citation)
            .collect(),
        alternatives: objects(field(&["alternatives", "alternative_hypotheses"]))
            .into_iter()
            .filter_map(alternative)
            .collect(),
        next_steps: texts(field(&["next_steps", "recommendations"])),
        analysis: text(field(&["investigation_analysis", "analysis"])),
        due_diligence: field(&["due_diligence"]).map(decoded).filter(Value::is_object),
    })
}

/// Takes the first of the names that is there, in snake or camel case.
fn take(object: &mut Map<String, Value>, names: &[&str]) -> Option<Value> {
    names
        .iter()
        .find_map(|name| object.remove(*name).or_else(|| object.remove(&camel(name))))
        .filter(|value| !value.is_null())
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut out, word| {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
        out
    })
}

/// A value that was encoded once more as a string.
fn decoded(value: Value) -> Value {
    match &value {
        Value::String(inner) if inner.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(inner).unwrap_or(value)
        }
        _ => value,
    }
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn texts(value: Option<Value>) -> Vec<String> {
    match value.map(decoded) {
        Some(Value::Array(items)) => {
            items.into_iter().map(|item| text(Some(item))).filter(|item| !item.is_empty()).collect()
        }
        Some(single @ Value::String(_)) => vec![text(Some(single))],
        _ => Vec::new(),
    }
}

fn objects(value: Option<Value>) -> Vec<Map<String, Value>> {
    let items = match value.map(decoded) {
        Some(Value::Array(items)) => items,
        Some(single @ Value::Object(_)) => vec![single],
        _ => Vec::new(),
    };
    items
        .into_iter()
        .filter_map(|item| match decoded(item) {
            Value::Object(object) => Some(object),
            _ => None,
        })
        .collect()
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
            None => text.trim().parse().ok()?,
        },
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

fn severity(name: &str) -> Option<Severity> {
    serde_json::from_value(Value::String(name.to_ascii_lowercase())).ok()
}

fn outcome(name: &str, actionable: Option<bool>) -> Option<Outcome> {
    match name.to_ascii_lowercase().as_str() {
        "resolved" => Some(Outcome::ProblemResolved),
        "predictive_no_action" => Some(Outcome::NotActionable),
        named => {
            serde_json::from_value(Value::String(named.to_owned())).ok().or(match actionable {
                Some(true) => Some(Outcome::Actionable),
                Some(false) => Some(Outcome::NotActionable),
                None => None,
            })
        }
    }
}

fn target(value: Value) -> Option<ObjectRef> {
    let Value::Object(mut object) = decoded(value) else { return None };
    let mut field = |names: &[&str]| text(take(&mut object, names));
    let target = ObjectRef {
        api_version: field(&["api_version"]),
        kind: field(&["kind"]),
        namespace: field(&["namespace"]),
        name: field(&["name"]),
    };
    (!target.kind.is_empty() && !target.name.is_empty()).then_some(target)
}

fn citation(mut object: Map<String, Value>) -> Option<Citation> {
    let id = text(take(&mut object, &["id", "evidence_id", "evidence"]));
    let quote = text(take(&mut object, &["quote", "text"]));
    (!id.is_empty()).then_some(Citation { evidence: EvidenceId(id), quote })
}

fn alternative(mut object: Map<String, Value>) -> Option<Alternative> {
    let hypothesis = text(take(&mut object, &["hypothesis", "cause", "summary"]));
    let ruled_out_by = text(take(&mut object, &["ruled_out_by", "reason"]));
    let evidence =
        objects(take(&mut object, &["evidence", "citation"])).into_iter().find_map(citation);
    let supported = !ruled_out_by.is_empty() || evidence.is_some();
    (supported && !hypothesis.is_empty()).then_some(Alternative {
        hypothesis,
        ruled_out_by,
        evidence,
    })
}

/// Reads the arguments of the hypotheses tool as leniently as a submission.
pub fn read_hypotheses(mut object: Map<String, Value>) -> Vec<Hypothesis> {
    objects(take(&mut object, &["hypotheses", "items"]))
        .into_iter()
        .filter_map(hypothesis)
        .collect()
}

fn hypothesis(mut object: Map<String, Value>) -> Option<Hypothesis> {
    let statement = text(take(&mut object, &["statement", "hypothesis"]));
    let status = text(take(&mut object, &["status"])).to_ascii_lowercase();
    (!statement.is_empty()).then(|| Hypothesis {
        statement,
        test: text(take(&mut object, &["test"])),
        status: match status.as_str() {
            "supported" | "confirmed" => HypothesisStatus::Supported,
            "refuted" | "ruled_out" | "rejected" => HypothesisStatus::Refuted,
            _ => HypothesisStatus::Open,
        },
        evidence: objects(take(&mut object, &["evidence"]))
            .into_iter()
            .filter_map(citation)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn proposal(value: Value) -> Proposal {
        let Value::Object(object) = value else { panic!("not an object") };
        read(object).unwrap()
    }

    #[test]
    fn nested_flat_and_camel_case_submissions_read_alike() {
        let target = json!({"kind": "Deployment", "name": "cart", "namespace": "shop"});
        let nested = proposal(json!({
            "root_cause_analysis": {"summary": "s", "remediation_target": target, "causal_chain": ["a", "b"]},
            "confidence": 0.9, "evidence": [{"id": "E1", "quote": "exit code 1"}]
        }));
        let flat = proposal(json!({
            "rca_summary": "s", "remediationTarget": target.to_string(), "causalChain": ["a", "b"],
            "confidence": "90%", "evidence": {"evidenceId": "E1", "quote": "exit code 1"}
        }));
        let twice = proposal(json!({
            "rootCauseAnalysis": json!({"summary": "s", "target": target, "causal_chain": "[\"a\",\"b\"]"}).to_string(),
            "confidence": "0.9", "evidence": json!([{"id": "E1", "quote": "exit code 1"}]).to_string()
        }));
        assert_eq!(
            nested.target.as_ref().map(ToString::to_string).as_deref(),
            Some("Deployment shop/cart")
        );
        assert_eq!(nested, flat);
        assert_eq!(nested, twice);
    }

    #[test]
    fn confidence_alone_is_no_result() {
        let Value::Object(object) = json!({"confidence": 0.9}) else { panic!() };
        assert_eq!(read(object), Err(SubmitError::NoSummary));
    }

    #[test]
    fn outcomes_have_one_meaning_under_all_their_names() {
        for (sent, means) in [
            (json!({"outcome": "resolved"}), Outcome::ProblemResolved),
            (json!({"investigation_outcome": "problem_resolved"}), Outcome::ProblemResolved),
            (json!({"actionable": "false"}), Outcome::NotActionable),
            (json!({"actionable": true}), Outcome::Actionable),
        ] {
            let Value::Object(mut object) = sent else { panic!() };
            object.insert("summary".into(), json!("s"));
            assert_eq!(read(object).unwrap().outcome, Some(means));
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[ -~]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let key = prop_oneof![
                Just("summary".to_owned()),
                Just("root_cause_analysis".to_owned()),
                Just("evidence".to_owned()),
                Just("target".to_owned()),
                Just("confidence".to_owned()),
                "[a-z]{1,6}",
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused(value in any_json()) {
            if let Value::Object(object) = value && let Ok(read) = read(object) {
                prop_assert!((0.0..=1.0).contains(&read.confidence));
                prop_assert!(!read.summary.is_empty());
            }
        }
    }
}
