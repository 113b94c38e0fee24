//! Sessions: the life of investigations within this process and across its restarts.

mod lifecycle;
mod recovery;
mod session;
mod store;
mod task;
pub mod view;

pub use lifecycle::{CancelError, Sessions, Settings, SubmitError};
pub use session::Session;
pub use store::WatchedStore;
pub use view::{State, View};
