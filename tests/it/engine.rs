//! The engine under a paused clock: limits and interruptions, without a network.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use leadsman::engine::budget::Limits;
use leadsman::engine::driver::{self, Ended, Ports, Signals};
use leadsman::engine::events::{Entry, Event};
use leadsman::engine::incident::Incident;
use leadsman::engine::journal::{self, Journal, Listener};
use leadsman::engine::run::{Interruption, Run, Step};
use leadsman::engine::tools::ToolRegistry;
use leadsman::engine::verdict::Verdict;
use leadsman_ports::chat::{
    ChatModel, ChatResponse, FinishReason, ModelError, TokenUsage, ToolCall,
};
use leadsman_ports::clock::SystemClock;
use leadsman_ports::testing::{HangingModel, ScriptedModel, UnreachableCluster};
use leadsman_ports::tool::{Effect, Tool, ToolError, ToolSpec};
use leadsman_ports::workflow::NoCatalog;
use leadsman_store::MemoryStore;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A tool that never answers, or one that would change something.
struct Stuck(ToolSpec);

fn stuck(effect: Effect) -> Arc<dyn Tool> {
    Arc::new(Stuck(ToolSpec {
        name: "stuck".to_owned(),
        description: "Never answers".to_owned(),
        parameters: json!({"type": "object"}),
        effect,
        deadline: Duration::from_secs(30),
        byte_cap: 1_000,
    }))
}

#[async_trait]
impl Tool for Stuck {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }
    async fn call(&self, _: Value) -> Result<String, ToolError> {
        std::future::pending().await
    }
}

struct Silent;

impl Listener for Silent {
    fn stored(&self, _: &[Entry]) {}
}

const LIMITS: Limits = Limits { seconds: 300, turns: 10, tool_calls: 20, tokens: 100_000 };

/// Drives an incident to its end and returns the journal with its terminal event.
async fn drive(
    model: Arc<dyn ChatModel>,
    tools: Vec<Arc<dyn Tool>>,
    cancel_after: Option<Duration>,
) -> Vec<Event> {
    let store = Arc::new(MemoryStore::default());
    let id = Uuid::new_v4();
    let mut journal =
        Journal::new(id, 0, Arc::clone(&store) as Arc<_>, Arc::new(SystemClock), Arc::new(Silent));
    let ports = Ports {
        cluster: Arc::new(UnreachableCluster),
        model: Some(model),
        catalog: Arc::new(NoCatalog),
        tools: Arc::new(ToolRegistry::new(tools).unwrap()),
        triage_slots: Arc::new(Semaphore::new(1)),
    };
    let submitted = Event::Submitted {
        incident: Box::new(Incident::default()),
        limits: LIMITS,
        model: Some("m".to_owned()),
    };
    let mut run = Run::new(ports.tools.definitions());
    run.apply(&submitted);
    journal.append(vec![submitted]).await.unwrap();
    let signals =
        Signals { cancel: CancellationToken::new(), checkpoint: CancellationToken::new() };
    let cancel = signals.cancel.clone();
    let cancelling = async {
        if let Some(after) = cancel_after {
            tokio::time::sleep(after).await;
            cancel.cancel();
        }
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = driver::drive(&mut run, &mut journal, &ports, &signals) => ended.unwrap(),
        () = cancelling => unreachable!(),
    };
    let Ended::Terminal(terminal) = ended else { panic!("checkpointed") };
    let entries = journal::read(store.as_ref(), id).await.unwrap();
    entries.into_iter().map(|entry| entry.event).chain([*terminal]).collect()
}

fn answer(name: &str, arguments: &str) -> Result<ChatResponse, ModelError> {
    Ok(ChatResponse {
        text: String::new(),
        tool_calls: vec![ToolCall {
            id: "call".to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }],
        finish: FinishReason::ToolCalls,
        usage: TokenUsage { prompt: 10, completion: 5, cached: 0 },
        model: "m".to_owned(),
    })
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hangs_ends_in_a_partial_verdict_when_the_time_is_up() {
    let started = tokio::time::Instant::now();
    let events = drive(Arc::new(HangingModel), Vec::new(), None).await;
    assert_eq!(started.elapsed().as_secs(), LIMITS.seconds);
    let Some(Event::Completed { conclusion }) = events.last() else { panic!("{events:?}") };
    assert_eq!(conclusion.verdict, Verdict::Inconclusive);
    assert_eq!(conclusion.partial.as_deref(), Some("the time limit of 300 s ran out"));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_ends_a_hanging_call_at_once() {
    let started = tokio::time::Instant::now();
    let events = drive(Arc::new(HangingModel), Vec::new(), Some(Duration::from_secs(7))).await;
    assert_eq!(started.elapsed().as_secs(), 7);
    assert!(matches!(events.last(), Some(Event::Cancelled { turn: 0, .. })), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_is_answered_at_its_deadline_and_ids_stay_unique() {
    let model = Arc::new(ScriptedModel::new([
        answer("stuck", "{}"),
        answer("stuck", "{}"),
        answer("submit_result", r#"{"summary": "s", "outcome": "insufficient_data"}"#),
    ]));
    let started = tokio::time::Instant::now();
    let events = drive(Arc::clone(&model) as Arc<_>, vec![stuck(Effect::ReadOnly)], None).await;
    assert_eq!(started.elapsed().as_secs(), 60);
    let answers: Vec<(&str, &str)> = events
        .iter()
        .filter_map(|event| match event {
            Event::ToolAnswered { call_id, text, .. } => Some((call_id.as_str(), text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        answers,
        [("call", "error: no answer within 30 s"), ("call_2", "error: no answer within 30 s")]
    );
    assert!(matches!(events.last(), Some(Event::Completed { .. })));
}

#[test]
fn a_tool_that_changes_the_cluster_is_refused_at_the_door() {
    let refused = ToolRegistry::new(vec![stuck(Effect::Mutating)]).unwrap_err();
    assert!(refused.to_string().contains("changes the cluster"));
}

#[tokio::test(start_paused = true)]
async fn any_prefix_of_a_journal_resumes_to_a_step() {
    let model = Arc::new(ScriptedModel::new([
        answer("stuck", "{}"),
        answer("submit_result", r#"{"summary": "s", "outcome": "insufficient_data"}"#),
    ]));
    let tools = vec![stuck(Effect::ReadOnly)];
    let registry = ToolRegistry::new(tools.clone()).unwrap();
    let events = drive(model, tools, None).await;
    for length in 1..events.len() {
        let mut run = Run::new(registry.definitions());
        events[..length].iter().for_each(|event| run.apply(event));
        assert_ne!(run.next(None), Step::Ended, "after {:?}", events[length - 1]);
        for interruption in [Interruption::Cancelled, Interruption::OutOfTime] {
            let Step::Record(ending) = run.next(Some(interruption)) else { panic!("no end") };
            assert!(ending[0].is_terminal());
        }
    }
    let mut run = Run::new(registry.definitions());
    events.iter().for_each(|event| run.apply(event));
    assert_eq!(run.next(None), Step::Ended);
}
