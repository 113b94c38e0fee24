//! Values of Secrets that were read, wherever they turn up later.

use leadsman_kube::redaction::{MASK_PREFIX, Redactor, is_mask};
use serde_json::json;

use super::{cluster, get, log, object};

const PASSWORD: &str = "Gk4/vuT+w9=Zq";
/// The password in base64, in a URL, and within JSON in base64.
const LOG: &str = "retrying with Gk4/vuT+w9=Zq\nraw R2s0L3Z1VCt3OT1acQ==\nGET /?p=Gk4%2FvuT%2Bw9%3DZq\nworkGk4/vuT+w9=Zqs";

fn secret() -> serde_json::Value {
    object(
        "Secret",
        "db",
        json!({"stringData": {"password": PASSWORD, "user": "admin", "enabled": "true", "port": "8080",
            "namespace": "shop", "host": "db.shop.svc", "url": "postgres://app:n0t-Told-8x@db/shop",
            "app.env": "MODE=production\nSIGNING=kd83hSl20dkE\n"}}),
    )
}

#[tokio::test]
async fn values_of_a_secret_are_masked_in_logs_once_it_was_read() {
    let cluster = cluster(&[secret()], LOG);
    assert!(log(&cluster).await.contains("retrying with Gk4/"), "nothing was read yet");
    let read = get(&cluster, "Secret", "db").await;
    let mask = read["stringData"]["password"].as_str().unwrap();
    assert!(is_mask(mask));
    let shown = log(&cluster).await;
    assert_eq!(
        shown.trim_end(),
        format!("retrying with {mask}\nraw {mask}==\nGET /?p={mask}\nworkGk4/vuT+w9=Zqs"),
    );
}

#[tokio::test]
async fn values_of_a_secret_are_masked_in_other_objects_and_in_errors() {
    let map = object(
        "ConfigMap",
        "files",
        json!({"data": {"notes": "then we tried n0t-Told-8x and kd83hSl20dkE"}}),
    );
    let event = object(
        "Event",
        "e",
        json!({"message": format!("login with {PASSWORD} as admin to shop:8080 is true")}),
    );
    let cluster = cluster(&[secret(), map, event], "");
    get(&cluster, "Secret", "db").await;
    let map = get(&cluster, "ConfigMap", "files").await.to_string();
    assert!(!map.contains("n0t-Told-8x") && !map.contains("kd83hSl20dkE"), "{map}");
    let event = get(&cluster, "Event", "e").await;
    let message = event["message"].as_str().unwrap();
    assert!(message.starts_with("login with <redacted:"), "{message}");
    assert!(message.ends_with(" as admin to shop:8080 is true"), "common values stay: {message}");
}

#[test]
fn what_is_remembered_is_bounded_and_the_oldest_leave() {
    let redactor = Redactor::new([7; 32]);
    let secret = |from: usize| {
        let data: serde_json::Map<_, _> =
            (from..from + 1000).map(|n| (format!("k{n}"), json!(format!("x9{n:06}Qz!")))).collect();
        json!({"kind": "Secret", "stringData": data})
    };
    for round in 0..6 {
        redactor.remember(&secret(round * 1000));
    }
    assert_eq!(redactor.redact_text("x9000000Qz!"), "x9000000Qz!");
    assert!(redactor.redact_text("x9005999Qz!").starts_with(MASK_PREFIX));
}

#[test]
fn equal_keys_mask_equally_and_different_ones_do_not() {
    let masked = |key: &[u8]| Redactor::from_secret(key).redact_text("password=hunter2");
    assert_eq!(masked(b"0123456789abcdef"), masked(b"0123456789abcdef"));
    assert_ne!(masked(b"0123456789abcdef"), masked(b"0123456789abcdeg"));
}
