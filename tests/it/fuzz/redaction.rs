//! The redactor: no planted secret survives, shapes stay, and redacting twice changes nothing.

use leadsman_kube::redaction::{MASK_PREFIX, Redactor, is_mask};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{change, changed};

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
    ("<password>", "</password>"),
    ("<property name=\"connection.password\" value=\"", "\"/>"),
    ("<name>secret.key</name><value>", "</value>"),
    ("define('DB_PASSWORD', '", "');"),
    ("password = <<EOT\n", "\nEOT\n"),
    ("x=postgres%3A%2F%2Fapp%3A", "%40db%3A5432"),
    ("ldapsearch -x -w ", " -b dc=shop"),
    ("echo 'app:", "' | chpasswd"),
    ("\nstats auth admin:", "\n"),
    ("\nbindpw ", "\n"),
    ("\nmot de passe : ", "\n"),
    ("\ndbPassword:\n  key: main\n  value: ", "\n"),
    ("wrong password '", "' given"),
    ("password = \"\"\"", "\"\"\"\n"),
    ("setPassword(\"", "\");"),
];

/// Equal but for the text of strings.
fn same_shape(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(_), Value::String(_)) => true,
        (Value::Number(_), Value::String(mask)) => is_mask(mask),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && same_shape(a, b))
        }
        (a, b) => a == b,
    }
}

/// Pieces of text in which secrets stand, or almost stand.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        ".{0,6}",
        "[A-Za-z0-9+/_-]{8,44}",
        prop::sample::select(vec![
            "password=",
            "\"token\": \"",
            "token: ",
            "Authorization: ",
            "Bearer ",
            "Basic ",
            "https://",
            "a:b@",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "\n",
            "\\\"",
            "\"",
            "'",
            " --api-key ",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "AKIAIOSFODNN7EXAMPLE",
            "<redacted:ab12cd34ef56:24b>",
            "Cookie: ",
            "@tcp(",
            " -u ",
            "secret",
            "=",
            ":",
            "@",
            "&",
            ";",
            "<password>",
            "</password>",
            "<value>",
            "%3A%2F%2F",
            "%40",
            "%3C",
            "<<EOT\n",
            "define('PASSWORD', '",
            "\nbindpw ",
            "\npassword:\n  - value: ",
            "{key: a, value: ",
            "name: PASSWORD\n",
            "value: ",
            "wrong password '",
            "mysql -p",
            " | chpasswd",
            "echo ",
            " -w ",
            "ldapsearch",
            "passwort ",
            "\"\"\"",
            "`",
            "&quot;",
            "?code=",
            "key-",
            "[",
            "(",
        ])
        .prop_map(str::to_owned),
    ]
}

fn hostile_text() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..12).prop_map(|parts| parts.concat())
}

fn hostile_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        hostile_text().prop_map(Value::from),
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
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
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
    fn redaction_of_text_ends_where_it_began(text in hostile_text(), bytes in prop::collection::vec(change(), 0..4)) {
        let planted: String = PLACES.iter().map(|(before, after)| format!("{before}x7{after}")).collect();
        let damaged = changed(format!("{text}{planted}").into_bytes(), &bytes);
        let once = redactor().redact_text(&String::from_utf8_lossy(&damaged));
        prop_assert_eq!(redactor().redact_text(&once), once);
    }

    #[test]
    fn redaction_of_objects_keeps_their_shape_and_ends_where_it_began(object in hostile_json()) {
        let once = redactor().redact_object(object.clone());
        prop_assert!(same_shape(&object, &once), "{} -> {}", object, once);
        prop_assert_eq!(redactor().redact_object(once.clone()), once);
    }
}
