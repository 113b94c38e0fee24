//! Integration tests: the real service over HTTP, real kube-rs against the simulated API server, a wire-level
//! fake model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod aggregated_api;
mod cancel;
mod cli;
mod controller_day;
mod crash;
mod engine;
mod eval;
mod fuzz;
mod harness;
mod hypotheses;
mod injection;
mod kills;
mod load;
mod model_output;
mod planted;
mod problems;
mod scenarios;
mod secrets;
mod sessions;
mod settings;
mod shutdown;
mod terminal;
