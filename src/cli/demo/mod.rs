//! `leadsman demo`: the whole service on an embedded cluster, with one incident going through its own API.

mod scenarios;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use leadsman_client::Client;
use leadsman_contract::IncidentRequest;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::progress::Progress;
use super::{Outcome, out, report};
use crate::app::{self, App, AppError};
use crate::config::{self, Config, LogFormat};
use crate::sessions::Sessions;
use crate::{shutdown, telemetry};
use scenarios::Scenario;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The longest that the demo's service may take to become ready.
const READY_DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Scenario to run.
    name: Option<String>,
    /// List the bundled scenarios.
    #[arg(long)]
    list: bool,
    /// Exit after the verdict instead of serving on.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) async fn run(self) -> Outcome {
        let scenarios = scenarios::bundled()?;
        if self.list {
            for scenario in &scenarios {
                let mark = if scenario.is_default { "  (default)" } else { "" };
                out::line(&format!("{:<22} {}{mark}", scenario.name, scenario.title))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let scenario = scenarios::pick(&scenarios, self.name.as_deref())?;
        // The audit file of a demo goes with it.
        let directory = tempfile::tempdir()?;
        let mut config = config::load_default()?;
        config.storage.directory = directory.path().to_owned();
        config.server.dev_mode = true;
        config.server.shutdown_grace_seconds = 1;
        config.log.level = "warn".to_owned();
        config.log.format = LogFormat::Text;
        telemetry::start_logs(&config.log)?;
        let app = build(config, scenario).await?;
        let (api, sessions) = (app.api_addr(), app.sessions());
        let others = (app.health_addr(), app.metrics_addr());
        let stop = CancellationToken::new();
        let running = app.run(stop.clone());
        tokio::pin!(running);
        let story = async {
            let session = tell(scenario, api, &sessions).await?;
            if !self.once {
                print_tour(scenario, session, api, others)?;
                shutdown::requested().await;
            }
            Ok::<_, Error>(())
        };
        let told = tokio::select! {
            ended = &mut running => return ended.map(|()| ExitCode::SUCCESS).map_err(Into::into),
            told = story => told,
        };
        stop.cancel();
        running.await?;
        told.map(|()| ExitCode::SUCCESS)
    }
}

/// Builds the service on its usual ports, on this machine only, or on free ones where those are taken.
async fn build(mut config: Config, scenario: &Scenario) -> Result<App, Error> {
    let cluster = app::snapshot_cluster(scenario.snapshot()?, &format!("demo {}", scenario.name));
    let ports = app::ports(Arc::new(cluster), None, Vec::new())?;
    let addresses = |config: &mut Config, ports: [u16; 3]| {
        let [api, health, metrics] = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        config.server.api_address = api;
        config.server.health_address = health;
        config.server.metrics_address = metrics;
    };
    addresses(&mut config, [8080, 8081, 9090]);
    match App::build_with(&config, ports.clone()).await {
        Err(AppError::Bind { address, source, .. }) => {
            out::note(&format!("cannot listen on {address}: {source}; using free ports instead"));
            addresses(&mut config, [0; 3]);
            // The refused attempt has opened the journals; this one gets a directory of its own.
            config.storage.directory.push("free-ports");
            Ok(App::build_with(&config, ports).await?)
        }
        built => Ok(built?),
    }
}

/// Submits the incident over HTTP, shows the investigation live and prints the verdict.
async fn tell(scenario: &Scenario, api: SocketAddr, sessions: &Sessions) -> Result<Uuid, Error> {
    let client = Client::new(&format!("http://{api}"))?;
    let incident = IncidentRequest::decode(scenario.incident)
        .map_err(|invalid| format!("incident of demo {}: {invalid}", scenario.name))?;
    out::line(&format!("Leadsman demo: {}", scenario.title))?;
    out::line(&format!("POST http://{api}/api/v1/incident/analyze\n"))?;
    let accepted = tokio::time::timeout(READY_DEADLINE, client.analyze(&incident)).await??;
    watch(sessions, accepted.session_id).await?;
    let result = client.result(&accepted.session_id.to_string()).await?;
    out::page(&report::render(&result))?;
    Ok(accepted.session_id)
}

/// Shows a session's entries until it has ended.
async fn watch(sessions: &Sessions, id: Uuid) -> Result<(), Error> {
    let progress = Progress::new();
    let session = sessions.find(id).await?.ok_or("the session has vanished")?;
    let mut entries = session.subscribe();
    let mut shown = 0;
    loop {
        // What happened before the subscription, or was missed by a slow terminal, stands in the journal.
        for entry in sessions.journal(id).await? {
            if entry.seq > shown && !entry.event.is_terminal() {
                shown = entry.seq;
                progress.show(&entry);
            }
        }
        if session.state().is_terminal() {
            break;
        }
        tokio::select! {
            received = entries.recv() => match received {
                Ok(entry) if entry.seq == shown + 1 => {
                    shown = entry.seq;
                    progress.show(&entry);
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            () = session.finished() => {}
        }
    }
    progress.finish();
    Ok(())
}

/// Prints how to repeat it by hand.
fn print_tour(
    scenario: &Scenario,
    session: Uuid,
    api: SocketAddr,
    (health, metrics): (SocketAddr, SocketAddr),
) -> Result<(), Error> {
    let incident: serde_json::Value = serde_json::from_slice(scenario.incident)?;
    let body = serde_json::to_string(&incident)?.replace('\'', "'\\''");
    let base = format!("http://{api}/api/v1/incident");
    out::line(&format!(
        "\nRepeat it yourself:\n  \
         curl -s {base}/analyze -H 'Content-Type: application/json' \\\n    \
         -d '{body}'\n  \
         curl -s {base}/session/{session}\n  \
         curl -s {base}/session/{session}/result\n\n\
         Also there: http://{api}/docs (API), http://{api}/config, http://{health}/readyz, http://{metrics}/metrics\n\
         Serving until Ctrl-C."
    ))?;
    Ok(())
}
