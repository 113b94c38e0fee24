//! What the tests of several crates share.
//!
//! [`FakeModel`] is a chat-completions server on loopback that answers by a script and checks every request
//! against the protocol, so that a test of anything that talks to a model also proves that it talks properly.

mod fake_model;
mod fixtures;
mod gate;
mod protocol;
mod script;

pub use fake_model::{FakeModel, FakeModelOptions};
pub use fixtures::{incident, temp_dir};
pub use gate::Gate;
pub use script::{Answer, ChatRequestView, End, Reply, investigator};
