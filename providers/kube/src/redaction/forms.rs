//! The forms in which a value belongs to a name: an assignment, an element or attribute of XML, an argument, an
//! option, a line of a file of configuration, an entry of a list of names and values.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::pairs::Name;
use super::{is_mask, names, values};

/// How far around a name its form is looked for, in bytes.
const REACH: usize = 400;
/// Longest content of an element, in bytes.
const MAX_CONTENT: usize = 16 * 1024;
/// What names a thing, and what then holds its value.
const LABELS: &[&str] = &[
    "name",
    "key",
    "id",
    "k",
    "property",
    "param",
    "parameter",
    "field",
    "variable",
    "var",
    "label",
    "setting",
    "option",
    "env",
    "header",
    "attribute",
    "entry",
];
const VALUES: &[&str] =
    &["value", "val", "v", "content", "default", "plain", "plaintext", "string", "text", "data"];

/// The sign between a name and its value, with the blanks behind it.
pub(super) struct Sign {
    pub(super) at: Range<usize>,
    /// The name stands between quotes.
    pub(super) quoted: bool,
}

fn reach(text: &str) -> &str {
    &text[..text.floor_char_boundary(REACH.min(text.len()))]
}

/// Without the quote at the start: plain, escaped, or as XML writes it.
fn unquoted(text: &str) -> &str {
    if let Some(quote) = values::ENTITIES.iter().find(|quote| text.starts_with(**quote)) {
        return &text[quote.len()..];
    }
    if let Some(quote) = values::escaped_quote(text) {
        return &text[quote.len()..];
    }
    text.strip_prefix(['"', '\'', '`']).unwrap_or(text)
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// `=`, `:`, `=>`, `:=` and the like behind the name, its quote and its bracket.
pub(super) fn sign(text: &str, name: &Name<'_>) -> Option<Sign> {
    let after = name.after(text);
    let closed = unquoted(after);
    let quoted = closed.len() < after.len();
    let closed = if quoted { closed.strip_prefix(']').unwrap_or(closed) } else { closed };
    let rest = blanks(closed);
    let length = ["=>", ":=", "?=", "+=", "::", "===", "==", "!==", "!=", "=", ":"]
        .iter()
        .find(|sign| rest.starts_with(**sign))
        .map(|sign| sign.len())?;
    let start = text.len() - rest.len();
    let behind = &rest[length..];
    let mut value = blanks(behind);
    // YAML may name or type a value before it stands.
    while rest.starts_with(':')
        && value.starts_with(['&', '!'])
        && let Some((mark, named)) = value.split_once(' ')
        && mark.len() <= 40
        && !mark.contains([';', '\n'])
    {
        value = blanks(named);
    }
    if quoted {
        // A value on the next line, as programs print JSON.
        let below = value.trim_start();
        if below.len() < value.len() && below.starts_with(['"', '\'']) {
            value = below;
        }
    } else if &rest[..length] == ":"
        && let Some(assigned) = past_type(value)
    {
        value = assigned;
    }
    Some(Sign { at: start..text.len() - value.len(), quoted })
}

/// `password: String = "…"` names a type first.
fn past_type(value: &str) -> Option<&str> {
    let line = value.find(['\r', '\n']).map_or(reach(value), |end| reach(&value[..end]));
    let (kind, _) = line.split_once('=')?;
    let is_type = kind.len() < 60
        && kind.trim_end().len() >= 3
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" _<>?&[]|.'".contains(&byte));
    let assigned = blanks(&value[kind.len() + 1..]);
    (is_type && assigned.starts_with(['"', '\'', '`'])).then_some(assigned)
}

/// The values of `{key: …, value: …}` and `- value: …` below a secret's name in column `indent`.
pub(super) fn nested(text: &str, from: usize, indent: usize) -> Vec<Range<usize>> {
    let rest = &text[from..];
    if rest.starts_with('{') && !rest.starts_with("{{") {
        let end = rest.find(['}', '\n']).unwrap_or(rest.len());
        return held(text, from + 1..from + end, ',');
    }
    let Some((head, below)) = rest.split_once('\n') else { return Vec::new() };
    if !head.trim().is_empty() {
        return Vec::new();
    }
    let start = text.len() - below.len();
    let mut end = start;
    for line in below.split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        let column = line.len() - content.len();
        let belongs = content.trim().is_empty()
            || column > indent
            || (content.starts_with("- ") && column >= indent);
        if !belongs {
            break;
        }
        end += line.len();
    }
    held(text, start..end, '\n')
}

