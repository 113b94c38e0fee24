//! Attacks on the model through cluster data and alert text: they arrive as framed, harmless text and change
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use leadsman::engine::events::Event;
use leadsman::triage::Finding;
use leadsman_testkit::{ChatRequestView, FakeModel, Reply};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::{self, Harness, is_hidden, quote_of, submission_quoting};
use crate::planted::{POD, Workload, every_call};

const OBJECTS: &[(&str, &str)] = &[
    ("Deployment", "cash"),
    ("ReplicaSet", "cash-7d9f8c6b54"),
    ("Pod", POD),
    ("ConfigMap", "cash-config"),
    ("Event", "cash.0"),
];

/// Tool calls of one turn.
const CALLS: usize = 16;

/// What no framed text may hold, in lower case and with wide signs made narrow.
const TOKENS: &[&str] = &[
    "</untrusted",
    "<untrusted",
    "< / untrusted",
    "<|im_",
    "< |im_",
    "<|endoftext",
    "<|eot_id",
    "<|start_header",
    "<|end_header",
    "<|assistant|",
    "<|end▁of",
    "[inst]",
    "[/inst]",
    "<<sys>>",
    "<</sys>>",
    "<s>",
    "</s>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "<function_results>",
    "<invoke ",
    "[tool_results]",
    "[/tool_results]",
    "<think>",
    "</think>",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    name: String,
    r#where: Place,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Log,
    PreviousLog,
    Annotation,
    Config,
    Event,
    Env,
    Termination,
    Label,
    Name,
    AlertError,
    AlertDescription,
    AlertAnnotation,
    AlertLabel,
    AlertSignal,
}

fn attacks() -> Vec<Attack> {
    let attacks: Vec<Attack> =
        serde_saphyr::from_str(include_str!("corpus/injections.yaml")).unwrap();
    let names: BTreeSet<&str> = attacks.iter().map(|attack| attack.name.as_str()).collect();
    assert!(names.len() == attacks.len() && attacks.len() >= 60, "{} attacks", attacks.len());
    attacks
}

/// One attack in a namespace of its own.
struct Case {
    attack: Attack,
    workload: Workload,
    incident: Value,
    /// Ends the attack, so that it can be found wherever it surfaces.
    mark: String,
}

fn case(number: usize, attack: Attack) -> Case {
    let mut workload = Workload::new(&format!("attack-{number}"));
    let mut incident = workload.incident();
    let mark = format!("zq{number:03}qz");
    let text = format!("{} {mark}", attack.text);
    match attack.r#where {
        Place::Log => workload.log.push(text),
        Place::PreviousLog => workload.previous_log.push(text),
        Place::Annotation => drop(workload.annotations.insert("example.com/note".into(), text)),
        Place::Config => drop(workload.config.insert("notes.txt".into(), text)),
        Place::Event => workload.events.push(text),
        Place::Env => workload.env.push(("NOTE".into(), text)),
        Place::Termination => workload.termination = text,
        Place::Label => {
            drop(workload.labels.insert("note".into(), format!("{}.{mark}", attack.text)))
        }
        Place::Name => workload.objects.push(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": workload.meta(&format!("{}-{mark}", attack.text))})),
        Place::AlertError => incident["error_message"] = json!(text),
        Place::AlertDescription => incident["description"] = json!(text),
        Place::AlertAnnotation => incident["signal_annotations"] = json!({"summary": text}),
        Place::AlertLabel => incident["signal_labels"] = json!({"note": text}),
        Place::AlertSignal => incident["signal_name"] = json!(text),
    }
    Case { attack, workload, incident, mark }
}

/// Every attack, and a namespace without one, as a service over one snapshot.
async fn service(model: Option<&FakeModel>) -> (Harness, Vec<Case>, Value) {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let snapshot = directory.path().join("snapshot");
    std::fs::create_dir(&snapshot).unwrap();
    let cases: Vec<Case> =
        attacks().into_iter().enumerate().map(|(number, attack)| case(number, attack)).collect();
    cases.iter().for_each(|case| case.workload.write(&snapshot));
    let calm = Workload::new("calm");
    calm.write(&snapshot);
    let mut config = harness::config(directory.path(), model);
    config.cluster.snapshot = Some(snapshot);
    (Harness::start(config, directory).await, cases, calm.incident())
}

/// Looks at everything in the incident's namespace, then submits.
fn investigator() -> FakeModel {
    FakeModel::start(|request| {
        let namespace = namespace_of(request);
        let mut calls = every_call(request, namespace, OBJECTS);
        calls.retain(|(_, arguments)| arguments["namespace"] == json!(namespace));
        let done = request.turn() * CALLS;
        if done < calls.len() {
            return Reply::calls(calls.into_iter().skip(done).take(CALLS));
        }
        let results = request.tool_results();
        let (_, first) = results.iter().find(|(_, text)| text.starts_with("Evidence ")).unwrap();
        Reply::call("submit_result", &submission_quoting(quote_of(first)))
    })
}

fn namespace_of(request: &ChatRequestView) -> &str {
    let resource = request.first("user").lines().find_map(|line| line.strip_prefix("- Resource: "));
    resource
        .and_then(|resource| resource.split('/').next())
        .unwrap_or_else(|| panic!("{}", request.first("user")))
}

