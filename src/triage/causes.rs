//! Causes.
use serde::{Deserialize, Serialize};
/// Code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CauseCode(String);
