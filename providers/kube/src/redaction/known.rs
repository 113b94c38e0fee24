//! Values of Secrets that were read: masked wherever they occur from then on, whatever stands around them.
//!
//! They are held in memory, so that a text can be searched for all of them at once; the oldest leave when there are
//! too many. What is short or common is not held: it would be masked everywhere and tell nothing.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use serde_json::Value;

use super::spans::Masking;
use super::{Redactor, entropy};

/// Shortest value that is held, in bytes; a word or a number has to be longer.
const MIN_VALUE: usize = 6;
const MIN_WORD: usize = 16;
/// Longest value that is held, in bytes.
const MAX_VALUE: usize = 512;
/// Shortest line that is a value where there are several, and how many of one file are held.
const MIN_LINE: usize = 16;
const MAX_LINES: usize = 64;
/// At most so many values, and so many bytes of them. With all their forms the automaton takes up to some 12 MiB.
const MAX_VALUES: usize = 1_024;
const MAX_BYTES: usize = 64 * 1024;

/// What is remembered. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Known {
    state: Arc<RwLock<State>>,
}

/// Values stay out of logs.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

#[derive(Default)]
struct State {
    /// Oldest first.
    values: VecDeque<Arc<str>>,
    bytes: usize,
    search: Option<Arc<Search>>,
}

struct Search {
    automaton: AhoCorasick,
    /// For each pattern the value that it is a form of.
    forms: Vec<Arc<str>>,
}

impl Known {
    /// Remembers the values of one Secret.
    pub(super) fn remember<'v>(&self, values: impl IntoIterator<Item = &'v [u8]>) {
        let mut texts: Vec<String> = values
            .into_iter()
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(parts)
            .filter(|value| value.len() <= MAX_VALUE && is_telling(value))
            .collect();
        texts.sort_unstable();
        texts.dedup();
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            texts.retain(|text| !state.values.iter().any(|known| **known == *text.as_str()));
        }
        if texts.is_empty() {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for text in texts {
            state.bytes += text.len();
            state.values.push_back(Arc::from(text));
        }
        while state.values.len() > MAX_VALUES || state.bytes > MAX_BYTES {
            let Some(oldest) = state.values.pop_front() else { break };
            state.bytes -= oldest.len();
        }
        state.search = Search::over(&state.values).map(Arc::new);
    }

    /// Masks every form of every value: as it is, in base64, URL-encoded. The mask is that of the value.
    pub(super) fn redact<'t>(&self, redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
        let search = self.state.read().unwrap_or_else(PoisonError::into_inner).search.clone();
        let Some(search) = search else { return Cow::Borrowed(text) };
        let mut masking = Masking::new(redactor, text);
        for hit in search.automaton.find_iter(text) {
            let whole = |letter: Option<char>, edge: Option<char>| {
                // `shop` is not in `workshop`: a value that ends in a letter ends where a word does.
                !(edge.is_some_and(char::is_alphanumeric)
                    && letter.is_some_and(char::is_alphanumeric))
            };
            let written = &text[hit.range()];
            if whole(text[..hit.start()].chars().next_back(), written.chars().next())
                && whole(text[hit.end()..].chars().next(), written.chars().next_back())
            {
                masking.mask_as(hit.range(), &search.forms[hit.pattern().as_usize()]);
            }
        }
        masking.finish()
    }
}

/// A value; of a URL its password; of a file with several lines, of JSON and of settings each value.
fn parts(value: &str) -> Vec<String> {
    let value = value.trim();
    if value.starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str::<Value>(value)
    {
        let mut leaves = Vec::new();
        collect(&json, &mut leaves);
        return leaves;
    }
    let mut parts = Vec::new();
    for line in value.lines().map(str::trim).take(MAX_LINES) {
        if let Some((_, rest)) = line.split_once("://")
            && let Some((login, _)) = rest.rsplit_once('@')
            && let Some((_, password)) = login.split_once(':')
        {
            parts.push(password.to_owned());
        } else if value.contains('\n')
            && let Some((_, setting)) = line.split_once(": ").or_else(|| line.split_once('='))
            && !setting.trim_matches('=').is_empty()
        {
            parts.push(setting.trim().trim_matches(['"', '\'']).to_owned());
        } else if !value.contains('\n') || line.len() >= MIN_LINE {
            parts.push(line.to_owned());
        }
    }
    parts
}

