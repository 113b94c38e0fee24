//! Applies the rules for text: to logs, messages, arguments and configuration files.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use super::rules::RULES;
use super::vendors::VENDORS;
use super::{Redactor, commands, encoded, entropy, lists, pairs, prefilter, spans};

/// Passes over one text; what is found after the second lies in text made to be found late.
const MAX_PASSES: usize = 8;

/// Compiled when first needed: most texts need few of them.
static COMPILED: [OnceLock<Option<Regex>>; RULES.len()] = [const { OnceLock::new() }; RULES.len()];

/// Applies every rule until nothing more is found: a mask may be the boundary at which a rule sees a second
/// secret that the first one hid.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    redact_decoded(redactor, text, 0)
}

/// The same for text that was decoded so many times.
pub(super) fn redact_decoded<'t>(redactor: &Redactor, text: &'t str, depth: usize) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_PASSES {
        match pass(redactor, &text, depth) {
            Some(changed) => text = Cow::Owned(changed),
            None => break,
        }
    }
    text
}

/// `None` where no rule finds anything.
fn pass(redactor: &Redactor, text: &str, depth: usize) -> Option<String> {
    let found = prefilter::scan(text);
    let mut text = Text { redactor, current: Cow::Borrowed(text) };
    text.change(|redactor, text| redactor.known.redact(redactor, text));
    if found.encoded {
        text.change(|redactor, text| encoded::redact(redactor, text, depth));
    }
    for number in &found.rules {
        text.change(|redactor, text| apply(redactor, *number, text));
    }
    // Where something changed, the lines stand elsewhere.
    let lines = if text.is_changed() { prefilter::scan(&text.current).lines } else { found.lines };
    text.change(|redactor, text| in_lines(redactor, text, &lines));
    for number in &found.vendors {
        text.change(|redactor, text| VENDORS[*number].redact(redactor, text));
    }
    text.change(lists::redact);
    if found.commands {
        text.change(commands::redact);
    }
    if found.names {
        text.change(pairs::redact);
    }
    text.change(entropy::redact);
    match text.current {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    }
}

/// A text on its way through the rules.
struct Text<'r, 't> {
    redactor: &'r Redactor,
    current: Cow<'t, str>,
}

impl Text<'_, '_> {
    fn is_changed(&self) -> bool {
        matches!(self.current, Cow::Owned(_))
    }

    fn change(&mut self, rule: impl for<'a> FnOnce(&Redactor, &'a str) -> Cow<'a, str>) {
        if let Cow::Owned(changed) = rule(self.redactor, &self.current) {
            self.current = Cow::Owned(changed);
        }
    }
}

/// Applies to each line the rules that wait for a word in it.
pub(super) fn in_lines<'t>(
    redactor: &Redactor,
    text: &'t str,
    lines: &[(Range<usize>, Vec<usize>)],
) -> Cow<'t, str> {
    let mut output = String::new();
    let mut copied = 0;
    for (range, numbers) in lines {
        let mut line = Text { redactor, current: Cow::Borrowed(&text[range.clone()]) };
        for number in numbers {
            line.change(|redactor, line| apply(redactor, *number, line));
        }
        if let Cow::Owned(changed) = line.current {
            output.push_str(&text[copied..range.start]);
            output.push_str(&changed);
            copied = range.end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    output.push_str(&text[copied..]);
    Cow::Owned(output)
}

/// Were a rule not to compile, the whole text would be masked rather than let through.
fn apply<'t>(redactor: &Redactor, number: usize, text: &'t str) -> Cow<'t, str> {
    let rule = &RULES[number];
    let Some(pattern) = COMPILED[number].get_or_init(|| Regex::new(rule.pattern).ok()) else {
        return Cow::Owned(redactor.mask(text));
    };
    spans::mask_all(redactor, text, pattern, |captures| {
        let value = captures.name("v")?;
        (rule.accepts)(captures, value.as_str()).then(|| value.range())
    })
}

#[cfg(test)]
mod tests {
    use super::{RULES, Regex};

    #[test]
    fn every_rule_compiles_and_its_hints_are_in_lower_case() {
        for rule in RULES {
            let pattern = Regex::new(rule.pattern).unwrap();
            assert!(pattern.capture_names().flatten().any(|name| name == "v"), "{}", rule.pattern);
            assert!(rule.hints.iter().all(|hint| *hint == hint.to_ascii_lowercase()));
        }
    }
}
