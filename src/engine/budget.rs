//! Budgets: what an investigation may spend, what it has spent, and which limit ran out.

use std::time::Duration;

use leadsman_ports::chat::TokenUsage;
use serde::{Deserialize, Serialize};

/// What one investigation may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time in seconds, counted by each process that works on it.
    pub seconds: u64,
    /// Model turns.
    pub turns: u32,
    /// Tool calls by the model.
    pub tool_calls: u32,
    /// Tokens read and written.
    pub tokens: u64,
}

impl Limits {
    /// The wall time.
    pub fn wall_time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// What one investigation has spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spend {
    /// Tokens by kind.
    pub tokens: TokenUsage,
    /// Model turns.
    pub turns: u32,
    /// Tool calls by the model.
    pub tool_calls: u32,
}

/// A limit that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// Wall time.
    Time,
    /// Model turns.
    Turns,
    /// Tool calls.
    ToolCalls,
    /// Tokens.
    Tokens,
}

impl Spend {
    /// The first limit that has been reached, if any.
    pub fn exhausted(&self, limits: &Limits) -> Option<Exhausted> {
        let tokens = self.tokens.prompt + self.tokens.completion;
        if self.turns >= limits.turns {
            Some(Exhausted::Turns)
        } else if self.tool_calls >= limits.tool_calls {
            Some(Exhausted::ToolCalls)
        } else if tokens >= limits.tokens {
            Some(Exhausted::Tokens)
        } else {
            None
        }
    }

    /// Whether the next turn should be the last: one turn left, or nine tenths of the tokens or calls spent.
    pub fn nearly_exhausted(&self, limits: &Limits) -> bool {
        let tokens = self.tokens.prompt + self.tokens.completion;
        self.turns + 1 >= limits.turns
            || u64::from(self.tool_calls) * 10 >= u64::from(limits.tool_calls) * 9
            || tokens * 10 >= limits.tokens * 9
    }
}

impl Exhausted {
    /// For users, with what was spent.
    pub fn explain(self, limits: &Limits, spend: &Spend) -> String {
        match self {
            Self::Time => format!("the time limit of {} s ran out", limits.seconds),
            Self::Turns => format!("the limit of {} model turns ran out", limits.turns),
            Self::ToolCalls => format!("the limit of {} tool calls ran out", limits.tool_calls),
            Self::Tokens => format!(
                "the limit of {} tokens ran out ({} spent)",
                limits.tokens,
                spend.tokens.prompt + spend.tokens.completion
            ),
        }
    }
}
