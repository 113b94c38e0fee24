//! `leadsman openapi`

use std::process::ExitCode;

use super::{Outcome, out};

pub(super) fn run() -> Outcome {
    out::page(&leadsman_server::openapi_json()?)?;
    Ok(ExitCode::SUCCESS)
}