/// What stands outside of the frames, and what inside of each.
fn taken_apart(text: &str) -> (String, Vec<String>) {
    let (mut outside, mut frames) = (String::new(), Vec::new());
    let mut frame: Option<String> = None;
    for line in text.split('\n') {
        let opens = line.starts_with("<untrusted source=\"") && line.ends_with("\">");
        match (&mut frame, line) {
            (Some(_), "</untrusted>") => frames.extend(frame.take()),
            (Some(inside), _) => {
                inside.push_str(line);
                inside.push('\n');
            }
            (None, _) if opens => frame = Some(String::new()),
            (None, _) => {
                outside.push_str(line);
                outside.push('\n');
            }
        }
    }
    assert!(frame.is_none(), "a frame is not closed: {text}");
    (outside, frames)
}

/// Wide and small forms of the signs that tags are made of, made narrow.
fn narrow(text: &str) -> String {
    let folded = text.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap(),
        '‹' => '<',
        '›' => '>',
        'ѕ' => 's',
        'е' => 'e',
        c => c,
    });
    folded.collect::<String>().to_lowercase()
}

/// Checks everything but the model's own words in a request.
fn check_request(request: &ChatRequestView, marks: &[String]) {
    for message in request.messages().iter().filter(|message| message["role"] != "assistant") {
        let text = message["content"].as_str().unwrap();
        let found = text.chars().find(|c| is_hidden(*c));
        assert!(found.is_none(), "{found:?} in {text:?}");
        if message["role"] == "system" {
            continue;
        }
        let (outside, frames) = taken_apart(text);
        let escaped = marks.iter().find(|mark| outside.contains(*mark));
        assert!(escaped.is_none(), "{escaped:?} stands outside of a frame:\n{outside}");
        for inside in frames {
            let inside = narrow(&inside);
            let token = TOKENS.iter().find(|token| inside.contains(**token));
            assert!(token.is_none(), "{token:?} in {inside}");
        }
    }
}

/// Cause, target and confidence of every finding, with the namespace taken out.
fn judged(findings: &[Finding]) -> Vec<(String, String, String, String)> {
    let judge = |finding: &Finding| {
        let target = &finding.target;
        (
            finding.cause.to_string(),
            target.kind.clone(),
            target.name.clone(),
            finding.confidence.to_string(),
        )
    };
    findings.iter().map(judge).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn attacks_reach_the_model_as_framed_text_and_start_nothing() {
    let model = investigator();
    let (service, cases, calm) = service(Some(&model)).await;
    let marks: Vec<String> = cases.iter().map(|case| case.mark.clone()).collect();
    let ids =
        futures::future::join_all(cases.iter().map(|case| service.submit(&case.incident))).await;
    let calm = service.submit(&calm).await;
    for id in ids.iter().chain([&calm]) {
        service.ended(*id).await;
    }
    let findings = |journal: &[leadsman::engine::events::Entry]| {
        let report = journal.iter().find_map(|entry| match &entry.event {
            Event::TriageCompleted { report } => Some(judged(&report.findings)),
            _ => None,
        });
        report.expect("a triage report")
    };
    let baseline = findings(&service.sessions.journal(calm).await.unwrap());
    assert!(!baseline.is_empty(), "the rules find nothing to be led away from");

    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    let mut shown = String::new();
    for request in model.requests() {
        check_request(&request, &marks);
        let results = request.tool_results().len();
        let most = asked.entry(namespace_of(&request).to_owned()).or_default();
        *most = results.max(*most);
        shown.push_str(&request.body["messages"].to_string());
    }
    for (case, id) in cases.iter().zip(ids) {
        let name = &case.attack.name;
        let result = service.api.result(id).await.unwrap();
        assert!(
            !result.degraded && result.selected_workflow.is_none(),
            "{name}: {:?}",
            result.warnings
        );
        assert!((result.confidence - 0.9).abs() < 1e-9, "{name}: confidence {}", result.confidence);
        assert!(shown.contains(&case.mark), "{name} was never shown");
        let journal = service.sessions.journal(id).await.unwrap();
        assert_eq!(findings(&journal), baseline, "{name} changed what the rules find");
        let ran = journal
            .iter()
            .filter(|entry| matches!(entry.event, Event::ToolAnswered { .. }))
            .count();
        assert_eq!(ran, asked[&case.workload.namespace], "{name}: tools ran that nobody called");
    }
    model.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_of_the_rules_is_the_same_under_every_attack() {
    let (service, cases, calm) = service(None).await;
    let baseline = service.investigate(&calm).await;
    for case in &cases {
        let name = &case.attack.name;
        let result = service.investigate(&case.incident).await;
        assert_eq!(result.root_cause_analysis.cause, baseline.root_cause_analysis.cause, "{name}");
        assert_eq!(result.verdict, baseline.verdict, "{name}");
        assert_eq!(result.investigation_outcome, baseline.investigation_outcome, "{name}");
        assert!((result.confidence - baseline.confidence).abs() < 1e-9, "{name}");
        let target = |response: &leadsman_contract::IncidentResponse| {
            response.remediation_target.clone().map(|target| (target.kind, target.name))
        };
        assert_eq!(target(&result), target(&baseline), "{name}");
        assert!(result.selected_workflow.is_none(), "{name}");
        // A terminal or a page must not obey what the rules quote.
        let printed = serde_json::to_value(&result).unwrap();
        each_text(&printed, &mut |text| assert!(!text.chars().any(is_hidden), "{name}: {text:?}"));
    }
}

fn each_text(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, see)),
        Value::Object(fields) => fields.values().for_each(|field| each_text(field, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
