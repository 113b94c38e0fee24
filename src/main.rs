//! The `leadsman` command.

use std::process::ExitCode;

use clap::Parser as _;
use leadsman::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    leadsman::app::install_crypto();
    match Cli::try_parse() {
        Ok(cli) => leadsman::cli::run(cli).await,
        // Exit code 2 means an inconclusive verdict, so a wrong command line ends in 1 like every error.
        Err(usage) => {
            // An error here says that nobody reads the terminal.
            let _ = usage.print();
            ExitCode::from(u8::from(usage.use_stderr()))
        }
    }
}
