//! `leadsman investigate`: one investigation in the foreground.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use leadsman_contract::{IncidentRequest, IncidentResponse, Verdict};
use leadsman_ports::clock::{Clock as _, SystemClock};
use leadsman_store::MemoryStore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::progress::Progress;
use super::{Outcome, load_config, report};
use crate::app;
use crate::config::Config;
use crate::engine::driver::{self, Ended, Ports, Signals};
use crate::engine::events::{Entry, Event};
use crate::engine::journal::{Journal, Listener as _};
use crate::engine::run::Run;
use crate::sessions::View;
use crate::{shutdown, wire};

/// Exit code of an investigation that did not come to a verdict.
const INCONCLUSIVE: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct Investigate {
    /// Snapshot directory to look at.
    #[arg(long, value_name = "DIR", conflicts_with = "context")]
    snapshot: Option<PathBuf>,
    /// Kubeconfig context to look at; the current one by default.
    #[arg(long)]
    context: Option<String>,
    /// Incident as JSON, in the form that POST /api/v1/incident/analyze takes.
    #[arg(long, value_name = "FILE")]
    incident: PathBuf,
    /// Form of the result on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

impl Investigate {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Outcome {
        let mut config = load_config(config)?;
        if self.snapshot.is_some() || self.context.is_some() {
            config.cluster.snapshot = self.snapshot;
            config.cluster.context = self.context;
        }
        let path = self.incident.display();
        let body =
            std::fs::read(&self.incident).map_err(|error| format!("--incident {path}: {error}"))?;
        let request = IncidentRequest::decode(&body)
            .map_err(|invalid| format!("--incident {path}: {invalid}"))?;
        let cluster = app::connect_cluster(&config.cluster).await?;
        let ports = app::ports(cluster, app::connect_model(&config.model)?)?;
        let result = investigate(request, &ports, &config).await?;
        match self.output {
            Output::Text => print!("{}", report::render(&result)),
            Output::Json => println!("{}", serde_json::to_string_pretty(&result)?),
        }
        Ok(match result.verdict {
            Some(Verdict::Confirmed | Verdict::Likely) => ExitCode::SUCCESS,
            Some(Verdict::Inconclusive) | None => ExitCode::from(INCONCLUSIVE),
        })
    }
}

/// Runs an investigation with a journal in memory; Ctrl-C ends it with the best verdict so far.
async fn investigate(
    request: IncidentRequest,
    ports: &Ports,
    config: &Config,
) -> Result<IncidentResponse, Box<dyn std::error::Error + Send + Sync>> {
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::default());
    let session = Uuid::new_v4();
    let progress = Arc::new(Progress::new());
    let mut journal = Journal::new(
        session,
        0,
        Arc::clone(&store) as Arc<_>,
        Arc::clone(&clock) as Arc<_>,
        Arc::clone(&progress) as Arc<_>,
    );
    let submitted = Event::Submitted {
        incident: Box::new(wire::incident(request)),
        limits: config.investigation.limits(),
        model: ports.model.as_ref().map(|model| model.model().to_owned()),
    };
    let mut run = Run::new(ports.tools.definitions());
    run.apply(&submitted);
    journal.append(vec![submitted]).await?;
    let signals =
        Signals { cancel: CancellationToken::new(), checkpoint: CancellationToken::new() };
    let cancel = signals.cancel.clone();
    let ended = {
        let driving = driver::drive(&mut run, &mut journal, ports, &signals);
        tokio::pin!(driving);
        tokio::select! {
            ended = &mut driving => ended?,
            _ = shutdown::requested() => {
                cancel.cancel();
                driving.await?
            }
        }
    };
    let mut entries = crate::engine::journal::read(store.as_ref(), session).await?;
    if let Ended::Terminal(event) = ended {
        let seq = entries.len() as u64 + 1;
        let last = Entry { seq, at: clock.now(), event: *event };
        progress.stored(std::slice::from_ref(&last));
        entries.push(last);
    }
    progress.finish();
    let view = View::fold(&entries).ok_or("the journal is empty")?;
    Ok(wire::result(&view))
}
