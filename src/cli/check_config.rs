//! `leadsman check-config`

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, load_config, out};

pub(super) async fn run(config: Option<PathBuf>) -> Outcome {
    let config = load_config(config)?;
    out::page(&format!("{:#}\n", config.masked()))?;
    Ok(ExitCode::SUCCESS)
}
