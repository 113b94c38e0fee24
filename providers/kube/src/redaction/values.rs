//! Reads the value that stands after a name: bare, quoted, a list, a heredoc, or a YAML block on the lines below.

use std::ops::Range;

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

impl Span {
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }
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
    /// Column of the name.
    pub(super) fn indent(self) -> usize {
        self.indent
    }

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

/// The value at `from`, after `separator`: what stands between quotes (plain or escaped) or brackets, in a heredoc,
/// a YAML block, else up to a blank or a separator. Reads no further than the value. `None` where there is none.
pub(super) fn read(text: &str, from: usize, line: Option<Line>, separator: &str) -> Option<Span> {
    let rest = &text[from..];
    let span = |skip: usize, length: usize| {
        Some(Span { start: from + skip, end: from + skip + length, quoted: skip > 0, block: false })
    };
    if let Some((skip, length)) = fenced(rest).or_else(|| heredoc(rest)) {
        return span(skip, length).map(|span| Span { block: true, ..span });
    }
    match rest.as_bytes() {
        [b'\\', ..] if let Some(quote) = escaped_quote(rest) => {
            span(quote.len(), escaped_length(&rest[quote.len()..], quote))
        }
        [quote @ (b'"' | b'\'' | b'`'), ..] => span(1, quoted_length(&rest[1..], *quote)),
        [b'&', ..] if let Some(quote) = ENTITIES.iter().find(|quote| rest.starts_with(**quote)) => {
            let inner = &rest[quote.len()..];
            span(
                quote.len(),
                inner.find(quote).or_else(|| inner.find(['\r', '\n'])).unwrap_or(inner.len()),
            )
        }
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
            let whole_line = is_whole_line(line, separator);
            if !whole_line && let Some(skip) = wrapper(rest) {
                return span(skip, quoted_length(&rest[skip..], rest.as_bytes()[skip - 1]));
            }
            span(0, bare_length(rest, whole_line))
        }
    }
}

/// Quotes as XML and HTML write them.
pub(super) const ENTITIES: &[&str] = &["&quot;", "&#34;", "&apos;", "&#39;"];

/// In a file of configuration the value is the rest of the line, whatever signs it holds.
fn is_whole_line(line: Option<Line>, separator: &str) -> bool {
    line.is_some_and(|line| separator.starts_with(": ") || (separator == "=" && line.is_variable))
}

/// Texts of several lines between three quotes, as Python and TOML have them.
fn fenced(rest: &str) -> Option<(usize, usize)> {
    let fence = ["\"\"\"", "'''"].into_iter().find(|fence| rest.starts_with(fence))?;
    let inner = &rest[3..];
    Some((3, inner.find(fence).unwrap_or(inner.len())))
}

/// `<<EOT`, `<<-EOT`, `<<~EOT` and the lines up to `EOT`, as shells, HCL and Ruby have them.
fn heredoc(rest: &str) -> Option<(usize, usize)> {
    let (head, below) = rest.strip_prefix("<<")?.split_once('\n')?;
    let word = head.trim_start_matches(['-', '~']).trim().trim_matches(['"', '\'']);
    if word.is_empty()
        || word.len() > 40
        || !word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return None;
    }
    let skip = rest.len() - below.len();
    let mut length = 0;
    for line in below.split_inclusive('\n') {
        if line.trim() == word {
            break;
        }
        length += line.len();
    }
    Some((skip, below[..length].trim_end().len()))
}

/// `b"…"`, `String::from("…")`, `<<"…">>`: how far it is to behind the quote. What fetches a value is none.
fn wrapper(rest: &str) -> Option<usize> {
    let front = rest.get(..rest.floor_char_boundary(32))?;
    let length = front.find(|letter: char| {
        !letter.is_ascii_alphanumeric()
            && !matches!(letter, '_' | ':' | '.' | '@' | '$' | '<' | ' ')
    })?;
    let (name, after) = rest.split_at(length);
    let opening = after
        .strip_prefix('(')
        .map_or(0, |inner| 1 + inner.len() - inner.trim_start_matches(' ').len());
    let is_word = !name.is_empty()
        && !name.trim_end().contains(' ')
        && (opening > 0 || !name.ends_with(' ') || name.starts_with("new "));
    let fetches = [
        "get", "env", "lookup", "ref", "vault", "file", "read", "fetch", "load", "error", "must",
        "cred",
    ];
    let lower = name.to_ascii_lowercase();
    let quoted = after[opening..].starts_with(['"', '\'', '`']);
    (is_word && quoted && !fetches.iter().any(|word| lower.contains(word)) && lower != "secret")
        .then_some(length + opening + 1)
}

fn bare_length(rest: &str, whole_line: bool) -> usize {
    let ends = |letter: char| {
        letter.is_whitespace()
            || (!whole_line && matches!(letter, '"' | '\'' | ',' | ';' | '&' | '<'))
    };
    // A template is one thing, whatever blanks are in it.
    let template = [("{{", "}}"), ("${{", "}}"), ("<%=", "%>")].iter().find_map(|(open, close)| {
        let line = rest.starts_with(open).then(|| rest.lines().next())??;
        line.find(close).map(|end| end + close.len())
    });
    if let Some(length) = template.filter(|length| names::is_harmless_value(&rest[..*length])) {
        return length;
    }
    // A mask, and what only looks like markup at the start, is part of the value.
    let front = usize::from(rest.starts_with('<'));
    let mut length = front + rest[front..].find(ends).unwrap_or(rest.len() - front);
    // Properties go on where a line ends in a backslash.
    while rest[..length].ends_with('\\') && rest[length..].starts_with('\n') {
        let below = &rest[length + 1..];
        let indent = below.len() - below.trim_start_matches([' ', '\t']).len();
        length += 1 + indent + below[indent..].find(ends).unwrap_or(below.len() - indent);
    }
    let bare = &rest[..length];
    if names::is_harmless_value(bare) {
        return bare.len();
    }
    bare.trim_end_matches([')', '}', ']', '.', ':', '\\', ',', ';', '"', '\'']).len()
}

/// A quote with the backslashes before it, as text in text within text has it.
pub(super) fn escaped_quote(rest: &str) -> Option<&str> {
    let slashes = rest.len() - rest.trim_start_matches('\\').len();
    let quoted = rest[slashes..].starts_with(['"', '\'']);
    (quoted && (1..=7).contains(&slashes)).then(|| &rest[..=slashes])
}

fn escaped_length(inner: &str, quote: &str) -> usize {
    let line = inner.find(['\r', '\n']).map_or(inner, |end| &inner[..end]);
    line.find(quote).unwrap_or(line.len())
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
