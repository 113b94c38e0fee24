//! `leadsman check-config`

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, load_config};

pub(super) fn run(config: Option<PathBuf>) -> Outcome {
    let config = load_config(config)?;
    println!("{}", serde_json::to_string_pretty(&config.masked())?);
    Ok(ExitCode::SUCCESS)
}
