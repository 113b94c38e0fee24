//! The adapter against a server on loopback: what goes over the wire, and what comes back from it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod calls;
mod common;
mod options;
mod streams;
mod usage;
