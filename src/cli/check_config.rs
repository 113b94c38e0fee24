//! `leadsman check-config`

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, load_config, out};
use crate::app;

/// Prints the settings and refuses what `serve` refuses. The settings come first: they show what is in force, also
/// where something does not go with it.
pub(super) async fn run(config: Option<PathBuf>) -> Outcome {
    let config = load_config(config)?;
    out::page(&format!("{:#}\n", config.masked()))?;
    app::prepare(&config).await?;
    Ok(ExitCode::SUCCESS)
}
