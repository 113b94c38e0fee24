//! The command line as a person uses it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::subject;

/// Runs `leadsman` with an empty environment.
fn leadsman(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leadsman"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn incident_file(directory: &Path, change: impl Fn(&mut Value)) -> String {
    let mut incident = subject().incident;
    change(&mut incident);
    let file = directory.join("incident.json");
    std::fs::write(&file, incident.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn every_demo_ends_with_its_cause() {
    let listed = leadsman(&["demo", "--list"]);
    let listed = text(&listed.stdout);
    let names: Vec<&str> =
        listed.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(names.len() >= 5, "{listed}");
    for name in names {
        let card = std::fs::read_to_string(format!("demos/{name}/expected.yaml")).unwrap();
        let cause = card.lines().find_map(|line| line.strip_prefix("cause: ")).unwrap();
        let output = leadsman(&["demo", name, "--once"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains(&format!("CONFIRMED  {cause} ")), "{name}");
    }
}

#[test]
fn investigate_tells_its_verdict_by_exit_code() {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let snapshot = subject().snapshot;
    let run = |file: &str| {
        leadsman(&["investigate", "--snapshot", snapshot.to_str().unwrap(), "--incident", file])
    };
    let known = run(&incident_file(directory.path(), |_| {}));
    assert_eq!(known.status.code(), Some(0), "{}", text(&known.stderr));

    let unknown = run(&incident_file(directory.path(), |incident| {
        for field in ["resource_name", "signal_name", "error_message"] {
            incident[field] = "nowhere-to-be-found".into();
        }
        incident["resource_kind"] = "Node".into();
        incident["resource_namespace"] = "".into();
        for field in ["signal_labels", "signal_annotations", "description"] {
            incident[field] = Value::Null;
        }
    }));
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stdout));
    assert!(text(&unknown.stdout).contains("INCONCLUSIVE"));

    let wrong = run(&incident_file(directory.path(), |incident| {
        incident["severity"] = "bad".into();
    }));
    assert_eq!(wrong.status.code(), Some(1));
    let complaint = text(&wrong.stderr);
    assert_eq!(complaint.lines().count(), 1);
    assert!(complaint.contains("severity: \"bad\" is not allowed; expected one of critical"));
}

#[test]
fn mistakes_on_the_command_line_end_in_one_line_and_exit_code_1() {
    for (arguments, says) in [
        (&["demo", "nope"][..], "there is no demo \"nope\"; choose one of basket-rollout"),
        (&["snapshot", "serve", "/nowhere/at/all"], "cannot read /nowhere/at/all"),
        (&["check-config", "--config", "/nowhere.yaml"], "configuration file /nowhere.yaml"),
        (&["investigate"], "--incident"),
    ] {
        let output = leadsman(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}
