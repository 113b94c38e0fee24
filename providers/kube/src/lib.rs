//! Kubernetes for Leadsman: one kube-rs client for live clusters and snapshots, redaction, tools, and the simulated API server.

pub mod capture;
pub mod client;
pub mod redaction;
mod render;
pub mod simulator;
pub mod snapshot;
pub mod tools;
