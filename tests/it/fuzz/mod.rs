//! Hostile input for the three readers of foreign bytes: the snapshot loader, the reader of model output and the
//! redactor. The number of cases follows `PROPTEST_CASES`.

mod loader;
mod model_output;
mod redaction;

use proptest::prelude::*;

/// Pieces that matter to a parser of JSON, YAML, logs or chat.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ":",
    ": ",
    ",",
    "\n",
    "---\n",
    "...\n",
    "- ",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "? ",
    "|\n",
    ">-\n",
    "#",
    "%YAML 9\n",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\u{0}",
    "1e999",
    "-0",
    "9999999999999999999",
    "null",
    "~",
    "true",
    "kind: List\nitems:\n",
    "apiVersion: v1\n",
    "metadata: {name: a}\n",
    "kind: Secret\n",
    "../",
    "/",
    "```json\n",
    "```",
    "<|im_start|>",
    "</untrusted>",
    "NaN",
    "Infinity",
    "0x7f",
    "\t",
    "\r\n",
    "é",
    "𝄞",
];

/// One change of a text of bytes.
#[derive(Debug, Clone)]
enum Change {
    Cut { at: usize, length: usize },
    Repeat { at: usize, length: usize },
    Flip { at: usize, with: u8 },
    Insert { at: usize, piece: &'static str },
    End { at: usize },
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>;
    prop_oneof![
        (at(), 1_usize..200).prop_map(|(at, length)| Change::Cut { at, length }),
        (at(), 1_usize..200).prop_map(|(at, length)| Change::Repeat { at, length }),
        (at(), 1_u8..).prop_map(|(at, with)| Change::Flip { at, with }),
        (at(), prop::sample::select(PIECES)).prop_map(|(at, piece)| Change::Insert { at, piece }),
        at().prop_map(|at| Change::End { at }),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: usize| if bytes.is_empty() { 0 } else { at % bytes.len() };
        match change {
            Change::Cut { at, length } => {
                let start = place(*at);
                let end = (start + length).min(bytes.len());
                bytes.drain(start..end);
            }
            Change::Repeat { at, length } => {
                let start = place(*at);
                let copy = bytes[start..(start + length).min(bytes.len())].to_vec();
                bytes.splice(start..start, copy);
            }
            Change::Flip { at, with } => {
                let start = place(*at);
                if let Some(byte) = bytes.get_mut(start) {
                    *byte ^= with;
                }
            }
            Change::Insert { at, piece } => {
                let start = place(*at);
                bytes.splice(start..start, piece.bytes());
            }
            Change::End { at } => bytes.truncate(place(*at)),
        }
    }
    bytes
}

fn pieces() -> impl Strategy<Value = String> {
    let part =
        prop_oneof![prop::sample::select(PIECES).prop_map(str::to_owned), ".{0,8}", "[ -~]{0,16}"];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}
