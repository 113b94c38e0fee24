//! Lists of arguments: the secret may be the element after its option, `--password`, `hunter2`, or stand where the
//! program takes one.

use serde_json::Value;

use super::{Redactor, commands, names, object};

/// Masks the secrets of a list. `command` is what its arguments are for, program first, where that stands elsewhere;
/// else it is empty, and the list may hold a program itself.
pub(super) fn redact(redactor: &Redactor, command: &[String], list: &mut [Value]) {
    let taken = taken_by_program(command, list);
    let mut after_secret_flag = false;
    for (at, value) in list.iter_mut().enumerate() {
        let Value::String(text) = value else {
            after_secret_flag = false;
            object::walk(redactor, value);
            continue;
        };
        // What is left of a flag that was masked itself counts as well.
        let before = names_secret(text);
        let is_value = |text: &str| !text.starts_with('-') && !names::is_harmless_value(text);
        let part = taken.iter().find(|(taken, _)| *taken == at).map(|(_, part)| part.clone());
        // A secret is the end of its argument.
        if let Some((front, secret)) = part.and_then(|part| text.split_at_checked(part.start)) {
            *text = format!("{front}{}", redactor.mask(secret));
        } else if after_secret_flag && is_value(text) {
            *text = redactor.mask(text);
        } else {
            object::text_leaf(redactor, text);
            if after_secret_flag && is_value(text) {
                *text = redactor.mask(text);
            }
        }
        after_secret_flag = before || names_secret(text);
    }
}

fn names_secret(text: &str) -> bool {
    text.starts_with('-') && !text.contains('=') && names::is_secret(text.trim_start_matches('-'))
}

/// What the program takes as secrets, by position in the list.
fn taken_by_program(command: &[String], list: &[Value]) -> Vec<(usize, std::ops::Range<usize>)> {
    let texts: Vec<&str> = list.iter().map(|value| value.as_str().unwrap_or_default()).collect();
    let mut taken = Vec::new();
    if let Some((program, begun)) = command.split_first() {
        let all: Vec<&str> =
            begun.iter().map(String::as_str).chain(texts.iter().copied()).collect();
        let found = commands::secrets(program, &all).into_iter();
        taken.extend(found.filter_map(|(at, part)| Some((at.checked_sub(begun.len())?, part))));
    }
    for (at, text) in texts.iter().enumerate() {
        if !text.starts_with('-') && !text.contains(' ') {
            let found = commands::secrets(text, &texts[at + 1..]);
            taken.extend(found.into_iter().map(|(behind, part)| (at + 1 + behind, part)));
        }
    }
    taken
}
