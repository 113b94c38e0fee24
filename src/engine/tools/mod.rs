//! Tools: the registry of what a model may call, the policy that guards it, the runtime that performs calls.

pub mod arguments;
pub mod redacted;
pub mod registry;
pub mod runtime;
pub mod submit;

pub use redacted::Redacted;
pub use registry::ToolRegistry;
