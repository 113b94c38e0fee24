//! `leadsman investigate`: one investigation in the foreground.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use leadsman_contract::{IncidentRequest, IncidentResponse, Verdict};
use tokio_util::sync::CancellationToken;

use super::outages::Outages;
use super::progress::Progress;
use super::{Outcome, load_config, out, report};
use crate::app::AppError;
use crate::config::Config;
use crate::engine::budget::Limits;
use crate::engine::driver::Ports;
use crate::engine::journal::JournalError;
use crate::{app, foreground, shutdown};

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
        let progress = Arc::new(Progress::new());
        let ports = watched(&config, &progress).await?;
        let limits = config.investigation.limits();
        let result = investigate(request, &ports, limits, &progress).await?;
        match self.output {
            Output::Text => out::page(&report::render(&result))?,
            Output::Json => out::page(&format!("{}\n", serde_json::to_string_pretty(&result)?))?,
        }
        Ok(match result.verdict {
            Some(Verdict::Confirmed | Verdict::Likely) => ExitCode::SUCCESS,
            Some(Verdict::Inconclusive) | None => ExitCode::from(INCONCLUSIVE),
        })
    }
}

/// Connects to what the configuration names; outages are told as they are met.
async fn watched(config: &Config, progress: &Arc<Progress>) -> Result<Ports, AppError> {
    let progress = Arc::clone(progress);
    let outages = Outages::new(move |outage| progress.note(&format!("leadsman: {outage}")));
    let redactor = app::redactor(&config.redaction)?;
    let cluster = app::kube_cluster(&config.cluster).await?.with_redactor(redactor);
    let cluster = outages.of_cluster(Arc::new(cluster));
    let endpoint = config.model.endpoint.as_deref();
    let model = app::connect_model(&config.model)?;
    let model = model.map(|model| outages.of_model(model, endpoint));
    let metrics = app::metric_tools(&config.prometheus, &cluster.redactor())?;
    app::ports(cluster, model, outages.of_metrics(metrics, config.prometheus.url.as_deref()))
}

/// Shows the investigation as it goes; Ctrl-C ends it with the best verdict so far.
async fn investigate(
    request: IncidentRequest,
    ports: &Ports,
    limits: Limits,
    progress: &Arc<Progress>,
) -> Result<IncidentResponse, JournalError> {
    let cancel = CancellationToken::new();
    let listener = Arc::clone(progress) as Arc<_>;
    let investigating = foreground::investigate(request, ports, limits, listener, cancel.clone());
    tokio::pin!(investigating);
    let result = tokio::select! {
        result = &mut investigating => result,
        _ = shutdown::requested() => {
            cancel.cancel();
            investigating.await
        }
    };
    progress.finish();
    result
}
