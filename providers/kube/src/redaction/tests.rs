//! What is masked, what stays, and that both hold for hostile input.

use proptest::prelude::*;
use serde_json::json;

use super::{MASK_PREFIX, Redactor, is_mask};

fn redactor() -> Redactor {
    Redactor::new([7; 32])
}

fn text(input: &str) -> String {
    redactor().redact_text(input)
}

#[test]
fn secrets_in_text_are_masked() {
    for (input, secret) in [
        ("dial postgres://app:hunter2@db:5432/shop failed", "hunter2"),
        ("redis://:p%40ss@cache:6379/0", "p%40ss"),
        ("amqp://u:pa/ss@mq/vhost", "pa/ss"),
        ("https://0123456789abcdef0123@sentry.example.com/1", "0123456789abcdef0123"),
        ("app:hunter2@tcp(mysql:3306)/shop", "hunter2"),
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("curl -H 'Authorization: Basic dXNlcjpwdw=='", "dXNlcjpwdw=="),
        ("using bearer 8d7f6a5b4c3d2e1f", "8d7f6a5b4c3d2e1f"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl rejected", "eyJzdWIiOiIxIn0"),
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklm"),
        ("glpat-abcdefghij0123456789", "glpat-abcdefghij"),
        ("xoxb-123456789012-abcdefABCDEF", "xoxb-123456789012"),
        ("OpenAI says sk-proj-Ab12Cd34Ef56Gh78Ij90 is wrong", "Ab12Cd34Ef56"),
        ("password=hunter2&x=1", "hunter2"),
        ("level=info db_password='hunter 2' ok", "hunter 2"),
        (r#"{"password":"hun\"ter2","user":"a"}"#, "ter2"),
        (r#"msg="{\"api_key\":\"hunter2\"}""#, "hunter2"),
        ("token: t0ken-value", "t0ken-value"),
        ("user/password:hunter2", "hunter2"),
        ("db-password:12345", "12345"),
        ("spring.datasource.password: hunter2", "hunter2"),
        ("Server=db;User Id=sa;Password=hunter2;Encrypt=true", "hunter2"),
        ("secretName=x/password=hunter2", "hunter2"),
        ("run --api-key hunter2 --verbose", "hunter2"),
        ("curl -u admin:hunter2 http://x", "hunter2"),
        ("Cookie: session=hunter2; theme=dark", "hunter2"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEcutoff", "MIIEcutoff"),
    ] {
        let output = text(input);
        assert!(!output.contains(secret), "{input} -> {output}");
        assert!(output.contains(MASK_PREFIX), "{input} -> {output}");
    }
}

#[test]
fn the_rest_of_a_connection_string_stays() {
    let output = text("postgres://app:hunter2@db.shop:5432/shop?sslmode=require");
    assert!(output.starts_with("postgres://app:<redacted:"), "{output}");
    assert!(output.ends_with(":7b>@db.shop:5432/shop?sslmode=require"), "{output}");
}

#[test]
fn secrets_without_a_gap_between_them_are_all_masked() {
    let output = text("AKIAIOSFODNN7EXAMPLEeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln");
    assert!(!output.contains("AKIA") && !output.contains("eyJ"), "{output}");
    let output = text(" -u password=A");
    assert_eq!(text(&output), output, "a mask is never taken apart");
}

#[test]
fn diagnostics_stay_byte_for_byte() {
    for line in [
        "secret \"db-credentials\" not found",
        "MountVolume.SetUp failed for volume \"tls\" : secret \"shop-tls\" not found",
        "couldn't find key password in Secret shop/db-credentials",
        "references non-existent secret key: DB_PASSWORD",
        "FATAL: password authentication failed for user \"app\"",
        "error: invalid token: unexpected end of input",
        "authorization: denied",
        "bearer authentication required",
        "registry.example.com/shop/api@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
        "containerd://4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
        "6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
        "pod checkout-api-7d9f8c6b54-x2k9q on ip-10-0-1-17",
        "GET http://prometheus:9090/api/v1/query?q=up@end()",
        "dial tcp 10.0.0.7:5432: connect: connection refused",
        "resourceVersion: 184467",
        "quay.io/keyforge/token-mint:6.0.1",
        "registry.example.com/vault-secrets:latest",
        "vault-secrets:v1.17.0",
        "dial tcp: lookup auth-token:8080",
        "secretName: shop-tls",
        "automountServiceAccountToken: true",
        "sk-frontend-7d9f8c6b54-x2k9q",
        "token=",
        "DB_PASSWORD=$(PASSWORD_FROM_SECRET)",
    ] {
        assert_eq!(text(line), line);
    }
}

#[test]
fn equal_secrets_have_equal_masks_in_every_form() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"password": "aHVudGVyMg=="},
        "stringData": {"password": "hunter2"}});
    let pod = json!({"kind": "Pod", "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}});
    let secret = redactor().redact_object(secret);
    let pod = redactor().redact_object(pod);
    let mask = &secret["data"]["password"];
    assert!(is_mask(mask.as_str().unwrap()));
    assert_eq!(mask, &secret["stringData"]["password"]);
    assert_eq!(mask, &pod["spec"]["containers"][0]["env"][0]["value"]);
    let other = Redactor::new([8; 32]).redact_text("password=hunter2");
    assert!(!other.contains(mask.as_str().unwrap()), "another key gives another mask");
}

#[test]
fn secrets_inside_lists_are_masked() {
    for list in [
        json!({"kind": "SecretList", "items": [{"data": {"k": "aHVudGVyMg=="}}]}),
        json!({"kind": "List", "items": [{"kind": "Secret", "data": {"k": "aHVudGVyMg=="}}]}),
        json!({"kind": "Template", "objects": [{"kind": "Secret", "stringData": {"k": "hunter2"}}]}),
        json!({"kind": "Secret", "type": "helm.sh/release.v1", "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"k\":\"aHVudGVyMg==\"}}"}}}),
    ] {
        let output = redactor().redact_object(list).to_string();
        assert!(!output.contains("aHVudGVyMg==") && !output.contains("hunter2"), "{output}");
    }
}

