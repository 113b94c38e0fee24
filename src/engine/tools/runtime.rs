//! The runtime: plans a model's tool calls, performs them with deadlines and caps, words what the model sees.

use std::time::Duration;

use leadsman_ports::chat::ToolCall;
use leadsman_ports::tool::ToolError;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::registry::{READ_EVIDENCE, ToolRegistry};
use super::{arguments, submit};
use crate::engine::events::{Event, ToolOutcome};
use crate::engine::evidence::{Evidence, EvidenceId, Ledger};
use crate::engine::hypotheses::{self, Hypothesis};
use crate::engine::untrusted;

/// The most bytes of one output that the model sees at once; the rest stands in the ledger.
pub const DIGEST_BYTES: usize = 6_000;

/// The most tool calls of one turn that run.
pub const CALLS_PER_TURN: usize = 16;

/// What came of one call, before it gets its place in the ledger.
#[derive(Debug)]
struct Answer {
    arguments: Value,
    output: Result<Output, String>,
    latency: Duration,
}

#[derive(Debug)]
enum Output {
    /// New evidence.
    Fresh(String),
    /// Part of evidence that the ledger already holds.
    Reread(String),
    /// Hypotheses that the ledger supports, and what of them it does not.
    Considered(Vec<Hypothesis>, Vec<String>),
}

/// Performs the calls of one turn concurrently and returns their events in the calls' order. At most
/// `allowance` of them run; the others are answered with the reason.
pub async fn perform(
    registry: &ToolRegistry,
    ledger: &Ledger,
    calls: &[ToolCall],
    allowance: u32,
) -> Vec<Event> {
    let allowance = usize::try_from(allowance).unwrap_or(usize::MAX);
    let running = calls.iter().enumerate().map(|(place, call)| async move {
        if place >= allowance {
            refuse("not run: the limit of tool calls is used up; submit your result")
        } else if place >= CALLS_PER_TURN {
            refuse(&format!("not run: at most {CALLS_PER_TURN} tool calls a turn; call it again"))
        } else {
            answer(registry, ledger, call).await
        }
    });
    let answers = futures::future::join_all(running).await;
    let mut next = ledger.entries().len() + 1;
    let mut events = Vec::with_capacity(calls.len());
    for (call, answer) in calls.iter().zip(answers) {
        if let Ok(Output::Considered(kept, _)) = &answer.output {
            events.push(Event::HypothesesChanged { hypotheses: kept.clone() });
        }
        let event = word(call, answer, EvidenceId::numbered(next));
        next += usize::from(matches!(&event, Event::ToolAnswered { evidence: Some(_), .. }));
        events.push(event);
    }
    events
}

fn refuse(reason: &str) -> Answer {
    Answer { arguments: Value::Null, output: Err(reason.to_owned()), latency: Duration::ZERO }
}

async fn answer(registry: &ToolRegistry, ledger: &Ledger, call: &ToolCall) -> Answer {
    let arguments = match arguments::parse(&call.arguments) {
        Ok(arguments) => arguments,
        Err(problem) => return refuse(&problem.to_string()),
    };
    let started = Instant::now();
    let output = if call.name == READ_EVIDENCE {
        reread(ledger, &arguments).map(Output::Reread)
    } else if call.name == submit::HYPOTHESES {
        let sent = submit::read_hypotheses(arguments.clone());
        let (kept, problems) = hypotheses::verified(sent, ledger);
        Ok(Output::Considered(kept, problems))
    } else {
        run(registry, &call.name, Value::Object(arguments.clone())).await.map(Output::Fresh)
    };
    Answer { arguments: Value::Object(arguments), output, latency: started.elapsed() }
}

async fn run(registry: &ToolRegistry, name: &str, arguments: Value) -> Result<String, String> {
    let (name, arguments) = registry.meant(name, arguments);
    let Some(tool) = registry.get(&name) else {
        let definitions = registry.definitions();
        let names: Vec<&str> = definitions.iter().map(|tool| tool.name.as_str()).collect();
        return Err(format!(
            "there is no tool {:?}; the tools are {}",
            untrusted::one_line(&name, 60),
            names.join(", ")
        ));
    };
    let spec = tool.spec();
    let text = match tokio::time::timeout(spec.deadline, tool.call(arguments)).await {
        Err(_) => return Err(format!("no answer within {} s", spec.deadline.as_secs())),
        Ok(Err(error)) => return Err(explain(&name, &error)),
        Ok(Ok(text)) => text,
    };
    let clean = untrusted::clean(&text);
    Ok(untrusted::digest(&clean, spec.byte_cap, "narrow the request to see it"))
}

