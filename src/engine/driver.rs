//! The driver: performs the run's steps with deadlines and cancellation, and journals what happened.

use std::sync::Arc;
use std::time::Duration;

use leadsman_ports::chat::{ChatModel, ChatRequest, ModelError};
use leadsman_ports::cluster::{Cluster, ClusterError, ObjectRef};
use leadsman_ports::workflow::{WorkflowCatalog, WorkflowQuery};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::Event;
use super::evidence::Ledger;
use super::incident::Incident;
use super::journal::{Journal, JournalError};
use super::run::{Interruption, Run, Step};
use super::tools::{ToolRegistry, runtime};
use super::untrusted::one_line;
use crate::triage;

/// The longest that triage may take.
const TRIAGE_DEADLINE: Duration = Duration::from_secs(60);
/// The longest that a lookup during enrichment or workflow selection may take.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(15);
/// The longest controller chain that is followed.
const MAX_OWNERS: usize = 10;

/// What investigations need from the outside.
#[derive(Clone)]
pub struct Ports {
    /// The cluster.
    pub cluster: Arc<dyn Cluster>,
    /// The model, where one is configured.
    pub model: Option<Arc<dyn ChatModel>>,
    /// The workflow catalogue.
    pub catalog: Arc<dyn WorkflowCatalog>,
    /// The tools.
    pub tools: Arc<ToolRegistry>,
    /// Room for triages at once. Each holds the objects of a namespace while it thinks, so this bounds memory.
    pub triage_slots: Arc<Semaphore>,
}

/// A sensible size for [`Ports::triage_slots`].
pub const TRIAGES_AT_ONCE: usize = 8;

/// The two ways to stop a driver from outside.
#[derive(Debug, Clone)]
pub struct Signals {
    /// End now with a cancelled verdict.
    pub cancel: CancellationToken,
    /// Leave the journal as it is; another process will go on.
    pub checkpoint: CancellationToken,
}

/// How a driver ended.
#[derive(Debug)]
pub enum Ended {
    /// The run has a terminal event for the journal; the caller appends it together with its audit event.
    Terminal(Box<Event>),
    /// It was asked to stop in the middle.
    Checkpointed,
}

/// Performs a run until it ends or is stopped. `run` holds what the journal holds.
pub async fn drive(
    run: &mut Run,
    journal: &mut Journal,
    ports: &Ports,
    signals: &Signals,
) -> Result<Ended, JournalError> {
    let deadline = Instant::now() + run.limits().wall_time();
    let mut interruption = None;
    loop {
        let step = run.next(interruption);
        let events = match step {
            Step::Record(events) => events,
            Step::Ended => return Ok(Ended::Checkpointed),
            step => {
                if let Step::RunTools { calls, .. } = &step {
                    record(run, journal, vec![Event::ToolsCalled { calls: calls.clone() }]).await?;
                }
                tokio::select! {
                    biased;
                    () = signals.cancel.cancelled() => {
                        interruption = Some(Interruption::Cancelled);
                        continue;
                    }
                    () = signals.checkpoint.cancelled() => return Ok(Ended::Checkpointed),
                    () = tokio::time::sleep_until(deadline) => {
                        interruption = Some(Interruption::OutOfTime);
                        continue;
                    }
                    events = perform(step, run, ports) => events,
                }
            }
        };
        match <[Event; 1]>::try_from(events) {
            Ok([terminal]) if terminal.is_terminal() => {
                return Ok(Ended::Terminal(Box::new(terminal)));
            }
            Ok([event]) => record(run, journal, vec![event]).await?,
            Err(events) => record(run, journal, events).await?,
        }
    }
}

async fn record(
    run: &mut Run,
    journal: &mut Journal,
    events: Vec<Event>,
) -> Result<(), JournalError> {
    for event in &events {
        run.apply(event);
    }
    journal.append(events).await
}

/// Performs a step that needs the outside.
async fn perform(step: Step, run: &Run, ports: &Ports) -> Vec<Event> {
    match step {
        Step::Record(events) => events,
        Step::Ended => Vec::new(),
        Step::Triage => run_triage(ports, run.incident(), run.ledger().clone()).await,
        Step::CallModel(request) => vec![call_model(ports, &request).await],
        Step::RunTools { calls, allowance } => {
            runtime::perform(&ports.tools, run.ledger(), &calls, allowance).await
        }
        Step::ResolveTarget(target) => vec![resolve_target(ports.cluster.as_ref(), target).await],
        Step::SelectWorkflow(query) => vec![select_workflow(ports.catalog.as_ref(), &query).await],
    }
}

