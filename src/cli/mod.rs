//! The command line: one file a command.

mod causes;
mod check_config;
mod demo;
mod eval;
mod investigate;
mod openapi;
mod progress;
mod report;
mod serve;
mod snapshot;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};

/// Investigates Kubernetes incidents and answers with a root cause that the evidence supports.
#[derive(Debug, Parser)]
#[command(name = "leadsman", version, max_term_width = 100)]
pub struct Cli {
    /// Configuration file (YAML); the environment (LEADSMAN_*) overrides it.
    #[arg(long, short, global = true, env = "LEADSMAN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve,
    /// See it work: an embedded cluster, one incident, no model, no network.
    Demo(demo::Demo),
    /// Investigate one incident in the foreground, without a server.
    Investigate(investigate::Investigate),
    /// Serve or capture cluster snapshots.
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
    /// Run every case below a directory and measure how often the answer is right.
    Eval(eval::Eval),
    /// Print the catalogue of root causes.
    Causes(causes::Causes),
    /// Check the configuration and print it with secrets masked.
    CheckConfig,
    /// Print the OpenAPI document.
    Openapi,
}

/// What a command leaves behind.
type Outcome = Result<ExitCode, Box<dyn std::error::Error + Send + Sync>>;

/// Runs the command and turns an error into one line on standard error and exit code 1.
pub async fn run(cli: Cli) -> ExitCode {
    let config = cli.config;
    let outcome = match cli.command {
        Command::Serve => serve::run(config).await,
        Command::Demo(demo) => demo.run().await,
        Command::Investigate(investigate) => investigate.run(config).await,
        Command::Snapshot(snapshot) => snapshot.run(config).await,
        Command::Eval(eval) => eval.run(config).await,
        Command::Causes(causes) => causes.run(),
        Command::CheckConfig => check_config::run(config),
        Command::Openapi => openapi::run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("leadsman: {}", error.to_string().replace('\n', "; "));
        ExitCode::from(1)
    })
}

fn load_config(file: Option<PathBuf>) -> Result<Config, config::ConfigError> {
    config::load(file.as_deref(), std::env::vars())
}
