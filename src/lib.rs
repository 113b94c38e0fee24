//! Leadsman investigates Kubernetes incidents and answers with a root cause that the evidence supports.

pub mod engine;
pub mod triage;
