//! `leadsman causes`: the catalogue of root causes as a page or as data.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Outcome, out};
use crate::triage::causes::{Cause, catalogue};

#[derive(Debug, Args)]
pub(super) struct Causes {
    /// Form of the catalogue on standard output.
    #[arg(long, value_enum, default_value_t = Output::Md)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Md,
    Json,
}

impl Causes {
    pub(super) fn run(self) -> Outcome {
        let text = match self.output {
            Output::Md => markdown(),
            Output::Json => json()?,
        };
        out::page(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Families by name, causes in the order of the table.
fn families() -> BTreeMap<&'static str, Vec<&'static Cause>> {
    let mut families: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for cause in catalogue() {
        families.entry(cause.family.as_str()).or_default().push(cause);
    }
    families
}

fn markdown() -> String {
    let families = families();
    let mut out = String::from("# Causes\n\nWritten by `leadsman causes`; do not edit.\n\n");
    let _ = writeln!(
        out,
        "{} root causes in {} families. The code is stable: it stands in `root_cause_analysis.cause` of a result and \
         in the label `cause` of the metrics.\n",
        catalogue().len(),
        families.len()
    );
    out.push_str("| Family | Causes |\n|---|---|\n");
    for (family, causes) in &families {
        let links: Vec<String> = causes.iter().map(|cause| link(cause)).collect();
        let _ = writeln!(out, "| {family} | {} |", links.join(", "));
    }
    for (family, causes) in &families {
        let _ = writeln!(out, "\n## Family: {family}");
        for cause in causes {
            section(&mut out, cause);
        }
    }
    out
}

/// A link to a cause's section: renderers drop the dot of a heading.
fn link(cause: &Cause) -> String {
    let code = cause.code.as_str();
    format!("[`{code}`](#{})", code.replace('.', ""))
}

fn section(out: &mut String, cause: &Cause) {
    let Cause { code, family: _, tier: _, definition, signal, confirm, refute, advice } = cause;
    let _ = writeln!(out, "\n### {code}\n\n{}\n", plain(definition));
    for (label, text) in [
        ("Decided by", signal),
        ("Confirmed if", confirm),
        ("Refuted if", refute),
        ("What to do", advice),
    ] {
        let _ = writeln!(out, "- **{label}:** {}", plain(text));
    }
}

/// Text without mark-up of its own.
fn plain(text: &str) -> String {
    text.replace('<', "&lt;").replace('*', "\\*")
}

fn json() -> serde_json::Result<String> {
    let causes: Vec<_> = families()
        .into_iter()
        .flat_map(|(family, causes)| {
            causes.into_iter().map(move |cause| {
                json!({
                    "code": cause.code,
                    "family": family,
                    "definition": cause.definition,
                    "signal": cause.signal,
                    "confirm": cause.confirm,
                    "refute": cause.refute,
                    "advice": cause.advice,
                })
            })
        })
        .collect();
    serde_json::to_string_pretty(&causes).map(|text| text + "\n")
}
