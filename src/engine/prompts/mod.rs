//! The words that the engine says to a model. Every text is a pure function of the journal, so that a
//! conversation has the same bytes on every turn and after every restart.

use std::fmt::Write as _;

use crate::engine::evidence::Ledger;
use crate::engine::incident::{Incident, SignalMode};
use crate::engine::tools::runtime;
use crate::engine::untrusted::{frame, one_line};
use crate::triage::{RuledOut, TriageReport};

/// The system message.
pub const SYSTEM: &str = include_str!("system.txt");

/// Said after an answer that neither calls a tool nor holds a result.
pub const NUDGE: &str = "Your answer holds neither a tool call nor a result. Call a tool to go on, or call submit_result \
                         with what the evidence shows.";

/// Said after an answer that was cut off.
pub const CUT_OFF: &str =
    "Your answer was cut off by the output limit. Be brief: call one tool, or call submit_result.";

/// Said once when the budget is nearly spent.
pub const WRAP_UP: &str = "The budget is nearly spent: this is your last turn. Call submit_result now with what the evidence shows.";

/// The answer to calls that stood beside a submission.
pub const NOT_RUN: &str = "not run: submit_result ends the turn; call it alone";

/// The most bytes of triage evidence in the briefing, all pieces together.
const BRIEFING_EVIDENCE_BYTES: usize = 9_000;
/// The most findings in the briefing.
const BRIEFING_FINDINGS: usize = 5;

/// The first user message: the incident and what triage found.
pub fn briefing(incident: &Incident, triage: Option<&TriageReport>, ledger: &Ledger) -> String {
    let mut out = String::with_capacity(4096);
    describe_incident(&mut out, incident);
    match triage {
        Some(report) => describe_triage(&mut out, report, ledger),
        None => out.push_str("\nThe rule catalogue could not look at the cluster.\n"),
    }
    out.push_str("\nInvestigate, then call submit_result.");
    out
}

fn describe_incident(out: &mut String, incident: &Incident) {
    let resource = &incident.resource;
    let mut said = String::new();
    let mut line = |name: &str, value: &str| {
        let value = one_line(value, 1_000);
        if !value.is_empty() {
            let _ = writeln!(said, "- {name}: {value}");
        }
    };
    line("Signal Name", &incident.signal_name);
    line("Resource", &format!("{}/{}/{}", resource.namespace, resource.kind, resource.name));
    line("API Version", &resource.api_version);
    line("Severity", incident.severity.as_str());
    line("Signal Source", &incident.signal_source);
    line("Environment", &incident.environment);
    line("Priority", &incident.priority);
    line("Business Category", &incident.business_category);
    line("Risk Tolerance", &incident.risk_tolerance);
    line("Cluster", &incident.cluster_name);
    line("Firing Since", incident.firing_time.as_deref().unwrap_or_default());
    if let Some(duplicate) = &incident.duplicate {
        line("Seen Before", &format!("{} times", duplicate.occurrences));
    }
    for (name, text) in
        [("error", Some(&incident.error_message)), ("description", incident.description.as_ref())]
    {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let _ = writeln!(said, "{name}: {}", one_line(text, 2_000));
        }
    }
    for (kind, pairs) in [("label", &incident.labels), ("annotation", &incident.annotations)] {
        for (name, value) in pairs.iter().take(30) {
            let _ = writeln!(said, "{kind} {}: {}", one_line(name, 120), one_line(value, 400));
        }
    }
    let _ = writeln!(out, "What the alert says:\n{}", frame("alert", &said));
    if incident.mode == SignalMode::Proactive {
        out.push_str(
            "This is proactive mode: the problem is predicted and may not have happened yet.\n",
        );
    }
}

fn describe_triage(out: &mut String, report: &TriageReport, ledger: &Ledger) {
    let mut found = String::new();
    // Names, quotes and notes are the cluster's words, so they stand in a frame like the evidence itself.
    describe_findings(&mut found, report);
    let _ = writeln!(out, "\nWhat the rule catalogue found:\n{}", frame("rules", &found));
    show_cited(out, report, ledger);
}

fn describe_findings(out: &mut String, report: &TriageReport) {
    let _ = writeln!(out, "Looked at: {}", report.target);
    if !report.owners.is_empty() {
        let owners: Vec<String> = report.owners.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "Owner chain: {}", owners.join(" <- "));
    }
    if report.findings.is_empty() {
        out.push_str("No rule found a cause.\n");
    }
    for (rank, finding) in report.findings.iter().take(BRIEFING_FINDINGS).enumerate() {
        let _ = writeln!(
            out,
            "Finding {}: cause {} on {} (confidence {:.2}): {}\n  confirmed by: {}\n  refuted by: {}",
            rank + 1,
            finding.cause,
            finding.target,
            finding.confidence,
            one_line(&finding.summary, 500),
            one_line(&finding.confirm, 300),
            one_line(&finding.refute, 300),
        );
        for citation in &finding.citations {
            let _ = writeln!(out, "  {}: {:?}", citation.evidence, one_line(&citation.quote, 300));
        }
    }
    for RuledOut { cause, statement, because, citation } in &report.ruled_out {
        let _ = writeln!(
            out,
            "Ruled out for finding 1: {cause}: {} ({}; {})",
            one_line(statement, 120),
            one_line(because, 160),
            citation.evidence
        );
    }
    for note in report.notes.iter().take(8) {
        let _ = writeln!(out, "Note: {}", one_line(note, 300));
    }
}

/// Shows the evidence that the findings cite, then names the rest so that the model can ask for it.
fn show_cited(out: &mut String, report: &TriageReport, ledger: &Ledger) {
    let cited = |id: &crate::engine::evidence::EvidenceId| {
        report
            .findings
            .iter()
            .take(BRIEFING_FINDINGS)
            .any(|finding| finding.citations.iter().any(|citation| citation.evidence == *id))
    };
    let (shown, named): (Vec<_>, Vec<_>) =
        ledger.entries().iter().partition(|evidence| cited(&evidence.id));
    let each = BRIEFING_EVIDENCE_BYTES / shown.len().max(3);
    for evidence in shown {
        let _ = writeln!(out, "\n{}", runtime::show(evidence, each));
    }
    let mut rest = String::new();
    for evidence in named {
        let _ = writeln!(
            rest,
            "Also collected: {} {} {} ({} bytes)",
            evidence.id,
            evidence.tool,
            one_line(&evidence.arguments.to_string(), 200),
            evidence.text.len()
        );
    }
    if !rest.is_empty() {
        let _ = writeln!(out, "\n{}", frame("ledger", &rest));
    }
}
