//! Every scenario and every demo, by rules alone: the right cause on the right target.

use std::path::{Path, PathBuf};
use std::process::Command;

use leadsman_contract::IncidentResponse;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Expected {
    cause: String,
    target: Target,
    #[serde(default)]
    not_causes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: String,
    name: String,
    #[serde(default)]
    namespace: String,
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases: Vec<PathBuf> = ["demos", "tests/scenarios"]
        .iter()
        .flat_map(|directory| std::fs::read_dir(root.join(directory)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.yaml").is_file())
        .collect();
    cases.sort();
    cases
}

fn investigate(case: &Path) -> IncidentResponse {
    let output = Command::new(env!("CARGO_BIN_EXE_leadsman"))
        .args(["investigate", "--output", "json", "--snapshot"])
        .arg(case.join("snapshot"))
        .arg("--incident")
        .arg(case.join("incident.json"))
        .env_clear()
        .output()
        .unwrap();
    assert!(
        output.status.code().is_some_and(|code| code == 0 || code == 2),
        "{}: {}",
        case.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_rules_name_the_cause_and_the_target_of_every_scenario() {
    let cases = cases();
    assert!(cases.len() > 25, "the scenarios are missing");
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let card = std::fs::read_to_string(case.join("expected.yaml")).unwrap();
        let expected: Expected = serde_saphyr::from_str(&card).unwrap();
        let result = investigate(case);
        assert!(result.degraded && !result.evidence.is_empty(), "{name}: no evidence");
        let cause = &result.root_cause_analysis.cause;
        let target = result.remediation_target.unwrap_or_default();
        let found = (target.kind.as_str(), target.name.as_str(), target.namespace.as_str());
        let wanted = (
            expected.target.kind.as_str(),
            expected.target.name.as_str(),
            expected.target.namespace.as_str(),
        );
        if *cause != expected.cause || found != wanted || expected.not_causes.contains(cause) {
            wrong.push(format!(
                "{name}: {cause} on {found:?}, expected {} on {wanted:?}",
                expected.cause
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