/// The values of entries `value: …` within a part of a text.
fn held(text: &str, part: Range<usize>, separator: char) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = part.start;
    for entry in text[part].split_inclusive([',', '{', '\n']) {
        let start = at;
        at += entry.len();
        let content = entry.trim_start_matches([' ', '\t', '-']);
        let (label, after) = label(content);
        let Some(after) = blanks(after).strip_prefix([':', '=']) else { continue };
        if !VALUES.contains(&label) {
            continue;
        }
        let value = start + (entry.len() - content.len()) + (content.len() - blanks(after).len());
        let line = (separator == '\n').then(|| values::Line::before(text, value)).flatten();
        let Some(span) = values::read(text, value, line, ": ") else { continue };
        if !names::is_harmless_value(&text[span.range()]) {
            found.push(span.range());
        }
    }
    found
}

/// The word at the start, with or without quotes, and what follows it.
fn label(text: &str) -> (&str, &str) {
    let open = unquoted(text);
    let length = open
        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .unwrap_or(open.len());
    (&open[..length], unquoted(&open[length..]))
}

/// `variable "db_password" { default = "…" }`.
pub(super) fn body(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let after = name.after(text);
    let closed = unquoted(after);
    let inner = blanks(closed).strip_prefix('{').filter(|_| closed.len() < after.len())?;
    let from = text.len() - inner.len();
    let end = reach(inner).find('}')?;
    held(text, from..from + end, '\n').into_iter().next()
}

/// `name: DB_PASSWORD` with its `value: …`, `<add key="…" value="…"/>`, `<entry key="…">…</entry>`,
/// `<name>…</name><value>…</value>`.
pub(super) fn holder(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let before = name.before(text);
    let front = text.ceil_char_boundary(before.len().saturating_sub(40));
    let before = &before[front..];
    if before.ends_with('>') && name.after(text).starts_with("</") {
        return neighbour(text, name);
    }
    let label_end = before.trim_end_matches(['\\', '"', '\'', '`', ' ', '\t']);
    let label_end = label_end.strip_suffix("&quot;").unwrap_or(label_end);
    let label_end =
        label_end.strip_suffix([':', '='])?.trim_end_matches(['\\', '"', '\'', ' ', '\t']);
    let label_end = label_end.strip_suffix("&quot;").unwrap_or(label_end);
    let length = label_end.len()
        - label_end.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric()).len();
    let label_text = label_end[label_end.len() - length..].to_ascii_lowercase();
    if !LABELS.contains(&label_text.as_str()) {
        return None;
    }
    let mut rest = unquoted(name.after(text));
    let latest = rest.len().saturating_sub(REACH);
    for _ in 0..4 {
        if let Some(inner) = rest.trim_start().strip_prefix('>') {
            return content(text, text.len() - inner.len(), &["</"]);
        }
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ';', '\\']);
        let (word, after) = label(rest);
        let after = blanks(after);
        let after = after.strip_prefix("=>").or_else(|| after.strip_prefix([':', '=']))?;
        let value = text.len() - blanks(after).len();
        let line = values::Line::before(text, text.len() - after.len() - 1);
        let span = values::read(text, value, line, ": ")?;
        let word = word.to_ascii_lowercase();
        if VALUES.contains(&word.as_str()) {
            let secret = &text[span.range()];
            return (!names::is_harmless_value(secret) && !is_mask(secret)).then(|| span.range());
        }
        if span.block
            || word == "valuefrom"
            || LABELS.contains(&word.as_str())
            || rest.len() < latest
        {
            return None;
        }
        let skipped = &text[span.end..];
        rest = match skipped.find([',', '\n', '}']) {
            // A sentence goes on to the end of its line.
            Some(end) if !span.quoted && line.is_some() => &skipped[end..],
            _ => unquoted(skipped),
        };
    }
    None
}

/// `<name>password</name> <value>…</value>`.
fn neighbour(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let after = reach(name.after(text));
    let (tag, rest) = after.strip_prefix("</")?.split_once('>')?;
    if !LABELS.contains(&tag.to_ascii_lowercase().as_str()) {
        return None;
    }
    let (_, inner) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    content(text, name.end + after.len() - inner.len(), &["</"])
}

