//! The server over HTTP, with a service that answers as each case needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod answers;
mod documents;
mod greedy;
mod hostile;
mod lifecycle;
mod malformed;
mod support;
