//! Evaluation: investigates cases with a known answer and measures how often the answer is right.
//!
//! [`case`] finds and reads cases, [`judge`] compares one answer with what was expected, [`summary`] counts,
//! [`markdown`] writes the page for readers.

pub mod case;
pub mod judge;
pub mod markdown;
pub mod summary;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use leadsman_kube::snapshot::Snapshot;
use leadsman_ports::chat::ChatModel;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use case::{Case, CaseError, Loaded, Selection};
pub use judge::{Expected, Judged, Target};
pub use summary::Summary;

use crate::engine::budget::Limits;
use crate::engine::events::Entry;
use crate::engine::journal::Listener;
use crate::{app, foreground};

/// What every case is investigated with.
#[derive(Clone)]
pub struct Setup {
    /// None leaves the answers to the rules.
    pub model: Option<Arc<dyn ChatModel>>,
    /// The budget of one case.
    pub limits: Limits,
    /// Cases at once.
    pub jobs: NonZeroUsize,
}

/// What became of the cases below one directory.
#[derive(Debug)]
pub struct Report {
    /// The directory, as it was named.
    pub directory: String,
    /// The model that helped, if one did.
    pub model: Option<String>,
    /// Every answer, by the name of its case.
    pub judged: Vec<Judged>,
    /// Cases without an answer.
    pub broken: Vec<CaseError>,
    /// From the first case to the end of the last.
    pub wall: Duration,
}

impl Report {
    /// How many cases were answered, and by whom.
    pub fn headline(&self) -> String {
        let cases = match self.judged.len() {
            1 => "1 case".to_owned(),
            count => format!("{count} cases"),
        };
        match &self.model {
            Some(model) => format!("{cases}, answered with the model {model}"),
            None => format!("{cases}, answered by rules alone"),
        }
    }

    /// Counts over every case.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.judged, self.wall)
    }
}

/// Cases at once when nobody says: one a core.
pub fn default_jobs() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Investigates cases in parallel; `each` hears what became of them in the order of their names, each as soon
/// as those before it are done. `directory` is what the report calls the directory they came from.
///
/// # Errors
/// What `each` returns; the cases at work are stopped then, as they are when the future is dropped.
pub async fn run<E>(
    directory: String,
    loaded: Loaded,
    setup: &Setup,
    mut each: impl FnMut(&Result<Judged, CaseError>) -> Result<(), E>,
) -> Result<Report, E> {
    let Loaded { cases, broken } = loaded;
    let began = Instant::now();
    let model = setup.model.as_ref().map(|model| model.model().to_owned());
    let mut report = Report { directory, model, judged: Vec::new(), broken, wall: Duration::ZERO };
    let mut answers =
        stream::iter(cases).map(|case| start(case, setup.clone())).buffered(setup.jobs.get());
    while let Some(answer) = answers.next().await {
        each(&answer)?;
        match answer {
            Ok(judged) => report.judged.push(judged),
            Err(error) => report.broken.push(error),
        }
    }
    report.wall = began.elapsed();
    Ok(report)
}

/// Starts a case on a task of its own, which ends with the future that waits for it.
fn start(case: Case, setup: Setup) -> impl Future<Output = Result<Judged, CaseError>> {
    let name = case.name.clone();
    let task = AbortOnDropHandle::new(tokio::spawn(async move { one(case, &setup).await }));
    async move {
        task.await
            .unwrap_or_else(|error| Err(CaseError::Stopped { name, problem: error.to_string() }))
    }
}

async fn one(case: Case, setup: &Setup) -> Result<Judged, CaseError> {
    let began = Instant::now();
    let Case { name, directory, description, incident, expected } = case;
    let stopped = |problem: String| CaseError::Stopped { name: name.clone(), problem };
    let path = directory.join(case::SNAPSHOT);
    let snapshot = Snapshot::load_dir(&path)
        .map_err(|source| CaseError::Snapshot { path, source: Box::new(source) })?;
    let cluster = app::snapshot_cluster(Arc::new(snapshot), &name);
    let ports = app::ports(Arc::new(cluster), setup.model.clone(), Vec::new())
        .map_err(|error| stopped(error.to_string()))?;
    let cancel = CancellationToken::new();
    let answer = foreground::investigate(incident, &ports, setup.limits, Arc::new(Deaf), cancel)
        .await
        .map_err(|error| stopped(error.to_string()))?;
    Ok(Judged::new(name, description, expected, &answer, began.elapsed()))
}

/// Nobody watches a case.
struct Deaf;

impl Listener for Deaf {
    fn stored(&self, _: &[Entry]) {}
}
