//! The `leadsman` command.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    leadsman::app::install_crypto();
    leadsman::cli::main().await
}
