//! Chat models over HTTP.
//!
//! One file holds one wire dialect ([`OpenAiCompatible`] is the only one so far); what every dialect
//! needs stands beside it: options, transport, error classes and the retry rule.
//!
//! Whatever a model or its server sends is untrusted. It is bounded in size, read leniently where
//! servers are known to differ, and turned into a typed error where it makes no sense.

mod assemble;
mod errors;
mod lines;
mod openai;
mod options;
mod retry;
mod transport;
mod wire;

pub use openai::OpenAiCompatible;
pub use options::{OpenAiOptions, OptionsError};
