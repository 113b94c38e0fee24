//! Hypotheses: kept outside the chat, each with its test, its status and the evidence that decided it.

use serde::{Deserialize, Serialize};

use super::evidence::{Citation, Ledger};
use super::verdict::Alternative;
use crate::triage::{Finding, RuledOut, TriageReport};

/// The most hypotheses that are kept.
pub const MAX_HYPOTHESES: usize = 12;

/// Where a hypothesis stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HypothesisStatus {
    /// Not decided.
    Open,
    /// Evidence speaks for it.
    Supported,
    /// Evidence rules it out.
    Refuted,
}

/// A possible explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// What may be the case.
    pub statement: String,
    /// What would decide it.
    pub test: String,
    /// See [`HypothesisStatus`].
    pub status: HypothesisStatus,
    /// Quotes that decided it; every one holds.
    pub evidence: Vec<Citation>,
}

/// The rules' findings as hypotheses, and the alternatives to the best of them that evidence rules out. A model is to
/// test them all the same.
pub fn seed(report: &TriageReport) -> Vec<Hypothesis> {
    let hypothesis = |finding: &Finding| Hypothesis {
        statement: format!("{} on {}: {}", finding.cause, finding.target, finding.summary),
        test: format!("confirmed by: {} refuted by: {}", finding.confirm, finding.refute),
        status: if finding.citations.is_empty() {
            HypothesisStatus::Open
        } else {
            HypothesisStatus::Supported
        },
        evidence: finding.citations.clone(),
    };
    let refuted = report.ruled_out.iter().map(refuted);
    let room = MAX_HYPOTHESES.saturating_sub(report.ruled_out.len());
    report.findings.iter().take(room).map(hypothesis).chain(refuted).collect()
}

fn refuted(alternative: &RuledOut) -> Hypothesis {
    let RuledOut { cause, statement, because, citation } = alternative;
    Hypothesis {
        statement: format!("{cause}: {statement}"),
        test: because.clone(),
        status: HypothesisStatus::Refuted,
        evidence: vec![citation.clone()],
    }
}

/// Whether a hypothesis is an alternative that the rules ruled out to their own best finding.
pub fn is_of_rules(statement: &str, report: &TriageReport) -> bool {
    report.ruled_out.iter().map(refuted).any(|of_rules| of_rules.statement == statement)
}

/// Keeps of what a model sent only what the ledger supports: quotes that hold, and a decided status only
/// where at least one does. Returns the hypotheses and what did not hold.
pub fn verified(sent: Vec<Hypothesis>, ledger: &Ledger) -> (Vec<Hypothesis>, Vec<String>) {
    let mut problems = Vec::new();
    let mut kept: Vec<Hypothesis> = sent.into_iter().take(MAX_HYPOTHESES).collect();
    for hypothesis in &mut kept {
        hypothesis.evidence.retain(|citation| match ledger.check(citation) {
            Ok(()) => true,
            Err(problem) => {
                problems.push(problem.to_string());
                false
            }
        });
        if hypothesis.status != HypothesisStatus::Open && hypothesis.evidence.is_empty() {
            hypothesis.status = HypothesisStatus::Open;
            problems.push(format!("{:?} stays open: no evidence decides it", hypothesis.statement));
        }
    }
    (kept, problems)
}

/// The refuted ones, as alternatives that were ruled out.
pub fn ruled_out(hypotheses: &[Hypothesis]) -> impl Iterator<Item = Alternative> {
    hypotheses.iter().filter(|hypothesis| hypothesis.status == HypothesisStatus::Refuted).map(
        |hypothesis| Alternative {
            hypothesis: hypothesis.statement.clone(),
            ruled_out_by: hypothesis.test.clone(),
            evidence: hypothesis.evidence.first().cloned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::evidence::EvidenceId;
    use serde_json::json;

    #[test]
    fn a_status_without_evidence_that_holds_stays_open() {
        let mut ledger = Ledger::default();
        ledger.record("t", json!({}), "the node is Ready".to_owned());
        let refuted = |quote: &str| Hypothesis {
            statement: "the node is down".to_owned(),
            test: "its Ready condition".to_owned(),
            status: HypothesisStatus::Refuted,
            evidence: vec![Citation { evidence: EvidenceId::numbered(1), quote: quote.to_owned() }],
        };
        let (kept, problems) =
            verified(vec![refuted("node is Ready"), refuted("invented")], &ledger);
        let statuses: Vec<_> = kept.iter().map(|hypothesis| hypothesis.status).collect();
        assert_eq!(statuses, [HypothesisStatus::Refuted, HypothesisStatus::Open]);
        assert_eq!(problems.len(), 2);
        assert_eq!(ruled_out(&kept).count(), 1);
    }
}
