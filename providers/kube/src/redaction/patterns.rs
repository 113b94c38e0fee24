//! The rules for text: what a secret looks like in logs, messages, arguments and configuration files.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{MASK_PREFIX, Redactor, is_mask, pairs};

/// Whether a hit, and the text of its group `v`, is a secret.
type Accepts = fn(&Captures<'_>, &str) -> bool;

/// Masks the group `v` of every hit that `accepts` agrees to.
struct Rule {
    pattern: Regex,
    accepts: Accepts,
}

/// Longest mask in bytes.
const MAX_MASK: usize = 40;
/// Passes over one text; what is found after the second lies in text made to be found late.
const MAX_PASSES: usize = 8;

/// A cheap test that most text fails, so that the rules run on little of it.
const SUSPICIOUS: &str = r"(?i)passw|passphrase|pwd|pass\b|secret|token|key|credential|auth|bearer|cookie|jwt|://|@\w*\(|eyJ|AKIA|ASIA|gh[pousr]_|github_pat|glpat-|xox[a-z]-|sk-|AIza|npm_|hvs\.|k_live_|SG\.|dop_v1|-u\b|--user";

/// Patterns with their predicates, in this order; the later ones leave an earlier one's mask alone.
const RULES: &[(&str, Accepts)] = &[
    // A private key, also one that the end of the text cuts off.
    (
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<v>(?s:.*?))(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)",
        always,
    ),
    // A private key whose beginning lies before the text.
    (
        r"(?P<v>[A-Za-z0-9+/=]{40,}(?:(?:\s|\\n)+[A-Za-z0-9+/=]+)*)(?:\s|\\n)+-----END [A-Z0-9 ]{0,40}PRIVATE KEY",
        always,
    ),
    // JSON Web Tokens.
    (r"\b(?P<v>eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?)", always),
    // Tokens whose first letters say what they are.
    (
        r"\b(?P<v>(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[a-z]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{30,}|npm_[A-Za-z0-9]{30,}|hvs\.[A-Za-z0-9_-]{20,}|[srp]k_live_[A-Za-z0-9]{16,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|dop_v1_[a-f0-9]{40,})",
        always,
    ),
    (r"\b(?P<v>sk-[A-Za-z0-9_-]{20,})", is_api_key),
    // scheme://user:password@host; the second form takes passwords with a slash in them.
    (r#"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s"'/?#@:]*:(?P<v>[^\s"'/?#]+)@"#, always),
    (r#"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s"'/?#@:]*:(?P<v>[^\s"']+)@"#, is_not_a_port),
    // scheme://token@host
    (r#"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?P<v>[^\s"'/?#@:<>]{16,})@"#, always),
    // user:password@tcp(host:3306)/database
    (r#"[^\s:/@"'=]+:(?P<v>[^\s"'@]+)@(?:tcp|udp|unix)?\("#, always),
    (
        r#"(?i)\bauthorization\\?["']?\s*[:=]\s*\[?\\?["']?(?P<scheme>(?:bearer|basic|digest|token|apikey|negotiate)\s+)?(?P<v>[^\s"',;\\\]]+)"#,
        is_credential,
    ),
    (r"(?i)\bbearer\s+(?P<v>[A-Za-z0-9._~+/=-]{8,})", is_token),
    (r#"(?i)\b(?:set-)?cookie["']?\s*[:=]\s*["']?(?P<v>[^\s"'][^\r\n"']*)"#, always),
    (r"(?:^|\s)(?:-u|--user)[ =][^\s:]+:(?P<v>[^\s]+)", always),
];

struct Compiled {
    suspicious: Regex,
    rules: Vec<Rule>,
}

static COMPILED: LazyLock<Option<Compiled>> = LazyLock::new(|| {
    let rules = RULES
        .iter()
        .map(|(pattern, accepts)| {
            Some(Rule { pattern: Regex::new(pattern).ok()?, accepts: *accepts })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Compiled { suspicious: Regex::new(SUSPICIOUS).ok()?, rules })
});

/// Applies every rule until nothing more is found: a mask may be the boundary at which a rule sees a second
/// secret that the first one hid. Were a rule not to compile, the whole text would be masked rather than let
/// through.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let Some(compiled) = COMPILED.as_ref() else {
        return Cow::Owned(redactor.mask(text));
    };
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_PASSES {
        match pass(redactor, compiled, &text) {
            Some(changed) => text = Cow::Owned(changed),
            None => break,
        }
    }
    text
}

/// `None` where no rule finds anything.
fn pass(redactor: &Redactor, compiled: &Compiled, text: &str) -> Option<String> {
    if !compiled.suspicious.is_match(text) {
        return None;
    }
    let mut text = Cow::Borrowed(text);
    for rule in &compiled.rules {
        if let Cow::Owned(changed) = apply(redactor, rule, &text) {
            text = Cow::Owned(changed);
        }
    }
    if let Cow::Owned(changed) = pairs::redact(redactor, &text) {
        text = Cow::Owned(changed);
    }
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    }
}

fn apply<'t>(redactor: &Redactor, rule: &Rule, text: &'t str) -> Cow<'t, str> {
    let mut output = String::new();
    let mut copied = 0;
    for captures in rule.pattern.captures_iter(text) {
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

fn always(_: &Captures<'_>, _: &str) -> bool {
    true
}

/// `sk-` also begins Kubernetes names; keys have capitals or a long run without a hyphen.
fn is_api_key(_: &Captures<'_>, value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_uppercase())
        || value.split(['-', '_']).any(|run| run.len() >= 16)
}

/// `http://host:8080/search?q=a@b` holds a port, not a password.
fn is_not_a_port(_: &Captures<'_>, value: &str) -> bool {
    let rest = value.trim_start_matches(|letter: char| letter.is_ascii_digit());
    rest.len() == value.len() || !rest.starts_with(['/', '?', '#'])
}

/// `authorization: denied` is prose, and a scheme without credentials is no secret.
fn is_credential(captures: &Captures<'_>, value: &str) -> bool {
    const SCHEMES: &[&str] = &["bearer", "basic", "digest", "token", "apikey", "negotiate"];
    if captures.name("scheme").is_some() {
        return true;
    }
    !SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme))
        && !value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.')
}

/// `bearer authentication` is prose.
fn is_token(_: &Captures<'_>, value: &str) -> bool {
    value.len() >= 20 || value.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_rule_compiles() {
        assert!(super::COMPILED.is_some());
    }
}
