//! The reader of model output: arbitrary text, and submissions with damage, encoded over and over.

use leadsman::engine::tools::{arguments, submit};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{change, changed, pieces};

fn valid_submission() -> Value {
    json!({
        "root_cause_analysis": {
            "summary": "The Deployment starts with a flag that the program does not know.",
            "cause": "container.app_error", "severity": "high",
            "remediation_target": {"kind": "Deployment", "name": "cart", "namespace": "shop"},
            "causal_chain": ["The flag was added", "The container exits"],
            "contributing_factors": ["No review"]
        },
        "evidence": [{"id": "E3", "quote": "unknown flag: --fast"}],
        "alternatives": [{"hypothesis": "The node", "ruled_out_by": "It is ready"}],
        "next_steps": ["Roll back"], "confidence": 0.9, "investigation_outcome": "actionable"
    })
}

/// Whatever a model sends is read or refused with words.
fn check_output(raw: &str) -> Result<(), TestCaseError> {
    let found = arguments::find_object(raw);
    let objects = match arguments::parse(raw) {
        Ok(object) => [Some(object), found],
        Err(problem) => {
            prop_assert!(!problem.to_string().is_empty());
            [None, found]
        }
    };
    for object in objects.into_iter().flatten() {
        match submit::read(object) {
            Ok(proposal) => {
                prop_assert!((0.0..=1.0).contains(&proposal.confidence));
                prop_assert!(!proposal.summary.is_empty());
                let target_is_named = proposal.target.is_none_or(|target| !target.name.is_empty());
                prop_assert!(target_is_named);
            }
            Err(problem) => prop_assert!(!problem.to_string().is_empty()),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_model_output_is_read_or_refused(raw in pieces()) {
        check_output(&raw)?;
    }

    #[test]
    fn damaged_submissions_are_read_or_refused(
        changes in prop::collection::vec(change(), 1..6),
        encodings in 0_usize..4,
    ) {
        let mut raw = valid_submission().to_string();
        for _ in 0..encodings {
            raw = Value::from(raw).to_string();
        }
        check_output(&String::from_utf8_lossy(&changed(raw.into_bytes(), &changes)))?;
    }
}
