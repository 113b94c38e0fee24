//! Sessions: the life of investigations from acceptance to retention, one owned task each.

pub mod lifecycle;
pub mod recovery;
pub mod view;

pub use lifecycle::{CancelError, Sessions, Settings, SubmitError};
pub use view::{Session, State, View};
