//! An evaluation for human eyes on a terminal.

use std::fmt::Write as _;

use console::style;

use crate::eval::summary::Row;
use crate::eval::{Report, Summary};
use crate::readable;

/// Width of the column with the names of figures.
const LABEL: usize = 45;

/// Renders the figures, the families and what went wrong.
pub(super) fn render(report: &Report, summary: &Summary, threshold: f64) -> String {
    let mut out = String::new();
    let title = format!("{}: {}", report.directory, report.headline());
    let _ = writeln!(out, "{}\n", style(readable::line(&title)).bold());
    for (name, value) in summary.figures() {
        let _ = writeln!(out, "  {name:<LABEL$} {value}");
    }
    let cost = &summary.cost;
    if report.model.is_some() {
        let _ =
            writeln!(out, "  {:<LABEL$} {}", "Answered by the rules after all", summary.degraded);
        let tokens = format!(
            "{} read ({} cached), {} written in {} turns and {} tool calls",
            cost.prompt_tokens,
            cost.cached_tokens,
            cost.completion_tokens,
            cost.model_turns,
            cost.tool_calls
        );
        let _ = writeln!(out, "  {:<LABEL$} {tokens}", "Tokens");
    }
    let time = format!(
        "{} ms; a case {} ms (p50), {} ms (p95)",
        cost.total_ms, cost.case_p50_ms, cost.case_p95_ms
    );
    let _ = writeln!(out, "  {:<LABEL$} {time}", "Time");
    table(&mut out, "Family", &summary.families);
    if summary.sets.len() > 1 {
        table(&mut out, "Directory", &summary.sets);
    }
    wrong(&mut out, report);
    let _ = writeln!(out, "\n{}", verdict(report, summary, threshold));
    out
}

fn table(out: &mut String, first: &str, rows: &[Row]) {
    let shown = |row: &Row| {
        if row.name.is_empty() { ".".to_owned() } else { readable::line(&row.name).into_owned() }
    };
    let width = rows.iter().map(|row| shown(row).chars().count()).fold(first.len(), usize::max);
    let head =
        format!("  {first:<width$}  {:>6} {:>6} {:>6} {:>6}", "Cases", "Cause", "Target", "Both");
    let _ = writeln!(out, "\n{}", style(head).bold());
    for row in rows {
        let Row { name: _, cases, cause, target, both } = row;
        let name = shown(row);
        let _ = writeln!(
            out,
            "  {name:<width$}  {cases:>6} {:>6} {:>6} {:>6}",
            cause.count, target.count, both.count
        );
    }
}

fn wrong(out: &mut String, report: &Report) {
    let complaints: Vec<(&str, String)> = report
        .judged
        .iter()
        .filter_map(|case| Some((case.name.as_str(), case.complaint()?)))
        .collect();
    if complaints.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style("  Wrong answers").bold());
    for (name, complaint) in complaints {
        let _ = writeln!(out, "  {}", readable::line(&format!("{name}: {complaint}")));
    }
}

fn verdict(report: &Report, summary: &Summary, threshold: f64) -> String {
    let percent = threshold * 100.0;
    if !report.broken.is_empty() {
        let broken = report.broken.len();
        return style(format!("BROKEN  {broken} cases could not be answered")).red().to_string();
    }
    if summary.passes(threshold) {
        let text = format!("PASSED  at least {percent:.1} % right and no false alarm");
        return style(text).green().to_string();
    }
    let text = format!("FAILED  asked for at least {percent:.1} % right and no false alarm");
    style(text).red().to_string()
}
