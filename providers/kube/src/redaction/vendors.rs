//! Tokens whose form tells the service that issued them: the rules of Betterleaks, which its authors keep up to date.
//!
//! `rules/betterleaks.json` is their rule file condensed by `rules/betterleaks.py`; a newer one is a matter of running
//! it again. A rule's keyword has to occur before its pattern is compiled at all.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use regex::{Captures, Regex, RegexBuilder};
use serde::Deserialize;

use super::{Redactor, entropy, spans};

const FILE: &str = include_str!("../../rules/betterleaks.json");
/// How most patterns end. Logs and URLs also go on with a bracket, a comma or an ampersand.
const STRICT_END: &str = r#"(?:\\?['"\x60]|[\s;]|\\[nr]|$)"#;
const LOOSE_END: &str = r"(?-u:\b{end-half})";
/// Largest compiled pattern in bytes.
const MAX_COMPILED: usize = 32 << 20;

#[derive(Deserialize)]
struct File {
    rules: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    pattern: String,
    keywords: Vec<String>,
    /// The group that holds the secret; without one the first, else the whole hit.
    group: Option<usize>,
    /// Bits a character that a secret has at least.
    entropy: f64,
}

/// One rule of the file.
pub(super) struct Vendor {
    /// In lower case.
    pub(super) keywords: Vec<String>,
    pattern: String,
    group: Option<usize>,
    entropy: f64,
    compiled: OnceLock<Option<Regex>>,
}

/// Every rule of the file, none of them compiled yet.
pub(super) static VENDORS: LazyLock<Vec<Vendor>> = LazyLock::new(|| {
    let file: File = serde_json::from_str(FILE).unwrap_or(File { rules: Vec::new() });
    file.rules
        .into_iter()
        .map(|entry| Vendor {
            pattern: match entry.pattern.strip_suffix(STRICT_END) {
                Some(start) => format!("{start}{LOOSE_END}"),
                None => entry.pattern,
            },
            keywords: entry.keywords,
            group: entry.group,
            entropy: entry.entropy,
            compiled: OnceLock::new(),
        })
        .collect()
});

impl Vendor {
    /// Masks what the rule finds; the whole text where its pattern cannot be compiled.
    pub(super) fn redact<'t>(&self, redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
        let Some(pattern) = self.compiled.get_or_init(|| compile(&self.pattern)) else {
            return Cow::Owned(redactor.mask(text));
        };
        spans::mask_all(redactor, text, pattern, |captures| self.secret(captures))
    }

    fn secret(&self, captures: &Captures<'_>) -> Option<std::ops::Range<usize>> {
        let group = self.group.unwrap_or_else(|| usize::from(captures.len() > 1));
        let found = captures.get(group).or_else(|| captures.get(0))?;
        let text = found.as_str();
        // A word beside a vendor's name is no token, whatever its length.
        let is_random = text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && entropy::bits_per_byte(text.as_bytes()) >= self.entropy;
        is_random.then(|| found.range())
    }
}

/// Tokens are ASCII, and patterns that know no more are much smaller. Those that could then split a letter know more.
fn compile(pattern: &str) -> Option<Regex> {
    let build =
        |unicode| RegexBuilder::new(pattern).unicode(unicode).size_limit(MAX_COMPILED).build();
    build(false).or_else(|_| build(true)).ok()
}

#[cfg(test)]
mod tests {
    use super::{STRICT_END, VENDORS, compile};

    #[test]
    fn every_rule_compiles_and_its_keywords_are_in_lower_case() {
        assert!(VENDORS.len() > 400, "{} rules", VENDORS.len());
        for vendor in VENDORS.iter() {
            let pattern = compile(&vendor.pattern).unwrap();
            let group = vendor.group.unwrap_or_default();
            assert!(group < pattern.captures_len(), "{}", vendor.pattern);
            assert!(vendor.keywords.iter().all(|word| *word == word.to_ascii_lowercase()));
            assert!(!vendor.pattern.ends_with(STRICT_END));
        }
    }
}