async fn run_triage(ports: &Ports, incident: &Incident, mut ledger: Ledger) -> Vec<Event> {
    // Waiting for a slot does not count against the triage's own deadline; the run's still holds.
    let _slot = ports.triage_slots.acquire().await;
    let known = ledger.entries().len();
    let triage = triage::triage(ports.cluster.as_ref(), incident, &mut ledger);
    let last = match tokio::time::timeout(TRIAGE_DEADLINE, triage).await {
        Ok(Ok(report)) => Event::TriageCompleted { report },
        Ok(Err(error)) => Event::TriageFailed { reason: error.to_string() },
        Err(_) => Event::TriageFailed {
            reason: format!("triage took longer than {} s", TRIAGE_DEADLINE.as_secs()),
        },
    };
    let collected = ledger.entries()[known..].iter().cloned();
    collected.map(|evidence| Event::EvidenceCollected { evidence }).chain([last]).collect()
}

async fn call_model(ports: &Ports, request: &ChatRequest) -> Event {
    let Some(model) = &ports.model else {
        return Event::ModelFailed { reason: "the model is no longer configured".to_owned() };
    };
    let started = Instant::now();
    match model.complete(request, None).await {
        Ok(response) => Event::ModelAnswered {
            response,
            latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        },
        Err(error) => {
            tracing::warn!(%error, "the model call failed");
            Event::ModelFailed { reason: for_users(&error).to_owned() }
        }
    }
}

/// What a user may read of a model error; the provider's own words stay in the log.
fn for_users(error: &ModelError) -> &'static str {
    match error {
        ModelError::Unauthorized => "the model endpoint refused the credentials",
        ModelError::NotFound(_) => "the model or its endpoint does not exist",
        ModelError::RateLimited { .. } => "the model endpoint is rate limiting",
        ModelError::ContextTooLong => "the conversation exceeds the model's context window",
        ModelError::Rejected(_) => "the model endpoint rejected the request",
        ModelError::Timeout(_) => "the model did not answer in time",
        ModelError::Unavailable(_) => "the model endpoint is unavailable",
        ModelError::Protocol(_) => "the model's answer breaks the protocol",
    }
}

/// Looks the target up and follows its controllers to the top.
async fn resolve_target(cluster: &dyn Cluster, target: ObjectRef) -> Event {
    let mut current = target.clone();
    let mut exists = None;
    let lookup = async {
        for _ in 0..MAX_OWNERS {
            match find(cluster, &current).await {
                Ok(object) => {
                    exists = exists.or(Some(true));
                    current.api_version = ObjectRef::of(&object).api_version;
                    match controller(&object, &current.namespace) {
                        Some(owner) => current = owner,
                        None => break,
                    }
                }
                Err(ClusterError::NotFound(_)) => {
                    exists = exists.or(Some(false));
                    break;
                }
                Err(error) => {
                    tracing::debug!(%error, target = %current, "the target could not be looked up");
                    break;
                }
            }
        }
    };
    let _ = tokio::time::timeout(LOOKUP_DEADLINE, lookup).await;
    Event::TargetResolved { target: current, exists }
}

async fn find(
    cluster: &dyn Cluster,
    object: &ObjectRef,
) -> Result<serde_json::Value, ClusterError> {
    let group = Some(object.api_version.as_str()).filter(|version| !version.is_empty());
    let resource = cluster.resolve(&object.kind, group).await?;
    cluster.get(&resource, &object.namespace, &object.name).await
}

/// The controller that owns an object, where the object is one that controllers make of workloads. What else has an owner,
/// such as the Certificate of an Ingress, is fixed where it stands.
fn controller(object: &serde_json::Value, namespace: &str) -> Option<ObjectRef> {
    ["/spec/containers", "/spec/template/spec", "/spec/jobTemplate"]
        .iter()
        .find_map(|pointer| object.pointer(pointer))?;
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    // Static pods are controlled by their node, which is no more the thing to fix than the pod.
    let owner =
        owners.iter().find(|owner| owner["controller"] == true && owner["kind"] != "Node")?;
    let text = |name: &str| owner[name].as_str().unwrap_or_default().to_owned();
    Some(ObjectRef {
        api_version: text("apiVersion"),
        kind: text("kind"),
        namespace: namespace.to_owned(),
        name: text("name"),
    })
}

async fn select_workflow(catalog: &dyn WorkflowCatalog, query: &WorkflowQuery) -> Event {
    let answer = tokio::time::timeout(LOOKUP_DEADLINE, catalog.actions(query)).await;
    let (matching, problem) = match answer {
        Ok(Ok(actions)) => (actions.iter().map(|action| action.workflow_count).sum(), None),
        Ok(Err(error)) => (0, Some(one_line(&error.to_string(), 200))),
        Err(_) => (0, Some("no answer in time".to_owned())),
    };
    Event::WorkflowsConsidered { matching, problem }
}
