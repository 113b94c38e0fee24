//! The `leadsman` command.

use std::process::ExitCode;

use clap::Parser as _;
use leadsman::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    leadsman::app::install_crypto();
    leadsman::cli::run(Cli::parse()).await
}
