//! Rules never panic, whatever an API server sends: real clusters with parts broken at random.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use leadsman_ports::cluster::ObjectRef;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fake_cluster::FakeCluster;
use super::triage;
use crate::engine::evidence::Ledger;
use crate::engine::incident::Incident;

/// Every so many scenarios one is taken.
const STEP: usize = 5;

struct Case {
    objects: Vec<Value>,
    logs: Vec<(String, String)>,
    incident: Incident,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("incident.json").exists())
        .collect();
    cases.sort();
    cases.iter().step_by(STEP).map(|path| load(path)).collect()
});

fn load(case: &Path) -> Case {
    let incident = std::fs::read_to_string(case.join("incident.json")).unwrap();
    let incident: Value = serde_json::from_str(&incident).unwrap();
    let text = |field: &str| incident[field].as_str().unwrap_or_default().to_owned();
    let mut found = Case {
        objects: Vec::new(),
        logs: Vec::new(),
        incident: Incident {
            resource: ObjectRef {
                api_version: String::new(),
                kind: text("resource_kind"),
                namespace: text("resource_namespace"),
                name: text("resource_name"),
            },
            error_message: text("error_message"),
            ..Incident::default()
        },
    };
    read(&case.join("snapshot"), &mut found);
    found
}

fn read(directory: &Path, found: &mut Case) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, found);
            continue;
        }
        let content = std::fs::read_to_string(&path).unwrap();
        let parts: Vec<&str> = path.iter().rev().take(3).filter_map(|part| part.to_str()).collect();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => absorb(serde_json::from_str(&content).unwrap(), found),
            Some("yaml" | "yml") => {
                let documents: Vec<Value> = serde_saphyr::from_multiple(&content).unwrap();
                documents.into_iter().for_each(|document| absorb(document, found));
            }
            Some("log") => {
                let container = parts[0].trim_end_matches(".log");
                let key = match container.strip_suffix(".previous") {
                    Some(container) => format!("{}/{}/{container}/previous", parts[2], parts[1]),
                    None => format!("{}/{}/{container}", parts[2], parts[1]),
                };
                found.logs.push((key, content));
            }
            _ => {}
        }
    }
}

fn absorb(document: Value, found: &mut Case) {
    match document.get("items").and_then(Value::as_array) {
        Some(items) => found.objects.extend(items.iter().cloned()),
        None if document.get("kind").is_some() => found.objects.push(document),
        None => {}
    }
}

/// Breaks the value that a walk through the object ends at.
fn break_at(value: &mut Value, walk: &[u16], with: &Value) {
    let Some((step, rest)) = walk.split_first() else {
        *value = with.clone();
        return;
    };
    let at = usize::from(*step);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = at % fields.len();
            if let Some(field) = fields.values_mut().nth(at) {
                break_at(field, rest, with);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = at % items.len();
            break_at(&mut items[at], rest, with);
        }
        _ => *value = with.clone(),
    }
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 1, {"name": null}])),
        Just(json!(true)),
        any::<i64>().prop_map(|number| json!(number)),
        Just(json!(1e300)),
        Just(json!("")),
        "\\PC{0,24}".prop_map(|text| json!(text)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn broken_objects_and_logs_never_break_the_rules(
        case in any::<prop::sample::Index>(),
        breaks in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::collection::vec(any::<u16>(), 1..8), odd_value()),
            1..60,
        ),
        noise in "\\PC{0,60}",
    ) {
        let case = case.get(&CASES);
        let mut objects = case.objects.clone();
        for (object, walk, with) in &breaks {
            let at = object.index(objects.len());
            break_at(&mut objects[at], walk, with);
        }
        let mut cluster = FakeCluster::new(objects);
        cluster.page = 500;
        for (key, log) in &case.logs {
            cluster = cluster.log(key, &format!("{log}\nerror: {noise}\n"));
        }
        let mut ledger = Ledger::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let report = runtime.block_on(triage(&cluster, &case.incident, &mut ledger)).unwrap();
        for finding in &report.findings {
            prop_assert!((0.0..=1.0).contains(&finding.confidence), "{finding:?}");
            for citation in &finding.citations {
                prop_assert_eq!(ledger.check(citation), Ok(()));
            }
        }
    }
}
