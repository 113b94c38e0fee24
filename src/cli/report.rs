//! A result for human eyes.

use std::fmt::Write as _;

use console::style;
use leadsman_contract::{HypothesisStatus, IncidentResponse, RemediationTarget, Verdict};

/// Width of wrapped text in columns.
const WIDTH: usize = 96;

/// Renders a result as text; colours only where the terminal has them.
pub(super) fn render(result: &IncidentResponse) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "\n{}", headline(result));
    section(&mut out, "Root cause", [result.root_cause.as_deref().unwrap_or(&result.analysis)]);
    if let Some(target) = &result.remediation_target {
        section(&mut out, "What to fix", [name(target)]);
    }
    numbered(&mut out, "How it came about", &result.root_cause_analysis.causal_chain);
    if !result.evidence.is_empty() {
        let _ = writeln!(out, "\n{}", style("Evidence, quoted").bold());
    }
    for exhibit in &result.evidence {
        let from = format!("{} {} {}", exhibit.id, exhibit.tool, arguments(&exhibit.arguments));
        let _ = writeln!(out, "  {}", style(from).dim());
        for line in wrap(&exhibit.quote, "    │ ") {
            let _ = writeln!(out, "{line}");
        }
    }
    let ruled_out: Vec<String> = result
        .hypotheses
        .iter()
        .filter(|hypothesis| hypothesis.status == HypothesisStatus::Refuted)
        .map(|hypothesis| format!("{} ({})", hypothesis.statement, hypothesis.test))
        .collect();
    numbered(&mut out, "Ruled out", &ruled_out);
    numbered(&mut out, "What to do next", &result.next_steps);
    if !result.warnings.is_empty() {
        let _ = writeln!(out, "\n{}", style("Notes").bold());
        for warning in &result.warnings {
            for line in hanging(warning, "  - ", "    ") {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    if let Some(usage) = &result.usage {
        let spent = format!(
            "{} ms, {} model turns, {} tool calls, {} tokens",
            usage.duration_ms,
            usage.model_turns,
            usage.tool_calls,
            usage.prompt_tokens + usage.completion_tokens
        );
        let _ = writeln!(out, "\n{}", style(spent).dim());
    }
    out
}

fn headline(result: &IncidentResponse) -> String {
    let verdict = match result.verdict {
        Some(Verdict::Confirmed) => style("CONFIRMED").green().bold(),
        Some(Verdict::Likely) => style("LIKELY").yellow().bold(),
        Some(Verdict::Inconclusive) => style("INCONCLUSIVE").red().bold(),
        None => style("NO VERDICT").red().bold(),
    };
    let cause = match result.root_cause_analysis.cause.as_str() {
        "" => "no cause code",
        cause => cause,
    };
    let by = if result.degraded { ", by rules alone" } else { "" };
    format!("{verdict}  {}  confidence {:.2}{by}", style(cause).bold(), result.confidence)
}

fn section<'a>(
    out: &mut String,
    title: &str,
    texts: impl IntoIterator<Item = impl Into<std::borrow::Cow<'a, str>>>,
) {
    let _ = writeln!(out, "\n{}", style(title).bold());
    for text in texts {
        for line in wrap(&text.into(), "  ") {
            let _ = writeln!(out, "{line}");
        }
    }
}

fn numbered(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style(title).bold());
    for (number, item) in items.iter().enumerate() {
        for line in hanging(item, &format!("  {}. ", number + 1), "     ") {
            let _ = writeln!(out, "{line}");
        }
    }
}

fn wrap(text: &str, indent: &str) -> Vec<String> {
    hanging(text, indent, indent)
}

fn hanging(text: &str, first: &str, rest: &str) -> Vec<String> {
    let options = textwrap::Options::new(WIDTH).initial_indent(first).subsequent_indent(rest);
    textwrap::wrap(text, options).into_iter().map(std::borrow::Cow::into_owned).collect()
}

fn name(target: &RemediationTarget) -> String {
    let RemediationTarget { kind, name, namespace, .. } = target;
    if namespace.is_empty() {
        format!("{kind} {name}")
    } else {
        format!("{kind} {name} in namespace {namespace}")
    }
}

fn arguments(arguments: &serde_json::Value) -> String {
    let Some(fields) = arguments.as_object() else { return String::new() };
    let words = fields.iter().map(|(name, value)| match value {
        serde_json::Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    words.collect::<Vec<_>>().join(" ")
}
