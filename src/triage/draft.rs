//! What a rule says: a finding whose support still points into the neighbourhood rather than into the ledger.

use jiff::Timestamp;
use leadsman_ports::cluster::ObjectRef;
use serde_json::Value;

use super::causes::{CauseCode, Tier};
use super::collect::LogKey;
use super::exhibit::yaml;
use super::view::{Event, Key};

/// Where the words that support a draft stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The object itself.
    Object(Key),
    /// The events about the object.
    Events(Key),
    /// The names of all objects of a cluster-scoped kind.
    Names(&'static str),
    /// A log.
    Log(LogKey),
}

/// Words that support a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) source: Source,
    pub(super) quote: String,
}

/// A finding in the making.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) cause: CauseCode,
    /// How close to the origin it stands: as the catalogue says, unless this case is clearer.
    pub(super) tier: Tier,
    /// What to fix.
    pub(super) target: ObjectRef,
    /// What shows the fault.
    pub(super) subject: Key,
    pub(super) summary: String,
    pub(super) chain: Vec<String>,
    pub(super) proofs: Vec<Proof>,
    pub(super) confidence: f64,
    pub(super) steps: Vec<String>,
    /// Whether it goes on.
    pub(super) active: bool,
    /// When it was seen last.
    pub(super) at: Option<Timestamp>,
    /// Whether it may be the consequence of a fault of something it depends on.
    pub(super) victim: bool,
}

impl Draft {
    /// A draft about a fault that goes on, of middling confidence, without support as yet.
    pub(super) fn new(cause: CauseCode, target: ObjectRef, subject: Key, summary: String) -> Self {
        Self {
            cause,
            tier: cause.cause().tier,
            target,
            subject,
            summary,
            chain: Vec::new(),
            proofs: Vec::new(),
            confidence: 0.8,
            steps: Vec::new(),
            active: true,
            at: None,
            victim: false,
        }
    }

    /// Cause first, symptom last.
    pub(super) fn chain<const N: usize>(mut self, steps: [String; N]) -> Self {
        self.chain = steps.into_iter().filter(|step| !step.is_empty()).collect();
        self
    }

    pub(super) fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    pub(super) fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    pub(super) fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    pub(super) fn at(mut self, at: Option<Timestamp>) -> Self {
        self.at = at;
        self
    }

    pub(super) fn victim(mut self, victim: bool) -> Self {
        self.victim = victim;
        self
    }

    /// A step for this case, before the catalogue's general advice.
    pub(super) fn step(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }

    fn prove(mut self, source: Source, quote: String) -> Self {
        if !quote.trim().is_empty() {
            self.proofs.push(Proof { source, quote });
        }
        self
    }

    /// Quotes a part of an object as it stands there.
    pub(super) fn part(self, key: &Key, part: Option<&Value>) -> Self {
        match part {
            Some(part) => self.prove(Source::Object(key.clone()), yaml(part)),
            None => self,
        }
    }

    /// Quotes words of an object.
    pub(super) fn words(self, key: &Key, words: &str) -> Self {
        self.prove(Source::Object(key.clone()), words.to_owned())
    }

    /// Quotes an event.
    pub(super) fn event(self, event: Option<&Event>) -> Self {
        match event {
            Some(event) => self.prove(Source::Events(event.about.clone()), event.message.clone()),
            None => self,
        }
    }

    /// Quotes the list of a kind's names.
    pub(super) fn names(self, kind: &'static str, words: &str) -> Self {
        self.prove(Source::Names(kind), words.to_owned())
    }

    /// Quotes a log.
    pub(super) fn log(self, key: LogKey, line: String) -> Self {
        self.prove(Source::Log(key), line)
    }
}
