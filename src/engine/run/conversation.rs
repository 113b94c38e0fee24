//! The conversation with the model, folded from the journal: the same events give the same bytes.

use std::collections::HashSet;

use leadsman_ports::chat::{ChatResponse, FinishReason, Message, ToolCall};

use crate::engine::evidence::Ledger;
use crate::engine::incident::Incident;
use crate::engine::prompts;
use crate::engine::tools::{arguments, runtime, submit};
use crate::engine::verdict::Proposal;
use crate::triage::TriageReport;

/// How often an answer without a tool call or a result is tolerated.
const MAX_NUDGES: u32 = 2;
/// How often an answer that hit the output ceiling is tolerated.
const MAX_CUT_OFF: u32 = 2;
/// Output ceiling of the first call after a cut-off answer, in tokens; doubled after the second.
const RAISED_OUTPUT_TOKENS: u32 = 8_192;

/// Messages so far, calls without an answer, and how patient we still are.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    messages: Vec<Message>,
    pending: Vec<ToolCall>,
    call_ids: HashSet<String>,
    nudges: u32,
    cut_off: u32,
    sent_back: u32,
    wrapped_up: bool,
}

impl Conversation {
    /// Begins with the system message and the briefing.
    pub(super) fn open(
        &mut self,
        incident: &Incident,
        triage: Option<&TriageReport>,
        ledger: &Ledger,
    ) {
        self.messages = vec![
            Message::System { text: prompts::SYSTEM.to_owned() },
            Message::User { text: prompts::briefing(incident, triage, ledger) },
        ];
    }

    /// Every message so far.
    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Calls that wait for their answers, in the model's order.
    pub(super) fn pending(&self) -> &[ToolCall] {
        &self.pending
    }

    /// How often proposals were sent back.
    pub(super) fn times_sent_back(&self) -> u32 {
        self.sent_back
    }

    /// The model does not manage to answer in a form that can be used.
    pub(super) fn hopeless(&self) -> bool {
        self.nudges > MAX_NUDGES || self.cut_off > MAX_CUT_OFF
    }

    /// The output ceiling for the next call: the provider's own until an answer was cut off.
    pub(super) fn max_output_tokens(&self) -> Option<u32> {
        (self.cut_off > 0).then(|| RAISED_OUTPUT_TOKENS << (self.cut_off - 1).min(1))
    }

    /// Takes an answer in; returns the proposal, if the answer submits one that can be read.
    pub(super) fn answered(&mut self, response: &ChatResponse) -> Option<Proposal> {
        let calls = self.unique(&response.tool_calls);
        let text = match (response.text.trim(), calls.is_empty()) {
            ("", true) => "(empty answer)".to_owned(),
            _ => response.text.clone(),
        };
        self.messages.push(Message::Assistant { text, tool_calls: calls.clone() });
        self.pending = calls;
        if let Some(call) = self.pending.iter().find(|call| runtime::is_submission(call)) {
            let read = arguments::parse(&call.arguments)
                .map_err(|problem| submit::SubmitError::Unreadable(problem.to_string()))
                .and_then(submit::read);
            return match read {
                Ok(proposal) => Some(proposal),
                Err(problem) => {
                    self.nudges += 1;
                    self.answer_submission(&format!("error: {problem}"));
                    None
                }
            };
        }
        if !self.pending.is_empty() {
            return None;
        }
        let proposal =
            arguments::find_object(&response.text).and_then(|object| submit::read(object).ok());
        if proposal.is_none() {
            let reply = if response.finish == FinishReason::Length {
                self.cut_off += 1;
                prompts::CUT_OFF
            } else {
                self.nudges += 1;
                prompts::NUDGE
            };
            self.say(reply);
        }
        proposal
    }

    /// Takes the answer to one call in; after the last one of a nearly spent budget, asks for the result.
    pub(super) fn tool_answered(&mut self, call_id: &str, text: &str, nearly_spent: bool) {
        self.pending.retain(|call| call.id != call_id);
        self.messages.push(Message::Tool { call_id: call_id.to_owned(), text: text.to_owned() });
        if self.pending.is_empty() && nearly_spent && !self.wrapped_up {
            self.wrapped_up = true;
            self.say(prompts::WRAP_UP);
        }
    }

    /// Sends the last proposal back with what did not hold.
    pub(super) fn sent_back(&mut self, problems: &[String]) {
        self.sent_back += 1;
        let text = format!(
            "error: the evidence check failed. {}. Correct it and call submit_result again; what fails again is dropped.",
            problems.join(". ")
        );
        if self.pending.is_empty() {
            self.say(&text);
        } else {
            self.answer_submission(&text);
        }
    }

    /// Answers the submission and every call beside it.
    fn answer_submission(&mut self, text: &str) {
        let mut answered = false;
        for call in std::mem::take(&mut self.pending) {
            let first = runtime::is_submission(&call) && !answered;
            answered |= first;
            let text = if first { text } else { prompts::NOT_RUN };
            self.messages.push(Message::Tool { call_id: call.id, text: text.to_owned() });
        }
    }

    fn say(&mut self, text: &str) {
        self.messages.push(Message::User { text: text.to_owned() });
    }

    /// Gives every call an id that the conversation has not seen; servers that count from zero each turn
    /// would otherwise make answers ambiguous.
    fn unique(&mut self, calls: &[ToolCall]) -> Vec<ToolCall> {
        calls
            .iter()
            .map(|call| {
                let mut id = call.id.clone();
                let mut copy = 1;
                while id.is_empty() || !self.call_ids.insert(id.clone()) {
                    copy += 1;
                    id = format!("{}_{copy}", call.id);
                }
                ToolCall { id, ..call.clone() }
            })
            .collect()
    }
}
