//! Log lines folded: lines that differ only in numbers, moments and ids become one with a count, and kinds
//! of errors come first. Every line that is shown is shown as it was written, so that it can be quoted.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

use regex::Regex;

/// Lines of one kind from which they are folded.
const FOLD_FROM: usize = 3;
/// Lines up to which a log is short enough to be read without a list of its errors.
const SHORT: usize = 30;
/// Kinds of errors in that list.
const ERRORS: usize = 12;
/// Longest line that is shown, in bytes; what a line tells stands at its beginning.
const LINE: usize = 2000;
/// Longest line in the list of errors, in bytes; the log below has more of it.
const ERROR_LINE: usize = 300;

static TROUBLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)\b(err(or)?s?|fatal|panic(ked)?|exception|crit(ical)?|fail(ed|ure|ing)?|denied|refused",
        r"|time(d )?out|killed|traceback|unable|cannot|no such|unauthorized|forbidden|oom|segfault)\b",
        r"|(?-i:^E[0-9]{4} |[a-z]Error\b|[a-z]Exception\b)"
    ))
    .ok()
});
static CALM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let level = r#"(?i)\b(level|severity|lvl)"?\s*[=:]\s*"?(info|debug|trace)\b"#;
    Regex::new(level).ok()
});

/// Whether a line speaks of trouble.
fn is_trouble(line: &str) -> bool {
    let matches = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|it| it.is_match(line));
    matches(&TROUBLE) && !matches(&CALM)
}

/// The places of lines with the same template, in ascending order; never empty.
type Kind = Vec<usize>;

/// The lines in their order, at most so many bytes. What has to go is what was last seen longest ago.
pub(crate) fn fold(lines: &[&str], bytes: usize) -> String {
    let kinds = kinds(lines);
    let mut output = String::new();
    if lines.len() > SHORT {
        output = troubles(&kinds, lines, bytes / 3);
    }
    let mut blocks: Vec<(usize, String)> =
        kinds.iter().flat_map(|kind| blocks(kind, lines)).collect();
    blocks.sort_by_key(|(place, _)| *place);
    let room = bytes.saturating_sub(output.len());
    let mut size = 0;
    let kept = blocks
        .iter()
        .rev()
        .take_while(|(_, block)| {
            size += block.len();
            size <= room
        })
        .count();
    if kept < blocks.len() {
        let _ = writeln!(output, "[older lines left out]");
    }
    output.extend(blocks[blocks.len() - kept..].iter().map(|(_, block)| block.as_str()));
    output
}

fn kinds(lines: &[&str]) -> Vec<Kind> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let kind = *known.entry(template(line)).or_insert(kinds.len());
        match kinds.get_mut(kind) {
            Some(places) => places.push(place),
            None => kinds.push(vec![place]),
        }
    }
    kinds
}

/// The kinds of errors, the one that was seen last first.
fn troubles(kinds: &[Kind], lines: &[&str], bytes: usize) -> String {
    let newest = |kind: &Kind| kind.last().copied().unwrap_or_default();
    let mut found: Vec<&Kind> =
        kinds.iter().filter(|kind| is_trouble(lines[newest(kind)])).collect();
    if found.is_empty() {
        return String::new();
    }
    found.sort_by_key(|kind| std::cmp::Reverse(newest(kind)));
    let mut output = format!("errors, newest first ({} kinds):\n", found.len());
    for kind in found.iter().take(ERRORS) {
        let line = cut(lines[newest(kind)], ERROR_LINE);
        if output.len() + line.len() > bytes {
            break;
        }
        let _ = writeln!(output, "[{}x] {line}", kind.len());
    }
    output.push_str("log:\n");
    output
}

/// A kind's lines with their places: rare lines stand where they were, of frequent ones the first does, and
/// the last with the count.
fn blocks(kind: &Kind, lines: &[&str]) -> Vec<(usize, String)> {
    let plain = |place: usize| (place, format!("{}\n", cut(lines[place], LINE)));
    match kind.as_slice() {
        [first, .., last] if kind.len() >= FOLD_FROM => {
            let count = kind.len();
            let folded = format!("{} [last of {count} such lines]\n", cut(lines[*last], LINE));
            vec![plain(*first), (*last, folded)]
        }
        few => few.iter().map(|place| plain(*place)).collect(),
    }
}

fn cut(line: &str, bytes: usize) -> &str {
    &line[..line.floor_char_boundary(bytes)]
}

/// The line with what varies from one to the next taken out. Codes stay: 200 and 500 are not the same.
fn template(line: &str) -> String {
    let mut output = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_word) {
        output.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        let word = &rest[..end];
        let varies = word.bytes().any(|byte| byte.is_ascii_digit()) && !is_code(word, &output);
        if varies && output.ends_with("#.") {
            // The next part of a fraction, an address or a version.
            output.pop();
        } else {
            output.push_str(if varies { "#" } else { word });
        }
        rest = &rest[end..];
    }
    output.push_str(rest);
    output
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '-'
}

/// Whether a number is a status, an exit code or the like.
fn is_code(word: &str, before: &str) -> bool {
    let is_short = word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let before = before.trim_end_matches([' ', '=', ':', '"']);
    let named = ["code", "status", "exit", "errno", "signal"]
        .iter()
        .any(|name| before.len() >= name.len() && before.to_ascii_lowercase().ends_with(name));
    is_short && (named || (word.len() == 3 && word.starts_with(['4', '5'])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fold, is_trouble, template};

    #[test]
    fn what_varies_is_taken_out_and_codes_stay() {
        let same = |a: &str, b: &str| template(a) == template(b);
        assert!(same(
            "2026-01-02T12:00:00.1Z took 12ms id=9f3a",
            "2026-01-03T01:10:59Z took 7ms id=1c"
        ));
        assert!(!same("GET /a 200", "GET /a 500"));
        assert!(!same("exit code 1", "exit code 137"));
        assert!(!same("ready", "not ready"));
    }

    #[test]
    fn repeats_become_first_and_last_with_a_count() {
        let lines = ["start", "try 1", "try 2", "try 3", "stop"];
        assert_eq!(fold(&lines, 1000), "start\ntry 1\ntry 3 [last of 3 such lines]\nstop\n");
    }

    #[test]
    fn long_logs_name_their_errors_first() {
        let mut lines = vec!["level=info msg=\"0 errors\" n=1"; 50];
        lines[3] = "panic: no database at 10.0.0.1";
        lines[40] = "connection refused";
        let text = fold(&lines, 4000);
        assert!(
            text.starts_with(
                "errors, newest first (2 kinds):\n[1x] connection refused\n[1x] panic: no database at 10.0.0.1\nlog:\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn trouble_is_told_from_calm() {
        for line in [
            "ERROR x",
            "E0102 12:00 x",
            "java.lang.NullPointerException: x",
            "dial tcp: connection refused",
            "context deadline: timed out",
        ] {
            assert!(is_trouble(line), "{line}");
        }
        for line in ["started", "terror", "{\"level\":\"info\",\"msg\":\"error rate 0\"}"] {
            assert!(!is_trouble(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn is_bounded_and_shows_lines_as_written(lines in prop::collection::vec("[a-zé0-9 ]{0,20}", 0..60), bytes in 0_usize..600) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let text = fold(&lines, bytes);
            prop_assert!(text.len() <= bytes + 100, "{}", text.len());
            if let (Some(last), Some(shown)) = (lines.last(), text.lines().last()) && bytes > 300 {
                prop_assert!(shown.starts_with(last), "{last:?} {shown:?}");
            }
        }
    }
}