/// `<add value="…" key="ApiKey"/>` and `{"value": "…", "name": "API_KEY"}`: the value comes first.
pub(super) fn value_before(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    static EARLIER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r#"(?i)\b(?:value|val)\\?["']?[ \t]*[:=][ \t]*(?:\\?"(?P<d>[^"\r\n\\]+)\\?"|'(?P<s>[^'\r\n]+)'|(?P<b>[^\s"',;{}]+))"#,
            r#"[\s,;]*-?[ \t]*\\?["']?(?:name|key)\\?["']?[ \t]*[:=][ \t]*\\?["']?$"#
        ))
        .ok()
    });
    let before = name.before(text);
    let stem = before.trim_end_matches(['\\', '"', '\'', ' ', '\t']);
    if !stem.ends_with([':', '=']) {
        return None;
    }
    let front = text.ceil_char_boundary(before.len().saturating_sub(REACH));
    let window = &before[front..];
    let captures = EARLIER.as_ref()?.captures(window)?;
    let found = ["d", "s", "b"].iter().find_map(|group| captures.name(group))?;
    // A new entry of a list has a name of its own.
    let between = &window[found.end()..];
    let harmless =
        names::is_harmless_value(found.as_str()) || between.contains("- ") || between.contains('{');
    (!harmless).then(|| front + found.start()..front + found.end())
}

/// `<password>…</password>`, also with attributes, a namespace, CDATA or a `<value>` inside, also escaped.
pub(super) fn element(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let before = name.before(text);
    let prefix = before.trim_end_matches(|letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
    });
    let opened = if let Some(namespace) = before.strip_suffix(':') {
        namespace.trim_end_matches(|letter: char| {
            letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
        })
    } else {
        prefix
    };
    if opened.len() < before.len() && !before.ends_with(':') {
        return None;
    }
    let (close, end) = if opened.ends_with('<') {
        (">", "</")
    } else if opened.ends_with("&lt;") {
        ("&gt;", "&lt;/")
    } else {
        return None;
    };
    let after = name.after(text);
    let attributes = reach(after).split(close).next()?;
    if attributes.contains('<')
        || attributes.ends_with('/')
        || attributes.len() == reach(after).len()
    {
        return None;
    }
    if !attributes.is_empty() && !attributes.starts_with(|letter: char| letter.is_whitespace()) {
        return None;
    }
    content(text, name.end + attributes.len() + close.len(), &[end])
}

/// The content of an element up to its end tag; that of `<value>` where such a one stands inside.
fn content(text: &str, from: usize, ends: &[&str]) -> Option<Range<usize>> {
    let rest = &text[from..];
    let window = &rest[..rest.floor_char_boundary(MAX_CONTENT.min(rest.len()))];
    let trimmed = window.trim_start();
    let skip = window.len() - trimmed.len();
    if let Some(inner) = trimmed.strip_prefix("<![CDATA[") {
        let length = inner.find("]]>")?;
        return part(text, from + skip + 9, length);
    }
    if let Some(inner) = trimmed.strip_prefix('<').filter(|inner| !inner.starts_with("redacted:")) {
        let (tag, _) = inner.split_once('>')?;
        return VALUES
            .contains(&tag)
            .then(|| content(text, from + skip + tag.len() + 2, ends))
            .flatten();
    }
    let length = ends.iter().find_map(|end| trimmed.find(end))?;
    let inner = &trimmed[..length];
    if inner.trim_start_matches(is_of_mask).contains('<') {
        return None;
    }
    part(text, from + skip, inner.trim_end().len())
}

fn is_of_mask(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '<' | ':' | '>')
}

fn part(text: &str, start: usize, length: usize) -> Option<Range<usize>> {
    let secret = text.get(start..start + length)?;
    (!names::is_harmless_value(secret) && !is_mask(secret)).then_some(start..start + length)
}