fn collect(json: &Value, leaves: &mut Vec<String>) {
    match json {
        Value::String(text) => {
            if leaves.len() < MAX_LINES {
                leaves.extend(parts(text));
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, leaves)),
        Value::Object(map) => map.values().for_each(|value| collect(value, leaves)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether the value says by itself that it is a secret, so that no name, word, path, number or host is masked
/// everywhere because it also stands in a Secret.
fn is_telling(value: &str) -> bool {
    if value.len() < MIN_VALUE || value.starts_with("-----") {
        return false;
    }
    let has = |class: fn(&char) -> bool| value.chars().any(|letter| class(&letter));
    let has_digit = has(char::is_ascii_digit);
    let has_letter = has(|letter| letter.is_alphabetic());
    let has_capital = has(|letter| letter.is_uppercase()) && has(|letter| letter.is_lowercase());
    let is_name = value.chars().all(|letter| {
        letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_' | '/' | ':')
    });
    let has_sign = value.chars().any(|letter| {
        !letter.is_alphanumeric() && !matches!(letter, '-' | '.' | '_' | '/' | ':' | ' ' | ',')
    });
    if value.starts_with('/')
        || value.contains("://")
        || value.parse::<std::net::IpAddr>().is_ok()
        || is_host(value)
    {
        return false;
    }
    if !has_letter {
        // A number: a PIN of this length may also be a port, a size, a time.
        return value.len() >= MIN_WORD;
    }
    if !has_digit && !has_sign {
        // Words: `admin`, `production`, `shop-database`. A passphrase has at least four.
        let is_phrase =
            !is_name && value.len() >= MIN_WORD && value.split_whitespace().count() >= 4;
        return is_phrase || entropy::class_changes(value.as_bytes()) >= 0.3 && has_capital;
    }
    // `db-1`, `postgres15`, `v1.2.3`: names with a number.
    let stem = value.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let is_numbered = is_name
        && value.len() - stem.len() <= 3
        && stem.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_version = value
        .trim_start_matches('v')
        .split('.')
        .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    !(is_version || is_numbered || is_object_name(value))
}

/// `checkout-api-2`, `shop.example.com`: parts of letters, each with a number at its end at the most.
fn is_object_name(value: &str) -> bool {
    value.contains(['-', '.', '_'])
        && value.split(['-', '.', '_', ':']).all(|part| {
            let stem = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
            stem.bytes().all(|byte| byte.is_ascii_lowercase()) && part.len() - stem.len() <= 4
        })
}

fn is_host(value: &str) -> bool {
    let host = value.rsplit_once(':').map_or(value, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { value }
    });
    host.contains('.')
        && host.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
        && host
            .split('.')
            .any(|part| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase()))
}

impl Search {
    fn over(values: &VecDeque<Arc<str>>) -> Option<Self> {
        let (mut patterns, mut forms) = (Vec::new(), Vec::new());
        for value in values {
            for form in written_forms(value) {
                patterns.push(form);
                forms.push(Arc::clone(value));
            }
        }
        let automaton =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&patterns).ok()?;
        Some(Self { automaton, forms })
    }
}

fn written_forms(value: &str) -> Vec<String> {
    let mut forms = vec![
        value.to_owned(),
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        form_urlencoded(value),
    ];
    // As JSON writes it between quotes.
    if let Ok(quoted) = serde_json::to_string(value) {
        forms.push(quoted[1..quoted.len() - 1].to_owned());
    }
    for ending in ["", "\n"] {
        let bytes = format!("{value}{ending}");
        forms.push(STANDARD_NO_PAD.encode(&bytes));
        forms.push(URL_SAFE_NO_PAD.encode(&bytes));
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// As URLs are written by programs that leave `-`, `.`, `_` and `~` alone.
fn form_urlencoded(value: &str) -> String {
    const RESERVED: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::is_telling;

    #[test]
    fn what_is_short_or_common_is_not_held() {
        for common in [
            "true",
            "admin",
            "8080",
            "shop",
            "production",
            "shop-database",
            "db.shop.svc.cluster.local",
            "db.shop:5432",
            "postgres15",
            "10.0.0.7",
            "/var/run/app.sock",
            "https://shop.example.com/api",
            "v1.2.3",
            "1.34.1",
            "checkout-api-2",
            "eu-central-1",
            "20260302",
            "user@1",
        ] {
            assert_eq!(is_telling(common), common == "user@1", "{common}");
        }
    }

    #[test]
    fn passwords_and_tokens_are() {
        for secret in [
            "hunter2-x9Q",
            "Tr0ub4dor&3",
            "s3cr3t!!",
            "q7Zp2LxV9bTn4RmK8sWd",
            "3f8a9c1d2e4b5a6978c0d1e2f3a4b5c6",
            "6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
            "correct horse battery staple",
            "kDjFhGkDjFgH",
            "p%40ss/w0rd",
        ] {
            assert!(is_telling(secret), "{secret}");
        }
    }
}
