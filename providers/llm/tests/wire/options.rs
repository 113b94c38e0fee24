//! What operators may set, and what they are told otherwise.

use std::path::PathBuf;
use std::time::Duration;

use leadsman_llm::{OpenAiCompatible, OpenAiOptions};
use leadsman_ports::chat::{ChatModel, ModelError};
use leadsman_testkit::{FakeModel, Reply, temp_dir};
use secrecy::SecretString;

use crate::common::request;

fn refusal(change: impl FnOnce(&mut OpenAiOptions)) -> String {
    let mut options = OpenAiOptions::new("http://127.0.0.1:1", "m");
    change(&mut options);
    OpenAiCompatible::new(options).unwrap_err().to_string()
}

#[tokio::test]
async fn endpoints_are_normalised() {
    let server = FakeModel::start(|_| Reply::text("ok"));
    for (given, path) in [
        ("", "/v1"),
        ("/", "/v1"),
        ("/v1", "/v1"),
        ("/v1/", "/v1"),
        ("/llm", "/llm/v1"),
        ("/llm/v1/", "/llm/v1"),
    ] {
        let endpoint = format!(" {}{given} ", server.endpoint());
        let model = OpenAiCompatible::new(OpenAiOptions::new(endpoint, "m")).unwrap();
        model.complete(&request(), None).await.unwrap();
        let seen = server.requests();
        assert_eq!(seen[seen.len() - 1].path, format!("{path}/chat/completions"), "{given}");
    }
    server.assert_clean();
}

#[tokio::test]
async fn a_path_that_names_another_version_is_kept() {
    let server = FakeModel::start(|_| Reply::text("ok"));
    let endpoint = format!("{}/v1beta/openai", server.endpoint());
    let model = OpenAiCompatible::new(OpenAiOptions::new(endpoint, "m")).unwrap();
    let error = model.complete(&request(), None).await.unwrap_err();
    assert!(matches!(error, ModelError::NotFound(_)), "{error:?}");
    assert_eq!(server.requests()[0].path, "/v1beta/openai/chat/completions");
}

#[test]
fn refusals_name_the_field() {
    for endpoint in [
        "",
        "api.openai.com",
        "ftp://h",
        "http://",
        "http://u:p@h",
        "http://h?a=b",
        "http://h#a",
        "http://h/v1/chat/completions",
    ] {
        let text = refusal(|options| options.endpoint = endpoint.into());
        assert!(text.starts_with("endpoint: "), "{endpoint}: {text}");
    }
    for key in ["", " \n", "a\nb", "a\0b"] {
        let text = refusal(|options| options.api_key = Some(SecretString::from(key)));
        assert!(text.starts_with("api_key: "), "{key:?}: {text}");
    }
    assert!(refusal(|options| options.model = " ".into()).starts_with("model: "));
    for temperature in [-0.1, 2.1, f32::NAN, f32::INFINITY] {
        let text = refusal(|options| options.temperature = Some(temperature));
        assert!(text.starts_with("temperature: "), "{temperature}: {text}");
    }
    for timeout in [Duration::ZERO, Duration::MAX] {
        assert!(
            refusal(|options| options.request_timeout = timeout).starts_with("request_timeout: ")
        );
        assert!(
            refusal(|options| options.connect_timeout = timeout).starts_with("connect_timeout: ")
        );
        assert!(refusal(|options| options.read_timeout = timeout).starts_with("read_timeout: "));
    }
}

#[test]
fn refused_headers_are_named_but_not_shown() {
    for (name, value) in [
        ("", "v"),
        ("a b", "v"),
        ("x", "secret\nvalue"),
        ("Content-Type", "v"),
        ("host", "v"),
        ("AUTHORIZATION", "v"),
    ] {
        let text = refusal(|options| {
            options.api_key = Some(SecretString::from("k"));
            options.headers = vec![(name.into(), SecretString::from(value))];
        });
        assert!(text.starts_with(&format!("headers: `{name}` ")), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn certificate_authorities_must_be_readable() {
    let directory = temp_dir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for path in [empty, PathBuf::from("/does/not/exist.pem")] {
        let text = refusal(|options| options.ca_file = Some(path.clone()));
        assert!(text.starts_with(&format!("ca_file: {} ", path.display())), "{text}");
    }
}
