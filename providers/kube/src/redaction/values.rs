//! Reads the value that stands after a name: bare, quoted, a list, or a YAML block on the lines below.

use super::names;

/// How far back a line's beginning is looked for, in bytes.
const MAX_NAME: usize = 200;

/// Where a value stands.
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Between quotes or brackets.
    pub(super) quoted: bool,
    /// On lines of its own.
    pub(super) block: bool,
}

/// A line that begins with the name, as in a file of configuration.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// Column of the name.
    indent: usize,
    /// The name has the form of an environment variable.
    is_variable: bool,
}

impl Line {
    /// The line up to `position`, unless more than a name stands there.
    pub(super) fn before(text: &str, position: usize) -> Option<Self> {
        let earliest = text.ceil_char_boundary(position.saturating_sub(MAX_NAME));
        let before = &text[earliest..position];
        let line = match before.rfind('\n') {
            Some(end) => &before[end + 1..],
            None if earliest == 0 => before,
            None => return None,
        };
        let name = line.trim_start_matches([' ', '\t', '-']);
        let is_name =
            !name.trim_end().contains(|letter: char| letter.is_whitespace() || letter == '{');
        let is_variable = !name.contains(|letter: char| letter.is_ascii_lowercase());
        is_name.then_some(Self { indent: line.len() - name.len(), is_variable })
    }
}

/// The value at `from`, after `separator`: what stands between quotes (plain or escaped) or brackets, a YAML
/// block, else up to a blank or a separator. Reads no further than the value. `None` where there is none.
pub(super) fn read(text: &str, from: usize, line: Option<Line>, separator: &str) -> Option<Span> {
    let rest = &text[from..];
    let span = |skip: usize, length: usize| {
        Some(Span { start: from + skip, end: from + skip + length, quoted: skip > 0, block: false })
    };
    match rest.as_bytes() {
        [b'\\', quote @ (b'"' | b'\''), ..] => span(2, escaped_length(&rest[2..], *quote)),
        [quote @ (b'"' | b'\''), ..] => span(1, quoted_length(&rest[1..], *quote)),
        [b'[', ..] => {
            let (skip, length) = inside_brackets(rest);
            span(skip, length)
        }
        _ => {
            if let Some(line) = line
                && separator.starts_with(':')
                && let Some((skip, length)) = block(rest, line.indent)
            {
                return span(skip, length).map(|span| Span { quoted: false, block: true, ..span });
            }
            span(0, bare_length(rest, line, separator))
        }
    }
}

fn bare_length(rest: &str, line: Option<Line>, separator: &str) -> usize {
    // In a file of configuration the value is the rest of the line, whatever signs it holds.
    let whole_line = line
        .is_some_and(|line| separator.starts_with(": ") || (separator == "=" && line.is_variable));
    let ends = |letter: char| {
        letter.is_whitespace() || (!whole_line && matches!(letter, '"' | '\'' | ',' | ';' | '&'))
    };
    let bare = &rest[..rest.find(ends).unwrap_or(rest.len())];
    if names::is_harmless_value(bare) {
        return bare.len();
    }
    bare.trim_end_matches([')', '}', ']', '.', ':', '\\', ',', ';', '"', '\'']).len()
}

fn escaped_length(inner: &str, quote: u8) -> usize {
    let bytes = inner.as_bytes();
    (0..bytes.len())
        .find(|at| {
            matches!(bytes[*at], b'\r' | b'\n')
                || (bytes[*at] == b'\\' && bytes.get(at + 1) == Some(&quote))
        })
        .unwrap_or(bytes.len())
}

fn quoted_length(inner: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'\r' | b'\n' => return at,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return at,
            _ => {}
        }
    }
    inner.len()
}

/// What stands in a list on one line, without the outer quotes of its items: the items become one.
fn inside_brackets(rest: &str) -> (usize, usize) {
    let end = rest.find([']', '\r', '\n']).unwrap_or(rest.len());
    let inner = &rest[1..end];
    let front = inner.len() - inner.trim_start_matches([' ', '\\', '"', '\'']).len();
    let kept = inner[front..].trim_end_matches([' ', '\\', '"', '\'']);
    (1 + front, kept.len())
}

/// The lines below that belong to a name in column `indent`: a block scalar, or single words.
fn block(rest: &str, indent: usize) -> Option<(usize, usize)> {
    let (head, below) = rest.split_once('\n')?;
    let head = head.trim();
    let is_scalar = head.len() <= 3
        && head.starts_with(['|', '>'])
        && head[1..].bytes().all(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9'));
    if !is_scalar && !head.is_empty() {
        return None;
    }
    let offset = rest.len() - below.len();
    let (mut start, mut end, mut at) = (None, 0, offset);
    for line in below.split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        let column = line.len() - content.len();
        let item = content.strip_prefix("- ").filter(|_| !is_scalar);
        let word = item.unwrap_or(content).trim_end();
        let belongs = word.is_empty() || column > indent || (item.is_some() && column >= indent);
        if !belongs {
            break;
        }
        if !is_scalar && word.contains(|letter: char| letter.is_whitespace() || letter == ':') {
            return None;
        }
        if !word.is_empty() {
            start = start.or(Some(at + column));
            end = at + line.trim_end().len();
        }
        at += line.len();
    }
    start.map(|start| (start, end - start))
}
