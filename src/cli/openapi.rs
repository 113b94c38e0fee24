//! `leadsman openapi`

use std::process::ExitCode;

use super::Outcome;

pub(super) fn run() -> Outcome {
    print!("{}", leadsman_server::openapi_json()?);
    Ok(ExitCode::SUCCESS)
}
