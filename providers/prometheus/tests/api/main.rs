//! The tools against a small server that speaks the Prometheus API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod options;
mod server;
mod tools;
