//! `leadsman serve`

use std::path::PathBuf;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::{Outcome, load_config};
use crate::app::App;
use crate::{shutdown, telemetry};

pub(super) async fn run(config: Option<PathBuf>) -> Outcome {
    let config = load_config(config)?;
    telemetry::start_logs(&config.log)?;
    let app = App::build(&config).await?;
    tracing::info!(
        api = %app.api_addr(),
        health = %app.health_addr(),
        metrics = %app.metrics_addr(),
        model = config.model.name.as_deref().unwrap_or("none, rules only"),
        "serving"
    );
    if config.open_to_everybody() {
        let address = app.api_addr();
        tracing::warn!(%address, "auth.mode is none: anybody may call the API who can reach it");
    }
    let stop = CancellationToken::new();
    let running = app.run(stop.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => ended?,
        signal = shutdown::requested() => {
            tracing::info!(signal, "shutting down");
            stop.cancel();
            running.await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
