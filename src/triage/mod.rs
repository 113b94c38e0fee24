//! Triage: resolves the target and its neighbourhood and runs the rule catalogue over it, without a model.
//!
//! Two phases: `neighbourhood` collects, asking the cluster for each list and each object once; the `rules` then
//! judge what was collected, as pure functions. `rank` puts their findings in causal order, and `exhibit` turns what
//! they quote into evidence.

pub mod causes;

mod alternatives;
mod api_services;
mod change;
mod collect;
mod dependencies;
mod draft;
mod edits;
mod endpoints;
mod exhibit;
mod explore;
mod extensions;
mod files;
mod graph;
mod health;
mod log_choice;
mod logs;
mod neighbourhood;
mod objects;
mod placement;
mod pod;
mod policy;
mod rank;
mod repulsion;
mod resolve;
mod rules;
mod settings;
mod signs;
mod structured;
mod view;

#[cfg(test)]
mod fake_cluster;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod tests;

use leadsman_ports::cluster::{Cluster, ClusterError, ObjectRef};
use serde::{Deserialize, Serialize};

use crate::engine::evidence::{Citation, Ledger};
use crate::engine::incident::Incident;

pub use alternatives::RuledOut;
use causes::CauseCode;
use draft::{Draft, Source};
use exhibit::Exhibits;
use neighbourhood::Neighbourhood;
use view::Key;

/// At most so many neighbours are named.
const MAX_NEIGHBOURS: usize = 40;
/// At most so many of the target's logs are put into evidence beyond those that findings cite.
const SEED_LOGS: usize = 3;

/// What triage has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriageReport {
    /// What the signal is about. Empty when the incident leads to no object.
    pub target: ObjectRef,
    /// The target's owners, nearest first.
    pub owners: Vec<ObjectRef>,
    /// What belongs to it, nearest first: pods, workloads, Services, nodes, claims, and what it depends on.
    pub neighbours: Vec<ObjectRef>,
    /// Best first. Empty when nothing can be said either way.
    pub findings: Vec<Finding>,
    /// What the best finding could have been taken for, and what rules that out.
    #[serde(default)]
    pub ruled_out: Vec<RuledOut>,
    /// What could not be looked at, and why.
    pub notes: Vec<String>,
}

/// A fault that the rules found, or the finding that all is well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// See [`causes::catalogue`].
    pub cause: CauseCode,
    /// What to fix.
    pub target: ObjectRef,
    /// One sentence with names and numbers.
    pub summary: String,
    /// At least two steps: the cause first, the symptom last.
    pub causal_chain: Vec<String>,
    /// Verbatim quotes that hold against the ledger.
    pub citations: Vec<Citation>,
    /// Between 0 and 1.
    pub confidence: f64,
    /// What to do.
    pub next_steps: Vec<String>,
    /// What would confirm it.
    pub confirm: String,
    /// What would refute it.
    pub refute: String,
}

/// Investigates without a model. Evidence is recorded in the ledger.
///
/// # Errors
/// Only when the cluster answers nothing at all; what merely may not be read is noted in the report.
pub async fn triage(
    cluster: &dyn Cluster,
    incident: &Incident,
    ledger: &mut Ledger,
) -> Result<TriageReport, ClusterError> {
    let (neighbourhood, notes) = neighbourhood::collect(cluster, incident).await?;
    let Some(mut neighbourhood) = neighbourhood else {
        return Ok(TriageReport {
            target: incident.resource.clone(),
            owners: Vec::new(),
            neighbours: Vec::new(),
            findings: Vec::new(),
            ruled_out: Vec::new(),
            notes,
        });
    };
    let drafts = widened(&mut neighbourhood);
    Ok(report(&neighbourhood, drafts, ledger))
}

/// What the rules find. Where an incident is about a namespace and what its words single out is sound, they look at all
/// of it.
fn widened(n: &mut Neighbourhood) -> Vec<Draft> {
    let drafts = rules::run(n);
    match n.about.take().filter(|_| !rank::bears_on_target(n, &drafts)) {
        Some(namespace) => {
            n.graph.widen(&namespace);
            rules::run(n)
        }
        None => drafts,
    }
}

fn report(n: &Neighbourhood, mut drafts: Vec<Draft>, ledger: &mut Ledger) -> TriageReport {
    if !rank::bears_on_target(n, &drafts)
        && let Some(healthy) = health::judge(n)
    {
        drafts.push(healthy);
    }
    let mut ranked = rank::rank(n, drafts);
    change::enrich(n, &mut ranked);
    let mut exhibits = Exhibits::new(ledger, n);
    seed(n, &mut exhibits);
    let ruled_out =
        ranked.first().map(|best| alternatives::of(n, best, &mut exhibits)).unwrap_or_default();
    let findings = ranked.into_iter().map(|draft| finding(draft, &mut exhibits)).collect();
    let neighbours = n.graph.neighbours(&n.objects);
    TriageReport {
        target: n.target.clone(),
        owners: n.objects.owners(&Key::from(&n.target)),
        neighbours: neighbours
            .iter()
            .take(MAX_NEIGHBOURS)
            .map(|key| n.objects.reference(key))
            .collect(),
        findings,
        ruled_out,
        notes: n.notes.clone(),
    }
}

/// The evidence that every investigation begins with: the target, its events, the workload above it, its logs.
fn seed(n: &Neighbourhood, exhibits: &mut Exhibits<'_>) {
    let target = Key::from(&n.target);
    let head = n.objects.head(&target);
    for key in [&target, &head] {
        exhibits.show(&Source::Object(key.clone()));
        exhibits.show(&Source::Events(key.clone()));
    }
    let own = n
        .logs
        .keys()
        .filter(|log| n.objects.head(&Key::new("Pod", &log.namespace, &log.pod)) == head);
    for log in own.take(SEED_LOGS) {
        exhibits.show(&Source::Log(log.clone()));
    }
}

fn finding(draft: Draft, exhibits: &mut Exhibits<'_>) -> Finding {
    let cause = draft.cause.cause();
    let mut citations: Vec<Citation> = Vec::new();
    for proof in &draft.proofs {
        if let Some(citation) = exhibits.cite(proof)
            && !citations.contains(&citation)
        {
            citations.push(citation);
        }
    }
    let mut next_steps = draft.steps;
    next_steps.push(cause.advice.to_owned());
    Finding {
        cause: draft.cause,
        target: draft.target,
        summary: draft.summary,
        causal_chain: draft.chain,
        citations,
        confidence: draft.confidence,
        next_steps,
        confirm: cause.confirm.to_owned(),
        refute: cause.refute.to_owned(),
    }
}
