//! Causes.
use serde::{Deserialize, Serialize};
/// Code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CauseCode(String);
/// Parse.
pub fn parse(s: &str) -> Option<CauseCode> { (!s.is_empty()).then(|| CauseCode(s.to_owned())) }
/// Codes.
pub fn codes() -> Vec<&'static str> { vec![] }

impl CauseCode {
    /// healthy
    pub fn is_healthy(&self) -> bool { self.0 == "healthy" }
}
impl std::fmt::Display for CauseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }
}
