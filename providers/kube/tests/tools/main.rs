//! The tools as a model sees them, over a snapshot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod basic;
mod jq;
mod logs;
mod support;
mod workloads;
