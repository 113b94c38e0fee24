//! Tools: what the model can have done for it.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

/// What a tool does to the world. Declared by every tool, so that policy can be a check and not a hope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Looks only.
    ReadOnly,
    /// Changes something: never runs without an approval.
    Mutating,
}

/// What a tool is.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// `[a-z_]+`
    pub name: String,
    /// For the model: what it does and when to use it, in one or two sentences.
    pub description: String,
    /// JSON Schema of an object, `additionalProperties: false`.
    pub parameters: Value,
    /// See [`Effect`].
    pub effect: Effect,
    /// The longest a call may take.
    pub deadline: Duration,
    /// The most bytes of output that are kept at all.
    pub byte_cap: usize,
}

/// Why a tool gave no output. The text goes to the model, so it says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// An argument is missing, unknown or of the wrong type.
    #[error("invalid argument {field}: {problem}")]
    InvalidArgument {
        /// The argument's name.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Not allowed, by RBAC or by policy.
    #[error("denied: {0}")]
    Denied(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// A tool. Dropping the future of a call stops it.
#[async_trait]
pub trait Tool: Send + Sync {
    /// The same value on every call.
    fn spec(&self) -> &ToolSpec;

    /// Runs it with arguments that are JSON but otherwise unchecked. The output is redacted text.
    async fn call(&self, arguments: Value) -> Result<String, ToolError>;
}
