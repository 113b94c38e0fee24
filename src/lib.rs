//! Leadsman investigates Kubernetes incidents and answers with a root cause that the evidence supports.
//!
//! Reading order: [`engine`] (the journal, the run, the driver), [`triage`] (rules without a model),
//! [`sessions`] (the life of investigations), [`audit`], [`service`], [`wire`] and [`readable`] (the API's side),
//! [`config`], [`app`] (the composition), [`foreground`] (one investigation without a service), [`eval`] (many
//! of them against expected answers), [`cli`].

pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod engine;
pub mod eval;
pub mod foreground;
mod places;
pub mod readable;
pub mod service;
pub mod sessions;
pub mod shutdown;
pub mod telemetry;
pub mod triage;
pub mod wire;
