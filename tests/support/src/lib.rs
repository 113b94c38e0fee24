//! What the tests of several crates share.
//!
//! [`FakeModel`] is a chat-completions server on loopback that answers by a script and checks every request
//! against the protocol, so that a test of anything that talks to a model also proves that it talks properly.
//! [`FaultyApi`] is a Kubernetes API server one of whose aggregated APIs is out of order.

mod fake_model;
mod faulty_api;
mod fixtures;
mod gate;
mod protocol;
mod script;

pub use fake_model::{FakeModel, FakeModelOptions};
pub use faulty_api::{ApiRequest, Fault, FaultyApi, FaultyApiOptions};
pub use fixtures::{incident, temp_dir};
pub use gate::Gate;
pub use script::{Answer, ChatRequestView, End, Reply, investigator};