#[test]
fn what_an_object_needs_for_a_diagnosis_stays() {
    let object = json!({"kind": "Pod", "metadata": {"uid": "6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
        "resourceVersion": "184467", "annotations": {"checksum/config": "3f8a9c1d2e4b5a6978c0d1e2f3a4b5c6d7e8f901"}},
        "spec": {"imagePullSecrets": [{"name": "regcred"}], "existingSecret": "shop-db",
        "volumes": [{"secret": {"secretName": "shop-tls"}}],
        "containers": [{"args": ["--token-file", "/var/run/token"], "env": [
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-credentials", "key": "password"}}},
            {"name": "TOKEN_TTL", "value": "3600"}, {"name": "ALLOW_EMPTY_PASSWORD", "value": "yes"},
            {"name": "PWD", "value": "/srv"}]}]},
        "status": {"containerStatuses": [{"imageID": "docker.io/x@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5"}]}});
    assert_eq!(redactor().redact_object(object.clone()), object);
}

#[test]
fn object_fields_are_masked_by_their_meaning() {
    let object = json!({"kind": "Widget", "metadata": {"annotations": {"example.com/api-token": "hunter2"}},
        "spec": {"adminPassword": "hunter2", "clientSecret": "hunter2",
        "args": ["--password", "hunter2", "--db=postgres://a:hunter2@h/d"],
        "headers": [{"name": "Authorization", "value": "hunter2"}],
        "env": [{"name": "DATABASE_DSN", "value": "postgres://app:hunter2@db/shop"},
            {"name": "SESSION_SEED", "value": "q7Zp2LxV9bTn4RmK8sWd"}]}});
    let output = redactor().redact_object(object);
    let flat = output.to_string();
    assert!(!flat.contains("hunter2") && !flat.contains("q7Zp2LxV9bTn4RmK8sWd"), "{flat}");
    assert!(flat.contains("@db/shop"), "{flat}");
}

#[test]
fn config_map_values_are_masked_by_key_and_by_text() {
    let object = json!({"kind": "ConfigMap", "data": {"DB_PASSWORD": "hunter2", "LOG_LEVEL": "debug",
        "app.yaml": "db:\n  host: db.shop\n  password: hunter2\n"}, "binaryData": {"blob": "aHVudGVyMg=="}});
    let output = redactor().redact_object(object);
    assert!(!output.to_string().contains("hunter2") && !output.to_string().contains("aHVudGVyMg"));
    assert_eq!(output["data"]["LOG_LEVEL"], "debug");
    assert!(
        output["data"]["app.yaml"]
            .as_str()
            .unwrap()
            .starts_with("db:\n  host: db.shop\n  password: <redacted:")
    );
}

#[test]
fn a_name_that_is_masked_itself_is_judged_as_it_is_then() {
    let odd = json!({"name": "_Aa_AA+A_aa-/b1B_0C+DEF+\"token\": \"a", "value": "Cookie: "});
    let once = redactor().redact_object(odd);
    assert_eq!(redactor().redact_object(once.clone()), once);
}

#[test]
fn an_argument_that_is_masked_in_part_is_judged_as_it_is_then() {
    let odd = json!(["-----BEGIN PRIVATE KEY-----", "-_A0a_-abB+_cd_ef+a-C1_+:", "-x"]);
    let once = redactor().redact_object(json!({ "args": odd }));
    assert_eq!(redactor().redact_object(once.clone()), once);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn secret_objects_never_show_their_values(
        values in prop::collection::btree_map("[a-z.]{1,10}", "[A-Za-z0-9+/]{12,40}", 1..5),
        nested in any::<bool>(),
    ) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": values, "stringData": values});
        let object = if nested { json!({"kind": "List", "items": [secret]}) } else { secret };
        let output = redactor().redact_object(object).to_string();
        for value in values.values() {
            prop_assert!(!output.contains(value.as_str()));
        }
    }
}

#[test]
fn time_grows_linearly_with_hostile_length() {
    // Patterns that make a backtracking engine, or a rescanning loop, quadratic, which this length would
    // turn into minutes.
    for unit in [
        "secretName=",
        "a://b:",
        "-----BEGIN PRIVATE KEY-----",
        "token:\"\\",
        "A",
        "eyJ",
        "--password ",
    ] {
        let input = unit.repeat(100_000 / unit.len());
        assert!(!text(&input).is_empty());
    }
}
