//! The command line: one file a command.

mod causes;
mod check_config;
mod demo;
mod eval;
mod investigate;
mod openapi;
mod out;
mod outages;
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

/// Reads the command line and runs what it asks for. An error is told in one line on standard error and ends in
/// exit code 1: 2 means an inconclusive verdict.
pub async fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => run(cli).await,
        Err(usage) => tell(&usage),
    };
    outcome.unwrap_or_else(|error| {
        if out::is_closed(error.as_ref()) {
            return ExitCode::SUCCESS;
        }
        out::complain(&error);
        ExitCode::FAILURE
    })
}

/// Help and version are what was asked for; anything else is a wrong command line, told in clap's own layout but
/// without colours, as it quotes what was given.
fn tell(usage: &clap::Error) -> Outcome {
    if usage.use_stderr() {
        out::usage(&usage.render().to_string());
        return Ok(ExitCode::FAILURE);
    }
    let help = usage.render();
    let colours = console::colors_enabled();
    out::page(&if colours { help.ansi().to_string() } else { help.to_string() })?;
    Ok(ExitCode::SUCCESS)
}

async fn run(cli: Cli) -> Outcome {
    let config = cli.config;
    match cli.command {
        Command::Serve => serve::run(config).await,
        Command::Demo(demo) => demo.run().await,
        Command::Investigate(investigate) => investigate.run(config).await,
        Command::Snapshot(snapshot) => snapshot.run(config).await,
        Command::Eval(eval) => eval.run(config).await,
        Command::Causes(causes) => causes.run(),
        Command::CheckConfig => check_config::run(config).await,
        Command::Openapi => openapi::run(),
    }
}

fn load_config(file: Option<PathBuf>) -> Result<Config, config::ConfigError> {
    // What is not Unicode is none of ours, or is refused with its setting's name once it is.
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    });
    config::load(file.as_deref(), environment)
}
