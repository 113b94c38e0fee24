//! The ports: traits that the product needs from the outside world, and the plain types that cross them.
//!
//! Adapters (`providers/*`) implement them, the product (`src/`) uses them, neither knows the other.
//! Feature `testing` adds fakes and the conformance suites that every implementation must pass.

pub mod audit;
pub mod chat;
pub mod clock;
pub mod cluster;
pub mod condensed;
pub mod quantity;
pub mod redact;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tool;
pub mod workflow;
