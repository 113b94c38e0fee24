//! Applies the rules for text: to logs, messages, arguments and configuration files.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::Regex;

use super::rules::{RULES, Rule};
use super::{MASK_PREFIX, Redactor, entropy, is_mask, pairs};

/// Longest mask in bytes.
const MAX_MASK: usize = 40;
/// Passes over one text; what is found after the second lies in text made to be found late.
const MAX_PASSES: usize = 8;

/// Compiled when first needed: most texts need few of them.
static COMPILED: [OnceLock<Option<Regex>>; RULES.len()] = [const { OnceLock::new() }; RULES.len()];

/// Applies every rule until nothing more is found: a mask may be the boundary at which a rule sees a second
/// secret that the first one hid.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_PASSES {
        match pass(redactor, &text) {
            Some(changed) => text = Cow::Owned(changed),
            None => break,
        }
    }
    text
}

/// `None` where no rule finds anything. Were a rule not to compile, the whole text would be masked rather than
/// let through.
fn pass(redactor: &Redactor, text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let mut text = Cow::Borrowed(text);
    for (rule, compiled) in RULES.iter().zip(&COMPILED) {
        if !rule.hints.iter().any(|hint| lower.contains(hint)) {
            continue;
        }
        let Some(pattern) = compiled.get_or_init(|| Regex::new(rule.pattern).ok()) else {
            return (!is_mask(&text)).then(|| redactor.mask(&text));
        };
        if let Cow::Owned(changed) = apply(redactor, rule, pattern, &text) {
            text = Cow::Owned(changed);
        }
    }
    if pairs::HINTS.iter().any(|hint| lower.contains(hint))
        && let Cow::Owned(changed) = pairs::redact(redactor, &text)
    {
        text = Cow::Owned(changed);
    }
    if let Cow::Owned(changed) = entropy::redact(redactor, &text) {
        text = Cow::Owned(changed);
    }
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    }
}

fn apply<'t>(redactor: &Redactor, rule: &Rule, pattern: &Regex, text: &'t str) -> Cow<'t, str> {
    let mut output = String::new();
    let mut copied = 0;
    for captures in pattern.captures_iter(text) {
        let Some(value) = captures.name("v") else { continue };
        let end = mask_around(text, value.end()).unwrap_or(value.end());
        let secret = &text[value.start()..end];
        if secret.trim().is_empty()
            || is_mask(secret)
            || value.start() < copied
            || mask_around(text, value.start()).is_some()
            || !(rule.accepts)(&captures, secret)
        {
            continue;
        }
        output.push_str(&text[copied..value.start()]);
        output.push_str(&redactor.mask(secret));
        copied = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    output.push_str(&text[copied..]);
    Cow::Owned(output)
}

/// Where the mask ends in whose middle the position lies: a mask is one thing and never taken apart.
fn mask_around(text: &str, position: usize) -> Option<usize> {
    let earliest = text.floor_char_boundary(position.saturating_sub(MAX_MASK));
    let start = earliest + text[earliest..position].rfind(MASK_PREFIX)?;
    let window = &text[start..text.floor_char_boundary(text.len().min(start + MAX_MASK))];
    let end = start + window.find('>')? + 1;
    (end > position && is_mask(&text[start..end])).then_some(end)
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
