//! Hostile input for the three readers of foreign bytes: the snapshot loader, the reader of model output and the
//! redactor. The number of cases follows `PROPTEST_CASES`.

use std::path::Path;
use std::sync::LazyLock;

use leadsman::engine::tools::{arguments, submit};
use leadsman_kube::redaction::{MASK_PREFIX, Redactor};
use leadsman_kube::snapshot::Snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The files of every demo, as a snapshot holds them.
static REAL_FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut files = Vec::new();
    let demos = Path::new(env!("CARGO_MANIFEST_DIR")).join("demos");
    for demo in std::fs::read_dir(demos).unwrap() {
        let snapshot = demo.unwrap().path().join("snapshot");
        collect(&snapshot, &snapshot, &mut files);
    }
    files.sort();
    assert!(files.len() > 10, "the demos are missing");
    files
});

fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read(&path).unwrap()));
        }
    }
}

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

fn file_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}\\.(json|yaml|yml|log|txt)",
        "[a-z]{1,4}/[a-z]{1,4}/(app\\.log|app\\.previous\\.log|logs\\.txt|o\\.yaml)",
        Just("snapshot.yaml".to_owned()),
        ".{0,12}",
    ]
}

/// A loaded snapshot can be read; a refused one says which file is at fault.
fn check_load(files: Vec<(String, Vec<u8>)>) -> Result<(), TestCaseError> {
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    match Snapshot::from_files(files) {
        Ok(snapshot) => {
            let listed: usize =
                snapshot.kinds().iter().map(|kind| snapshot.objects(kind, None).len()).sum();
            prop_assert!(listed >= snapshot.object_count());
        }
        Err(error) => {
            let message = error.to_string();
            prop_assert!(names.iter().any(|name| message.contains(name.as_str())), "{}", message);
        }
    }
    Ok(())
}

fn valid_submission() -> Value {
    json!({
        "root_cause_analysis": {
            "summary": "The Deployment starts with a flag that the program does not know.",
            "cause": "container.app_error", "severity": "high",
            "remediation_target": {"kind": "Deployment", "name": "cart", "namespace": "shop"},
            "causal_chain": ["The flag was added", "The container exits"],
            "contributing_factors": ["No review"]
        },
        "evidence": [{"id": "E3", "quote": "unknown flag: --fast"}],
        "alternatives": [{"hypothesis": "The node", "ruled_out_by": "It is ready"}],
        "next_steps": ["Roll back"], "confidence": 0.9, "investigation_outcome": "actionable"
    })
}

/// Whatever a model sends is read or refused with words.
fn check_output(raw: &str) -> Result<(), TestCaseError> {
    let found = arguments::find_object(raw);
    let objects = match arguments::parse(raw) {
        Ok(object) => [Some(object), found],
        Err(problem) => {
            prop_assert!(!problem.to_string().is_empty());
            [None, found]
        }
    };
    for object in objects.into_iter().flatten() {
        match submit::read(object) {
            Ok(proposal) => {
                prop_assert!((0.0..=1.0).contains(&proposal.confidence));
                prop_assert!(!proposal.summary.is_empty());
                let target_is_named = proposal.target.is_none_or(|target| !target.name.is_empty());
                prop_assert!(target_is_named);
            }
            Err(problem) => prop_assert!(!problem.to_string().is_empty()),
        }
    }
    Ok(())
}

fn redactor() -> Redactor {
    Redactor::new([9; 32])
}

/// Where a secret stands, between what comes before and after it.
const PLACES: &[(&str, &str)] = &[
    ("postgres://app:", "@db:5432/shop"),
    ("password=", " next"),
    ("{\"api_key\": \"", "\"}"),
    ("{\"name\":\"API_TOKEN\",\"value\":\"", "\"}"),
    ("Authorization: Bearer ", "\n"),
    ("\nDB_PASSWORD: ", "\nHOST: x"),
    ("\npassword: |\n  ", "\nhost: x"),
    (" --token ", " --x"),
    ("-----BEGIN EC PRIVATE KEY-----\n", "\n-----END EC PRIVATE KEY-----"),
    ("app:", "@tcp(db:3306)/shop"),
    ("machine x login y password ", "\n"),
    ("mysql -uroot -p", " ping"),
    ("requirepass ", "\n"),
    ("; PWD=", ";"),
    ("ghp_0123456789abcdefghij", " "),
];

fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        pieces().prop_map(Value::from),
        "[A-Za-z0-9+/]{16,64}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        "[a-zA-Z_]{0,8}",
        prop::sample::select(vec![
            "kind",
            "items",
            "data",
            "stringData",
            "metadata",
            "annotations",
            "name",
            "value",
            "env",
            "args",
            "password",
            "token",
            "tokens",
            "binaryData",
            "auth",
            "secret",
            "key",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner.clone(), 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn the_loader_survives_any_bytes(
        files in prop::collection::vec((file_name(), prop::collection::vec(any::<u8>(), 0..200)), 0..4),
    ) {
        check_load(files)?;
    }

    #[test]
    fn the_loader_survives_any_pieces(files in prop::collection::vec((file_name(), pieces()), 0..4)) {
        check_load(files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect())?;
    }

    #[test]
    fn the_loader_survives_damaged_files(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let (name, bytes) = file.get(REAL_FILES.as_slice()).clone();
        check_load(vec![(name, changed(bytes, &changes))])?;
    }

    #[test]
    fn any_model_output_is_read_or_refused(raw in pieces()) {
        check_output(&raw)?;
    }

    #[test]
    fn damaged_submissions_are_read_or_refused(
        changes in prop::collection::vec(change(), 1..6),
        encodings in 0_usize..4,
    ) {
        let mut raw = valid_submission().to_string();
        for _ in 0..encodings {
            raw = Value::from(raw).to_string();
        }
        check_output(&String::from_utf8_lossy(&changed(raw.into_bytes(), &changes)))?;
    }

    #[test]
    fn a_planted_secret_never_survives(
        place in prop::sample::select(PLACES),
        secret in "[A-Za-z0-9][A-Za-z0-9!*+_~-]{8,30}[0-9]",
        before in "[a-z ]{0,20}",
        embedded in 0_usize..3,
    ) {
        let text = format!("{before} {}{secret}{}", place.0, place.1);
        let output = redactor().redact_text(&text);
        prop_assert!(!output.contains(&secret), "{} -> {}", text, output);
        let mut value = json!({"message": text});
        for _ in 0..embedded {
            value = json!({"annotations": {"copy": value.to_string()}});
        }
        let output = redactor().redact_object(value).to_string();
        prop_assert!(!output.contains(&secret) && output.contains(MASK_PREFIX), "{}", output);
    }

    #[test]
    fn redaction_of_text_ends_where_it_began(text in pieces(), bytes in prop::collection::vec(change(), 0..4)) {
        let planted: String = PLACES.iter().map(|(before, after)| format!("{before}x7{after}")).collect();
        let damaged = changed(format!("{text}{planted}").into_bytes(), &bytes);
        let once = redactor().redact_text(&String::from_utf8_lossy(&damaged));
        prop_assert_eq!(redactor().redact_text(&once), once);
    }

    #[test]
    fn redaction_of_objects_ends_where_it_began(object in object()) {
        let once = redactor().redact_object(object);
        prop_assert_eq!(redactor().redact_object(once.clone()), once);
    }
}
