//! An evaluation as a page. Without a model it holds neither times nor tokens, so the same cases and rules
//! write the same page everywhere.

use std::fmt::Write as _;

use super::Report;
use super::summary::{Row, Summary};

/// Writes the page.
pub fn render(report: &Report) -> String {
    let summary = report.summary();
    let mut out = String::from("# Evaluation\n\n");
    let _ = writeln!(
        out,
        "Written by `leadsman eval {}{} --output md`; do not edit. Leadsman's docs/scenarios.md says what a case is \
         and what the figures mean.\n",
        report.directory,
        if report.model.is_some() { " --model" } else { "" },
    );
    let _ = writeln!(out, "{}.\n", report.headline());
    out.push_str("| Figure | Value |\n|---|---|\n");
    for (name, value) in summary.figures() {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    if report.model.is_some() {
        model_figures(&mut out, &summary);
    }
    table(&mut out, "Families", "Family", &summary.families);
    if summary.sets.len() > 1 {
        table(&mut out, "Sets", "Directory", &summary.sets);
    }
    complaints(&mut out, report);
    out
}

fn model_figures(out: &mut String, summary: &Summary) {
    let cost = &summary.cost;
    let _ = writeln!(out, "| Answered by the rules after all | {} |", summary.degraded);
    let _ = writeln!(out, "| Model turns | {} |", cost.model_turns);
    let _ = writeln!(
        out,
        "| Tokens read, of which cached, and written | {}, {}, {} |",
        cost.prompt_tokens, cost.cached_tokens, cost.completion_tokens
    );
}

fn table(out: &mut String, title: &str, first: &str, rows: &[Row]) {
    let _ = writeln!(out, "\n## {title}\n");
    let _ = writeln!(out, "| {first} | Cases | Cause right | Target right | Both right |");
    out.push_str("|---|---:|---:|---:|---:|\n");
    for Row { name, cases, cause, target, both } in rows {
        let name = if name.is_empty() { "." } else { name };
        let _ = writeln!(
            out,
            "| {} | {cases} | {} | {} | {} |",
            cell(name),
            cause.count,
            target.count,
            both.count
        );
    }
}

fn complaints(out: &mut String, report: &Report) {
    out.push_str("\n## Wrong answers\n\n");
    let mut none = true;
    for case in &report.judged {
        if let Some(complaint) = case.complaint() {
            none = false;
            let _ = writeln!(out, "- `{}`: {}", case.name, cell(&complaint));
        }
    }
    for error in &report.broken {
        none = false;
        let _ = writeln!(out, "- not answered: {}", cell(&error.to_string()));
    }
    if none {
        out.push_str("None.\n");
    }
}

/// Text of others in a page: one line, and no mark-up of its own.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").replace('<', "&lt;")
}
