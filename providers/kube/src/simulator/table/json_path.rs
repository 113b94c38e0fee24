//! The part of JSONPath that printer columns use: fields, indices, `[*]`, and `[?(@.type=="Ready")]`.

use serde_json::Value;

/// Longest path that is followed, in steps.
const MAX_STEPS: usize = 64;

/// All values that a path leads to; none if the path is not understood.
pub(super) fn select<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    let Some(steps) = parse(path) else { return Vec::new() };
    let mut found = vec![object];
    for step in &steps {
        found = found.into_iter().flat_map(|value| step.follow(value)).collect();
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    /// Items whose field has (or has not) this value.
    Where {
        path: Vec<String>,
        equal: bool,
        value: String,
    },
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Field(field), Value::Object(fields)) => fields.get(field).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let index = if *index < 0 { length + index } else { *index };
                usize::try_from(index).ok().and_then(|index| items.get(index)).into_iter().collect()
            }
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            (Self::Where { path, equal, value }, Value::Array(items)) => {
                let matches = |item: &&Value| {
                    let found = path.iter().try_fold(*item, |value, field| value.get(field));
                    (found.map(super::cells::plain).as_ref() == Some(value)) == *equal
                };
                items.iter().filter(matches).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn parse(path: &str) -> Option<Vec<Step>> {
    let path = path.trim();
    let path = path.strip_prefix('{').and_then(|path| path.strip_suffix('}')).unwrap_or(path);
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == MAX_STEPS {
            return None;
        }
        if let Some(bracket) = rest.strip_prefix('[') {
            let (inside, tail) = split_bracket(bracket)?;
            steps.push(parse_bracket(inside.trim())?);
            rest = tail;
        } else {
            let (field, tail) = take_field(rest.strip_prefix('.').unwrap_or(rest));
            if field == "*" {
                steps.push(Step::All);
            } else if !field.is_empty() {
                steps.push(Step::Field(field));
            } else if !tail.is_empty() {
                return None;
            }
            rest = tail;
        }
    }
    Some(steps)
}

/// A field's name up to the next dot or bracket; a backslash protects a dot.
fn take_field(text: &str) -> (String, &str) {
    let mut field = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' => field.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (field, text.get(index..).unwrap_or_default()),
            _ => field.push(c),
        }
    }
    (field, "")
}

/// Splits at the bracket's end, quotes respected.
fn split_bracket(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (None, ']') => return Some((text.get(..index)?, text.get(index + 1..)?)),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn unquote(text: &str) -> Option<&str> {
    let text = text.trim();
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

fn parse_bracket(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(field) = unquote(inside) {
        return Some(Step::Field(field.to_owned()));
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|filter| filter.strip_suffix(')')) {
        let (path, value, equal) = match (filter.split_once("=="), filter.split_once("!=")) {
            (Some((path, value)), _) => (path, value, true),
            (None, Some((path, value))) => (path, value, false),
            (None, None) => return None,
        };
        let path = path.trim().strip_prefix("@.")?;
        return Some(Step::Where {
            path: path.split('.').map(str::to_owned).collect(),
            equal,
            value: unquote(value).unwrap_or(value.trim()).to_owned(),
        });
    }
    inside.parse().ok().map(Step::Index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::select;

    #[test]
    fn follows_what_printer_columns_use() {
        let object = json!({
            "status": {"conditions": [
                {"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}
            ]},
            "metadata": {"labels": {"a.b/c": "x"}},
            "list": [1, 2, 3],
        });
        for (path, expected) in [
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            ("{.status.conditions[?(@.type!='Ready')].status}", json!(["False"])),
            (".status.conditions[*].type", json!(["Synced", "Ready"])),
            (".metadata.labels['a.b/c']", json!(["x"])),
            (".metadata.labels.a\\.b/c", json!(["x"])),
            (".list[0]", json!([1])),
            (".list[-1]", json!([3])),
            (".list[9]", json!([])),
            (".nothing.here", json!([])),
            (".list[", json!([])),
        ] {
            let found: Vec<Value> = select(&object, path).into_iter().cloned().collect();
            assert_eq!(Value::Array(found), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(path in "[.a\\[\\]?(@='\"*\\\\0-9{}$-]{0,24}") {
            let _ = select(&json!({"a": [{"a": "b"}]}), &path);
        }
    }
}
