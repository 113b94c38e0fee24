//! A tool whose output is masked on its way out, for adapters that do not mask their own.

use std::sync::Arc;

use async_trait::async_trait;
use leadsman_ports::redact::Redactor;
use leadsman_ports::tool::{Tool, ToolError, ToolSpec};
use serde_json::Value;

/// Masks what another tool answers, errors included.
pub struct Redacted {
    tool: Arc<dyn Tool>,
    redactor: Arc<dyn Redactor>,
}

impl Redacted {
    /// Puts a redactor behind a tool.
    pub fn new(tool: Arc<dyn Tool>, redactor: Arc<dyn Redactor>) -> Self {
        Self { tool, redactor }
    }
}

#[async_trait]
impl Tool for Redacted {
    fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, arguments: Value) -> Result<String, ToolError> {
        let mask = |text: String| self.redactor.text(&text);
        match self.tool.call(arguments).await {
            Ok(text) => Ok(mask(text)),
            Err(ToolError::InvalidArgument { field, problem }) => {
                Err(ToolError::InvalidArgument { field, problem: mask(problem) })
            }
            Err(ToolError::NotFound(text)) => Err(ToolError::NotFound(mask(text))),
            Err(ToolError::Denied(text)) => Err(ToolError::Denied(mask(text))),
            Err(ToolError::Failed(text)) => Err(ToolError::Failed(mask(text))),
        }
    }
}
