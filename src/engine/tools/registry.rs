//! The registry: every tool of an installation, in a stable order, with the policy check at the door.

use std::sync::Arc;

use leadsman_ports::chat::ToolDefinition;
use leadsman_ports::tool::{Effect, Tool};
use serde_json::{Value, json};

use super::submit;
use crate::triage::causes;

/// The tool that pages and searches evidence of the running investigation.
pub const READ_EVIDENCE: &str = "read_evidence";

/// Why a set of tools cannot be offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Two tools with one name.
    #[error("two tools are named {0}")]
    Duplicate(String),
    /// A tool that changes something; there is no approval flow for it.
    #[error("tool {0} changes the cluster; only read-only tools may be registered")]
    Mutating(String),
}

/// Rewrites a call by another name, with its arguments, into a call of a tool; `None` where there is nothing
/// to rewrite.
pub type Alias = fn(&str, Value) -> Option<(String, Value)>;

/// Every tool a model may call.
pub struct ToolRegistry {
    tools: Vec<Arc<dyn Tool>>,
    alias: Option<Alias>,
    definitions: Arc<[ToolDefinition]>,
}

impl std::fmt::Debug for ToolRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.definitions.iter().map(|tool| &tool.name)).finish()
    }
}

impl ToolRegistry {
    /// Takes the adapters' tools and adds the engine's own.
    pub fn new(tools: Vec<Arc<dyn Tool>>) -> Result<Self, RegistryError> {
        let mut definitions = Vec::with_capacity(tools.len() + 3);
        for tool in &tools {
            let spec = tool.spec();
            match spec.effect {
                Effect::ReadOnly => {}
                Effect::Mutating => return Err(RegistryError::Mutating(spec.name.clone())),
            }
            definitions.push(ToolDefinition {
                name: spec.name.clone(),
                description: spec.description.clone(),
                parameters: spec.parameters.clone(),
            });
        }
        definitions.push(read_evidence_definition());
        definitions.push(submit::hypotheses_definition());
        let causes: Vec<&str> =
            causes::catalogue().iter().map(|cause| cause.code.as_str()).collect();
        definitions.push(submit::definition(&causes));
        let mut names: Vec<&str> = definitions.iter().map(|tool| tool.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(RegistryError::Duplicate(pair[0].to_owned()));
        }
        Ok(Self { tools, alias: None, definitions: definitions.into() })
    }

    /// Answers calls by other names too; they are never offered.
    #[must_use]
    pub fn with_aliases(mut self, alias: Alias) -> Self {
        self.alias = Some(alias);
        self
    }

    /// The call that a model's call means.
    pub fn meant(&self, name: &str, arguments: Value) -> (String, Value) {
        let rewritten = self.alias.and_then(|alias| alias(name, arguments.clone()));
        rewritten.unwrap_or_else(|| (name.to_owned(), arguments))
    }

    /// What is offered to the model, the same bytes every time.
    pub fn definitions(&self) -> Arc<[ToolDefinition]> {
        Arc::clone(&self.definitions)
    }

    /// Finds an adapter's tool.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.iter().find(|tool| tool.spec().name == name)
    }
}

fn read_evidence_definition() -> ToolDefinition {
    ToolDefinition {
        name: READ_EVIDENCE.to_owned(),
        description:
            "Reads more of an earlier tool output by its evidence id: a page from a byte offset, \
                      or the lines that contain a text."
                .to_owned(),
        parameters: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["id"],
            "properties": {
                "id": {"type": "string", "description": "Evidence id, e.g. E3"},
                "offset": {"type": "integer", "minimum": 0, "description": "First byte of the page; 0 by default"},
                "grep": {"type": "string", "description": "Only lines that contain this text, in any letter case"}
            }
        }),
    }
}