/// The cluster words its own refusals, so they are framed like its data.
fn explain(tool: &str, error: &ToolError) -> String {
    untrusted::frame(tool, &untrusted::one_line(&error.to_string(), 600))
}

fn reread(ledger: &Ledger, arguments: &Map<String, Value>) -> Result<String, String> {
    let id = arguments.get("id").and_then(Value::as_str).unwrap_or_default();
    let evidence = ledger.get(&EvidenceId(id.to_owned())).ok_or_else(|| {
        format!("id: there is no evidence {id:?}; there are E1 to E{}", ledger.entries().len())
    })?;
    if let Some(needle) = arguments.get("grep").and_then(Value::as_str) {
        let needle = needle.to_lowercase();
        let hits: Vec<&str> =
            evidence.text.lines().filter(|line| line.to_lowercase().contains(&needle)).collect();
        return Ok(if hits.is_empty() {
            "no line contains it".to_owned()
        } else {
            hits.join("\n")
        });
    }
    let offset = match arguments.get("offset") {
        None => 0,
        Some(Value::Number(number)) => number.as_u64().unwrap_or(u64::MAX),
        Some(Value::String(text)) => text.parse().unwrap_or(u64::MAX),
        Some(_) => u64::MAX,
    };
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if start >= evidence.text.len() {
        return Err(format!("offset: evidence {} has {} bytes", evidence.id, evidence.text.len()));
    }
    let start = evidence.text.ceil_char_boundary(start);
    let end = evidence.text.floor_char_boundary(start + DIGEST_BYTES);
    Ok(evidence.text[start..end].to_owned())
}

/// Turns an answer into its event: evidence in full for the ledger, a framed digest for the model.
fn word(call: &ToolCall, answer: Answer, id: EvidenceId) -> Event {
    let Answer { arguments, output, latency } = answer;
    let (outcome, evidence, text) = match output {
        Err(problem) => (ToolOutcome::Failed, None, format!("error: {problem}")),
        Ok(Output::Reread(text)) => {
            let read_on = "ask for a later offset or a narrower grep";
            let digest = untrusted::digest(&text, DIGEST_BYTES, read_on);
            (ToolOutcome::Answered, None, untrusted::frame(&call.name, &digest))
        }
        Ok(Output::Considered(kept, problems)) => {
            let mut text = format!("kept {} hypotheses", kept.len());
            for problem in problems {
                text.push_str("; ");
                text.push_str(&problem);
            }
            (ToolOutcome::Answered, None, text)
        }
        Ok(Output::Fresh(text)) => {
            let evidence = Evidence::new(id, &call.name, arguments, text);
            let shown = show(&evidence, DIGEST_BYTES);
            (ToolOutcome::Answered, Some(evidence), shown)
        }
    };
    Event::ToolAnswered {
        call_id: call.id.clone(),
        tool: untrusted::one_line(&call.name, 60),
        outcome,
        evidence,
        text,
        latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
    }
}

/// A piece of evidence as the model sees it: its id and a framed digest of at most about `max` bytes.
pub fn show(evidence: &Evidence, max: usize) -> String {
    let read_on = format!("{READ_EVIDENCE} shows them by id {}", evidence.id);
    let digest = untrusted::digest(&evidence.text, max, &read_on);
    format!("Evidence {}:\n{}", evidence.id, untrusted::frame(&evidence.tool, &digest))
}

/// Whether a tool only keeps the engine's books, so that its calls cost no budget.
pub fn is_bookkeeping(tool: &str) -> bool {
    tool == READ_EVIDENCE || tool == submit::HYPOTHESES
}

/// Whether a call is the submit tool.
pub fn is_submission(call: &ToolCall) -> bool {
    call.name == submit::SUBMIT
}
