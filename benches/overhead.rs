//! Engine overhead a model turn: everything but waiting for the model and the cluster.
//!
//! A scripted model answers at once, two tools a turn return 4 KiB each, and every event goes through the
//! journal's encoding into the store in memory. The figure is the time of a whole run divided by its turns.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use leadsman::engine::budget::Limits;
use leadsman::engine::driver::{self, Ports, Signals};
use leadsman::engine::events::{Entry, Event};
use leadsman::engine::incident::Incident;
use leadsman::engine::journal::{Journal, Listener};
use leadsman::engine::run::Run;
use leadsman::engine::tools::ToolRegistry;
use leadsman_ports::chat::{
    ChatModel, ChatRequest, ChatResponse, DeltaSink, FinishReason, ModelError, TokenUsage, ToolCall,
};
use leadsman_ports::clock::SystemClock;
use leadsman_ports::testing::UnreachableCluster;
use leadsman_ports::tool::{Effect, Tool, ToolError, ToolSpec};
use leadsman_ports::workflow::NoCatalog;
use leadsman_store::MemoryStore;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Calls two tools a turn and submits on its last one.
struct Scripted {
    turns: usize,
}

#[async_trait]
impl ChatModel for Scripted {
    fn model(&self) -> &str {
        "scripted"
    }

    async fn complete(
        &self,
        request: &ChatRequest,
        _: Option<&dyn DeltaSink>,
    ) -> Result<ChatResponse, ModelError> {
        let turn = (request.messages.len() - 2) / 3 + 1;
        let call = |name: &str, arguments: Value| ToolCall {
            id: Uuid::new_v4().to_string(),
            name: name.to_owned(),
            arguments: arguments.to_string(),
        };
        let tool_calls = if turn < self.turns {
            vec![call("look", json!({"at": turn})), call("look", json!({"at": -1}))]
        } else {
            let evidence = json!([{"id": "E1", "quote": "a line of output"}]);
            let rca = json!({"summary": "s", "causal_chain": ["a", "b"]});
            vec![call(
                "submit_result",
                json!({"root_cause_analysis": rca, "confidence": 0.9, "evidence": evidence}),
            )]
        };
        Ok(ChatResponse {
            text: String::new(),
            tool_calls,
            finish: FinishReason::ToolCalls,
            usage: TokenUsage { prompt: 1000, completion: 50, cached: 900 },
            model: "scripted".to_owned(),
        })
    }
}

struct Look {
    spec: ToolSpec,
    output: String,
}

#[async_trait]
impl Tool for Look {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: Value) -> Result<String, ToolError> {
        Ok(self.output.clone())
    }
}

struct Silent;

impl Listener for Silent {
    fn stored(&self, entries: &[Entry]) {
        black_box(entries);
    }
}

fn ports(turns: usize) -> Ports {
    let spec = ToolSpec {
        name: "look".to_owned(),
        description: "Looks".to_owned(),
        parameters: json!({"type": "object", "properties": {"at": {"type": "integer"}}}),
        effect: Effect::ReadOnly,
        deadline: Duration::from_secs(1),
        byte_cap: 65_536,
    };
    let look = Look { spec, output: "a line of output\n".repeat(241) };
    let tools = ToolRegistry::new(vec![Arc::new(look)]).unwrap();
    Ports {
        cluster: Arc::new(UnreachableCluster),
        model: Some(Arc::new(Scripted { turns })),
        catalog: Arc::new(NoCatalog),
        tools: Arc::new(tools),
        triage_slots: Arc::new(Semaphore::new(1)),
    }
}

async fn investigate(ports: &Ports) {
    let store = Arc::new(MemoryStore::default());
    let mut journal =
        Journal::new(Uuid::new_v4(), 0, store, Arc::new(SystemClock), Arc::new(Silent));
    let limits = Limits { seconds: 600, turns: 100, tool_calls: 1000, tokens: 10_000_000 };
    let submitted = Event::Submitted {
        incident: Box::new(Incident::default()),
        limits,
        model: Some("scripted".to_owned()),
    };
    let mut run = Run::new(ports.tools.definitions());
    run.apply(&submitted);
    journal.append(vec![submitted]).await.unwrap();
    let signals =
        Signals { cancel: CancellationToken::new(), checkpoint: CancellationToken::new() };
    black_box(driver::drive(&mut run, &mut journal, ports, &signals).await.unwrap());
}

fn overhead(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("engine overhead per turn");
    for turns in [1_usize, 10, 40] {
        let ports = ports(turns);
        group.throughput(Throughput::Elements(turns as u64));
        group.bench_with_input(BenchmarkId::from_parameter(turns), &ports, |bencher, ports| {
            bencher.to_async(&runtime).iter(|| investigate(ports));
        });
    }
    group.finish();
}

criterion_group!(benches, overhead);
criterion_main!(benches);
