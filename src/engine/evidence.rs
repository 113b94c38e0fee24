//! The evidence ledger: every tool output of an investigation, kept whole, cited by id and checked by code.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::untrusted::clean;

/// Names one piece of evidence within an investigation: `E1`, `E2` …
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvidenceId(pub String);

impl EvidenceId {
    /// The id of the `number`-th piece, counted from 1.
    pub fn numbered(number: usize) -> Self {
        Self(format!("E{number}"))
    }
}

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One tool output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its name.
    pub id: EvidenceId,
    /// The tool that produced it.
    pub tool: String,
    /// What the tool was asked.
    pub arguments: Value,
    /// SHA-256 of `text`, lower-case hex.
    pub sha256: String,
    /// The whole redacted output.
    pub text: String,
}

impl Evidence {
    /// Seals an output.
    pub fn new(id: EvidenceId, tool: &str, arguments: Value, text: String) -> Self {
        let sha256 = hex(&Sha256::digest(text.as_bytes()));
        Self { id, tool: tool.to_owned(), arguments, sha256, text }
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A claim's support: a verbatim quote from a piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// Where it stands.
    pub evidence: EvidenceId,
    /// The exact words.
    pub quote: String,
}

/// Why a citation does not hold. The text goes back to the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CitationError {
    /// No such evidence.
    #[error("there is no evidence {0}")]
    UnknownEvidence(EvidenceId),
    /// The words do not occur there.
    #[error("evidence {evidence} does not contain the quote {quote:?}")]
    QuoteNotFound {
        /// Where it was said to stand.
        evidence: EvidenceId,
        /// What was said to stand there.
        quote: String,
    },
    /// A quote too short to prove anything.
    #[error(
        "the quote {0:?} is too short to prove anything; quote at least {MIN_QUOTE} characters"
    )]
    TooShort(String),
}

/// The fewest non-blank characters that a quote must have.
pub const MIN_QUOTE: usize = 6;

/// All evidence of one investigation, in the order it was collected.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    entries: Vec<Evidence>,
}

impl Ledger {
    /// The id that the next piece will get.
    pub fn next_id(&self) -> EvidenceId {
        EvidenceId::numbered(self.entries.len() + 1)
    }

    /// Adds a piece whose id is [`Ledger::next_id`].
    pub fn push(&mut self, evidence: Evidence) {
        self.entries.push(evidence);
    }

    /// Seals an output under the next id and returns that id.
    pub fn record(&mut self, tool: &str, arguments: Value, text: String) -> EvidenceId {
        let id = self.next_id();
        self.push(Evidence::new(id.clone(), tool, arguments, text));
        id
    }

    /// Finds a piece; ids are compared without regard to letter case.
    pub fn get(&self, id: &EvidenceId) -> Option<&Evidence> {
        self.entries.iter().find(|entry| entry.id.0.eq_ignore_ascii_case(id.0.trim()))
    }

    /// Every piece in order.
    pub fn entries(&self) -> &[Evidence] {
        &self.entries
    }

    /// Checks that the quote occurs verbatim in the evidence it names, both cleaned as a model sees them; runs of
    /// white space count as one blank.
    pub fn check(&self, citation: &Citation) -> Result<(), CitationError> {
        let evidence = self
            .get(&citation.evidence)
            .ok_or_else(|| CitationError::UnknownEvidence(citation.evidence.clone()))?;
        let quote = squeeze(&clean(&citation.quote));
        if quote.chars().filter(|c| !c.is_whitespace()).count() < MIN_QUOTE {
            return Err(CitationError::TooShort(citation.quote.clone()));
        }
        if squeeze(&clean(&evidence.text)).contains(&quote) {
            Ok(())
        } else {
            Err(CitationError::QuoteNotFound {
                evidence: citation.evidence.clone(),
                quote: citation.quote.clone(),
            })
        }
    }
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.record("logs", json!({}), "one\n  ERROR:  cannot   connect\ntwo".to_owned());
        ledger
    }

    fn cite(id: &str, quote: &str) -> Citation {
        Citation { evidence: EvidenceId(id.into()), quote: quote.into() }
    }

    #[test]
    fn a_verbatim_quote_holds_whatever_its_white_space() {
        assert_eq!(ledger().check(&cite("E1", "ERROR: cannot connect")), Ok(()));
        assert_eq!(ledger().check(&cite(" e1 ", "ERROR:\ncannot connect\ntwo")), Ok(()));
    }

    #[test]
    fn an_invented_quote_does_not_hold() {
        assert!(matches!(
            ledger().check(&cite("E1", "ERROR: cannot resolve")),
            Err(CitationError::QuoteNotFound { .. })
        ));
        assert!(matches!(
            ledger().check(&cite("E2", "ERROR: cannot connect")),
            Err(CitationError::UnknownEvidence(_))
        ));
        assert!(matches!(ledger().check(&cite("E1", " o n e ")), Err(CitationError::TooShort(_))));
    }

    #[test]
    fn the_seal_is_the_sha_256_of_the_text() {
        let evidence = Evidence::new(EvidenceId::numbered(1), "t", json!({}), "abc".into());
        assert_eq!(
            evidence.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
