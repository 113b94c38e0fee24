//! Texts of clusters, clients and models on their way to people: what a terminal obeys and what no reader sees is
//! spelt out as Rust and JavaScript do (`\\u{1b}`), so that it stays evidence and does nothing. Text without such
//! characters stays as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

use leadsman_contract::{
    Citation, DueDiligence, Hypothesis, HypothesisEvidence, IncidentResponse, Partial,
    RemediationTarget, RootCauseAnalysis, SessionStatus,
};
use serde_json::{Map, Value};

use crate::engine::untrusted::is_hidden;

/// Spells out what a reader could not see or a terminal would obey. Line ends and tabs stay.
pub fn text(text: &str) -> Cow<'_, str> {
    spelt(
        text,
        |c| is_hidden(c) && !matches!(c, '\n' | '\t'),
        |out, c| {
            let _ = write!(out, "{}", c.escape_unicode());
        },
    )
}

/// Like [`text`], and stays on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    spelt(text, is_hidden, |out, c| {
        let _ = match c {
            '\n' | '\t' => write!(out, "{}", c.escape_default()),
            c => write!(out, "{}", c.escape_unicode()),
        };
    })
}

/// Spells out in JSON's own notation; for text that is JSON already, and ends in a line end or not.
pub fn json(text: &str) -> Cow<'_, str> {
    spelt(
        text,
        |c| is_hidden(c) && !matches!(c, '\n' | '\t'),
        |out, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

fn spelt(
    text: &str,
    hidden: impl Fn(char) -> bool,
    spell: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    let Some(first) = text.find(&hidden) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if hidden(c) {
            spell(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Spells out in place; most texts have nothing to spell.
pub fn string(value: &mut String) {
    if let Cow::Owned(changed) = text(value) {
        *value = changed;
    }
}

/// Spells out every text of a value, names of fields included.
pub fn value(value: &mut Value) {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => items.iter_mut().for_each(self::value),
        Value::Object(fields) => {
            fields.values_mut().for_each(self::value);
            if fields.keys().any(|name| matches!(text(name), Cow::Owned(_))) {
                let renamed = std::mem::take(fields).into_iter();
                *fields = renamed
                    .map(|(name, field)| (text(&name).into_owned(), field))
                    .collect::<Map<_, _>>();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Every text of a result but the client's own id. What only a workflow catalogue fills is left out: its texts are
/// the operator's.
pub fn result(result: &mut IncidentResponse) {
    let IncidentResponse {
        analysis,
        root_cause_analysis,
        warnings,
        root_cause,
        remediation_target,
        evidence,
        partial,
        hypotheses,
        next_steps,
        incident_id: _,
        confidence: _,
        timestamp: _,
        needs_human_review: _,
        human_review_reason: _,
        is_actionable: _,
        selected_workflow: _,
        alternative_workflows: _,
        validation_attempts_history: _,
        detected_labels: _,
        alignment_verdict: _,
        investigation_outcome: _,
        actionable: _,
        verdict: _,
        degraded: _,
        usage: _,
    } = result;
    string(analysis);
    analysis_of(root_cause_analysis);
    strings(warnings);
    strings(next_steps);
    root_cause.iter_mut().for_each(string);
    remediation_target.iter_mut().for_each(target);
    for Citation { id: _, tool, arguments, quote } in evidence {
        string(tool);
        value(arguments);
        string(quote);
    }
    if let Some(Partial { reason }) = partial {
        string(reason);
    }
    for Hypothesis { statement, test, status: _, evidence } in hypotheses {
        string(statement);
        string(test);
        for HypothesisEvidence { id: _, quote } in evidence {
            string(quote);
        }
    }
}

fn analysis_of(analysis: &mut RootCauseAnalysis) {
    let RootCauseAnalysis {
        summary,
        remediation_target,
        signal_name,
        contributing_factors,
        causal_chain,
        due_diligence,
        cause: _,
        severity: _,
    } = analysis;
    string(summary);
    remediation_target.iter_mut().for_each(target);
    string(signal_name);
    strings(contributing_factors);
    strings(causal_chain);
    let DueDiligence {
        causal_completeness,
        target_accuracy,
        evidence_sufficiency,
        alternative_hypotheses,
        scope_completeness,
        proportionality,
        regression_awareness,
        confidence_calibration,
    } = due_diligence;
    for answer in [
        causal_completeness,
        target_accuracy,
        evidence_sufficiency,
        alternative_hypotheses,
        scope_completeness,
        proportionality,
        regression_awareness,
        confidence_calibration,
    ] {
        string(answer);
    }
}

fn target(target: &mut RemediationTarget) {
    let RemediationTarget { kind, name, namespace, api_version } = target;
    [kind, name, namespace, api_version].into_iter().for_each(string);
}

fn strings(texts: &mut [String]) {
    texts.iter_mut().for_each(string);
}

/// What a status says in words.
pub fn status(status: &mut SessionStatus) {
    status.error.iter_mut().for_each(string);
    if let Some(progress) = &mut status.progress {
        progress.message.iter_mut().for_each(string);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HIDDEN: &[&str] = &[
        "\u{1b}[2J",
        "\u{9b}31m",
        "\r",
        "\u{7}",
        "\u{8}",
        "\u{7f}",
        "\0",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{200d}",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "\u{ad}",
        "\u{fe0f}",
        "\u{e0041}",
        "\u{3164}",
        "\n",
        "\t",
    ];

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            prop::sample::select(HIDDEN.to_vec()).prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn what_people_write_stays() {
        for kept in ["Größe 日本語 עברית العربية हिन्दी 🙂 → \u{a0}", "a\n\tb", "\\u{1b}", ""]
        {
            assert!(matches!(text(kept), Cow::Borrowed(_)), "{kept}");
        }
        assert_eq!(text("\u{1b}[31mred\r\n"), "\\u{1b}[31mred\\u{d}\n");
        assert_eq!(line("a\n\u{202e}b\t"), "a\\n\\u{202e}b\\t");
        assert_eq!(json("\"\u{9b}\u{e0041}\"\n"), "\"\\u009b\\udb40\\udc41\"\n");
    }

    #[test]
    fn names_of_fields_are_texts_too() {
        let mut sent = serde_json::json!({"a\u{1b}": [{"b": "\u{202e}"}]});
        value(&mut sent);
        assert_eq!(sent, serde_json::json!({"a\\u{1b}": [{"b": "\\u{202e}"}]}));
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_and_nothing_else_changes(given in pieces()) {
            let shown = text(&given);
            prop_assert!(!shown.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\t')));
            prop_assert_eq!(text(&shown), shown.clone(), "a second time changes nothing");
            let one = line(&given);
            prop_assert!(!one.chars().any(is_hidden));
            let plain = |text: &str| text.chars().filter(|c| !is_hidden(*c)).collect::<String>();
            let mut rest = one.chars();
            prop_assert!(plain(&given).chars().all(|c| rest.any(|other| other == c)), "order is kept");
            if !given.chars().any(is_hidden) {
                prop_assert_eq!(&*one, &given);
            }
        }

        #[test]
        fn json_says_the_same(given in pieces()) {
            let written = serde_json::to_string(&given).unwrap();
            let shown = json(&written);
            prop_assert!(!shown.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), given);
        }
    }
}
