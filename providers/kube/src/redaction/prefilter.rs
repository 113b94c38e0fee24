//! One scan tells which rules can have anything to say about a text, so that most text meets few patterns.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::rules::RULES;
use super::stems::STEMS;
use super::vendors::VENDORS;
use super::{commands, encoded};

/// What waits for a word.
#[derive(Clone, Copy)]
enum Waiting {
    Rule(usize),
    Line(usize),
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
        let who = if rule.spans_lines { Waiting::Rule(number) } else { Waiting::Line(number) };
        rule.hints.iter().filter(|hint| hint.len() > 1).for_each(|hint| wait(hint, who));
    }
    for (number, vendor) in VENDORS.iter().enumerate() {
        vendor.keywords.iter().for_each(|word| wait(word, Waiting::Vendor(number)));
    }
    STEMS.iter().for_each(|stem| wait(stem, Waiting::Names));
    commands::hints().for_each(|hint| wait(&hint, Waiting::Commands));
    encoded::HINTS.iter().for_each(|hint| wait(hint, Waiting::Decoding));
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&words)
        .ok()?;
    Some(Words { automaton, waiting })
});

/// Which rules may find something in one text.
#[derive(Default)]
pub(super) struct Found {
    /// Rules whose hits may span lines, by number, ascending.
    pub(super) rules: Vec<usize>,
    /// Lines with the rules for each, both ascending.
    pub(super) lines: Vec<(Range<usize>, Vec<usize>)>,
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
    /// Everything, for a text whose words cannot be looked for.
    fn everything(text: &str) -> Self {
        let of = |spans: bool| {
            (0..RULES.len()).filter(move |number| RULES[*number].spans_lines == spans)
        };
        Self {
            rules: of(true).collect(),
            lines: vec![(0..text.len(), of(false).collect())],
            vendors: (0..VENDORS.len()).collect(),
            names: true,
            commands: true,
            encoded: true,
        }
    }
}

/// Looks for every word of every rule at once.
pub(super) fn scan(text: &str) -> Found {
    let Some(words) = WORDS.as_ref() else { return Found::everything(text) };
    let mut found = Found::default();
    // Line rules by where their words stand.
    let mut hits: Vec<(usize, usize)> = Vec::new();
    let mut seen = vec![false; words.waiting.len()];
    for hit in words.automaton.find_overlapping_iter(text) {
        let word = hit.pattern().as_usize();
        let first = !std::mem::replace(&mut seen[word], true);
        for who in &words.waiting[word] {
            match *who {
                Waiting::Line(number) => hits.push((hit.start(), number)),
                Waiting::Rule(number) if first => found.rules.push(number),
                Waiting::Vendor(number) if first => found.vendors.push(number),
                Waiting::Names => found.names = true,
                Waiting::Commands => found.commands = true,
                Waiting::Decoding => found.encoded = true,
                Waiting::Rule(_) | Waiting::Vendor(_) => {}
            }
        }
    }
    for (sign, numbers) in SIGNS.iter() {
        hits.extend(
            memchr::memchr_iter(*sign, text.as_bytes())
                .flat_map(|at| numbers.iter().map(move |number| (at, *number))),
        );
    }
    for numbers in [&mut found.rules, &mut found.vendors] {
        numbers.sort_unstable();
        numbers.dedup();
    }
    found.lines = by_line(text, hits);
    found
}

/// Rules that wait for a single sign, which is quicker to find by itself.
static SIGNS: LazyLock<Vec<(u8, Vec<usize>)>> = LazyLock::new(|| {
    let mut signs: Vec<(u8, Vec<usize>)> = Vec::new();
    for (number, rule) in RULES.iter().enumerate() {
        for hint in rule.hints {
            if let [sign] = hint.as_bytes() {
                match signs.iter_mut().find(|(known, _)| known == sign) {
                    Some((_, numbers)) => numbers.push(number),
                    None => signs.push((*sign, vec![number])),
                }
            }
        }
    }
    signs
});

fn by_line(text: &str, mut hits: Vec<(usize, usize)>) -> Vec<(Range<usize>, Vec<usize>)> {
    hits.sort_unstable();
    let mut lines: Vec<(Range<usize>, Vec<usize>)> = Vec::new();
    for (at, number) in hits {
        match lines.last_mut() {
            Some((line, numbers)) if at < line.end => numbers.push(number),
            _ => {
                let start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |end| end + 1);
                let end = memchr::memchr(b'\n', &text.as_bytes()[at..])
                    .map_or(text.len(), |length| at + length);
                lines.push((start..end, vec![number]));
            }
        }
    }
    for (_, numbers) in &mut lines {
        numbers.sort_unstable();
        numbers.dedup();
    }
    lines
}
