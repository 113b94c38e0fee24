//! One scan tells which rules can have anything to say about a text, so that most text meets few patterns.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::rules::RULES;
use super::stems::STEMS;
use super::vendors::VENDORS;
use super::{commands, encoded};

/// What waits for a word.
#[derive(Clone, Copy)]
enum Waiting {
    Rule(usize),
    Vendor(usize),
    Names,
    Commands,
    Decoding,
}

struct Words {
    automaton: AhoCorasick,
    /// For each word of the automaton, who waits for it.
    waiting: Vec<Vec<Waiting>>,
}

/// `None` where the automaton cannot be built; everything is tried then.
static WORDS: LazyLock<Option<Words>> = LazyLock::new(|| {
    let mut words: Vec<String> = Vec::new();
    let mut waiting: Vec<Vec<Waiting>> = Vec::new();
    let mut wait = |word: &str, who: Waiting| match words.iter().position(|known| known == word) {
        Some(at) => waiting[at].push(who),
        None => {
            words.push(word.to_owned());
            waiting.push(vec![who]);
        }
    };
    for (number, rule) in RULES.iter().enumerate() {
        rule.hints
            .iter()
            .filter(|hint| hint.len() > 1)
            .for_each(|hint| wait(hint, Waiting::Rule(number)));
    }
    for (number, vendor) in VENDORS.iter().enumerate() {
        vendor.keywords.iter().for_each(|word| wait(word, Waiting::Vendor(number)));
    }
    STEMS.iter().for_each(|stem| wait(stem, Waiting::Names));
    commands::programs().for_each(|program| wait(program, Waiting::Commands));
    encoded::HINTS.iter().for_each(|hint| wait(hint, Waiting::Decoding));
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .build(&words)
        .ok()?;
    Some(Words { automaton, waiting })
});

/// Which rules may find something in one text.
pub(super) struct Found {
    rules: [bool; RULES.len()],
    /// By number, ascending.
    pub(super) vendors: Vec<usize>,
    /// A word that names of secrets hold.
    pub(super) names: bool,
    /// A program that takes secrets on its command line.
    pub(super) commands: bool,
    /// Signs that are URL-encoded.
    pub(super) encoded: bool,
}

impl Found {
    /// By number, ascending.
    pub(super) fn rules(&self) -> impl Iterator<Item = usize> {
        self.rules.iter().enumerate().filter(|(_, found)| **found).map(|(number, _)| number)
    }
}

/// Looks for every word of every rule at once.
pub(super) fn scan(text: &str) -> Found {
    let mut found = Found {
        rules: [false; RULES.len()],
        vendors: Vec::new(),
        names: false,
        commands: false,
        encoded: false,
    };
    for (number, rule) in RULES.iter().enumerate() {
        found.rules[number] = rule.hints.iter().any(|hint| hint.len() == 1 && text.contains(hint));
    }
    let Some(words) = WORDS.as_ref() else {
        return Found {
            rules: [true; RULES.len()],
            vendors: (0..VENDORS.len()).collect(),
            names: true,
            commands: true,
            encoded: true,
        };
    };
    let mut seen = vec![false; words.waiting.len()];
    for hit in words.automaton.find_overlapping_iter(text) {
        let word = hit.pattern().as_usize();
        if std::mem::replace(&mut seen[word], true) {
            continue;
        }
        for who in &words.waiting[word] {
            match *who {
                Waiting::Rule(number) => found.rules[number] = true,
                Waiting::Vendor(number) => found.vendors.push(number),
                Waiting::Names => found.names = true,
                Waiting::Commands => found.commands = true,
                Waiting::Decoding => found.encoded = true,
            }
        }
    }
    found.vendors.sort_unstable();
    found.vendors.dedup();
    found
}
