//! Options that cannot be used are refused with the field's name; tokens are read anew for each call.

use std::time::Duration;

use leadsman_prometheus::{PrometheusError, PrometheusOptions, prometheus_tools};
use serde_json::json;

use crate::server::{FakePrometheus, call};

fn refused(options: PrometheusOptions) -> PrometheusError {
    match prometheus_tools(options) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

#[test]
fn urls_that_are_no_base_are_refused() {
    for url in ["", "prometheus:9090", "ftp://a", "http://u:p@a", "http://a?x=1", "http://a#b"] {
        let error = refused(PrometheusOptions::new(url));
        assert!(error.to_string().starts_with("url cannot be used: "), "{url}: {error}");
        assert!(!error.to_string().contains("u:p"), "{error}");
    }
}

#[test]
fn files_and_timeouts_are_checked_at_once() {
    let good = || PrometheusOptions::new("http://127.0.0.1:1");
    let missing = Some("/nowhere/at/all".into());
    let error = refused(PrometheusOptions { bearer_token_file: missing.clone(), ..good() });
    assert!(error.to_string().starts_with("bearer_token_file \"/nowhere/at/all\""), "{error}");
    let error = refused(PrometheusOptions { ca_file: missing, ..good() });
    assert!(error.to_string().starts_with("ca_file \"/nowhere/at/all\""), "{error}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let error = refused(PrometheusOptions { ca_file: Some(empty.path().into()), ..good() });
    assert!(error.to_string().contains("no CERTIFICATE"), "{error}");
    for timeout in [Duration::ZERO, Duration::from_secs(121)] {
        assert_eq!(refused(PrometheusOptions { timeout, ..good() }), PrometheusError::Timeout);
    }
}

#[tokio::test]
async fn a_rotated_token_is_used_at_once() {
    let server = FakePrometheus::succeeding(json!(["a"])).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let options =
        PrometheusOptions { bearer_token_file: Some(file.path().into()), ..server.options() };
    let tools = prometheus_tools(options).unwrap();
    let tool = tools.iter().find(|tool| tool.spec().name == "get_metric_names").unwrap();
    for token in ["first", "second\n"] {
        std::fs::write(file.path(), token).unwrap();
        tool.call(json!({})).await.unwrap();
    }
    let tokens: Vec<_> = server.seen().into_iter().map(|(_, token)| token.unwrap()).collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second"]);
    std::fs::write(file.path(), "a\u{7}b").unwrap();
    let error = tool.call(json!({})).await.unwrap_err().to_string();
    assert!(error.contains("bearer token file") && !error.contains('\u{7}'), "{error}");
}

#[tokio::test]
async fn a_path_of_the_url_is_kept_as_prefix() {
    let server = FakePrometheus::succeeding(json!([])).await;
    for suffix in ["/prefix", "/prefix/"] {
        let options = PrometheusOptions::new(format!("{}{suffix}", server.url));
        call(options, "get_all_labels", json!({})).await.unwrap();
        assert_eq!(server.last(), "/prefix/api/v1/labels");
    }
}