/// `define('DB_PASSWORD', '…')`, `{default_pass, <<"…">>}`, `setPassword("…")`.
pub(super) fn call(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let after = name.after(text);
    let closed = unquoted(after);
    let quoted = closed.len() < after.len();
    let rest = if !quoted && after.starts_with('(') {
        let verb = name.text.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let asks = [
            "get",
            "has",
            "is",
            "find",
            "fetch",
            "read",
            "load",
            "lookup",
            "resolve",
            "from",
            "with_name",
        ];
        if asks.iter().any(|word| verb.starts_with(word)) {
            return None;
        }
        blanks(&after[1..])
    } else {
        let argument = blanks(closed).strip_prefix(',')?;
        let front = name.before(text);
        let front = front.trim_end_matches(['\\', '"', '\'', '`']);
        if !(is_argument(front) || (!quoted && front.ends_with('{'))) {
            return None;
        }
        argument.trim_start()
    };
    let rest = rest.strip_prefix("<<").unwrap_or(rest);
    let from = text.len() - rest.len();
    if !rest.trim_start_matches('\\').starts_with(['"', '\'', '`']) {
        return None;
    }
    let span = values::read(text, from, None, ",")?;
    part(text, span.start, span.end - span.start)
}

/// Whether the text ends within the parentheses of a call, on the same line.
fn is_argument(before: &str) -> bool {
    let front = before.len().saturating_sub(120);
    let window = &before[before.ceil_char_boundary(front)..];
    let mut depth = 0_usize;
    for letter in window.chars().rev() {
        match letter {
            ')' => depth += 1,
            '(' if depth == 0 => return true,
            '(' => depth -= 1,
            '[' | '\n' => return false,
            _ => {}
        }
    }
    false
}

/// `--password …`, also as items of a list in JSON or YAML.
pub(super) fn flag(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let before = name.before(text);
    let dashes = before.len() - before.trim_end_matches('-').len();
    let front = before.trim_end_matches('-');
    let starts = front.is_empty()
        || front.ends_with(|letter: char| letter.is_whitespace() || "\"'[,(`=".contains(letter));
    if !(1..=2).contains(&dashes) || !starts {
        return None;
    }
    let after = name.after(text);
    let closed = unquoted(after);
    let next = if closed.len() < after.len() {
        closed.trim_start().strip_prefix(',').map(str::trim_start).or_else(|| item_below(closed))?
    } else {
        item_below(after).or_else(|| Some(blanks(after)).filter(|next| next.len() < after.len()))?
    };
    let span = values::read(text, text.len() - next.len(), None, " ")?;
    let secret = &text[span.range()];
    (!secret.starts_with('-') && !names::is_harmless_value(secret)).then(|| span.range())
}

/// The next item of a YAML list.
fn item_below(after: &str) -> Option<&str> {
    let below = blanks(after).strip_prefix('\n').or_else(|| blanks(after).strip_prefix("\r\n"))?;
    below.trim_start_matches(' ').strip_prefix("- ").map(blanks)
}

/// `bindpw hunter2`, `ENV DB_PASSWORD hunter2`: a line of a name and its value without a sign between them.
pub(super) fn directive(text: &str, name: &Name<'_>) -> Option<Range<usize>> {
    const SETTERS: &[&str] = &[
        "env",
        "set",
        "setenv",
        "export",
        "arg",
        "param",
        "fastcgi_param",
        "uwsgi_param",
        "let",
        "setg",
        "option",
    ];
    let before = name.before(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let head = before[line_start..].trim_start();
    let head = head.trim_end_matches(['$', '@', '%']);
    if head.len() > 20
        || !(head.is_empty() || SETTERS.contains(&head.trim_end().to_ascii_lowercase().as_str()))
    {
        return None;
    }
    let after = name.after(text);
    let rest = blanks(after);
    if rest.len() == after.len() {
        return None;
    }
    let line = rest.find(['\r', '\n']).map_or(rest, |end| &rest[..end]);
    let value = line.trim_end().trim_end_matches(';').trim_end();
    let (skip, inner) = match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => (1, inner),
        None => (0, value),
    };
    let alone = skip == 1 || !inner.contains(|letter: char| letter.is_whitespace());
    // `password required` is a sentence; a name of several parts is none.
    let is_plain = names::is_one_word(name.text) && head.is_empty() && !name.text.ends_with("pw");
    let is_word = inner.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_sentence = name.text.ends_with(':') || (is_plain && is_word && skip == 0);
    let is_sign = inner.starts_with(['=', ':', '{', '(', '-', '/', '[', '|', '>', '&', '<']);
    let from = text.len() - rest.len() + skip;
    (alone && !is_sentence && !is_sign && inner.len() >= 3)
        .then(|| part(text, from, inner.len()))
        .flatten()
}
