//! One GET of the Prometheus API: the `data` of a success, or an error that says what to do.

use std::path::PathBuf;

use leadsman_ports::tool::ToolError;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::args::invalid;
use crate::options::{PrometheusError, PrometheusOptions};

/// Largest body that is read, in bytes after decompression.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Longest text of a server's error that is passed on, in bytes.
const MAX_ERROR: usize = 500;
/// Warnings of one answer that are passed on.
const MAX_WARNINGS: usize = 3;

/// A Prometheus.
pub(crate) struct Server {
    base: Url,
    token_file: Option<PathBuf>,
    client: reqwest::Client,
}

/// A successful answer.
pub(crate) struct Answer {
    pub(crate) data: Value,
    /// The server's own remarks, as lines; empty where it has none.
    pub(crate) warnings: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

impl Server {
    pub(crate) fn new(options: PrometheusOptions) -> Result<Self, PrometheusError> {
        let base = options.base()?;
        let client = options.client(&base)?;
        Ok(Self { base, token_file: options.bearer_token_file, client })
    }

    /// GETs `<base>/api/v1/<path…>?<query…>`. `field` is the argument to blame when the server finds the
    /// request wrong.
    pub(crate) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        field: &'static str,
    ) -> Result<Answer, ToolError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| ToolError::Failed("the URL of Prometheus has no path".to_owned()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.get(url);
        if let Some(authorization) = self.authorization().await? {
            request = request.header(reqwest::header::AUTHORIZATION, authorization);
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(ToolError::Failed(
                    "the answer is larger than 16 MiB; aggregate or use topk()".to_owned(),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        read(status, &body, field)
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, ToolError> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let unusable = |reason: &dyn std::fmt::Display| {
            ToolError::Failed(format!(
                "the bearer token file of Prometheus cannot be used: {reason}"
            ))
        };
        let token = tokio::fs::read_to_string(path).await.map_err(|error| unusable(&error))?;
        let token = SecretString::from(token.trim().to_owned());
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| unusable(&"it holds characters that no token has"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// Without the URL: it is the operator's, not the model's.
fn unreachable(error: reqwest::Error) -> ToolError {
    ToolError::Failed(if error.is_timeout() {
        "Prometheus did not answer in time; ask for a shorter range or fewer series".to_owned()
    } else if error.is_connect() {
        "Prometheus cannot be reached".to_owned()
    } else {
        "the connection to Prometheus broke off".to_owned()
    })
}

fn read(status: StatusCode, body: &[u8], field: &'static str) -> Result<Answer, ToolError> {
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(ToolError::Denied(format!("Prometheus refused the credentials ({status})")));
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        return Err(ToolError::Failed(format!(
            "what answers is no Prometheus API: status {status} without its JSON"
        )));
    };
    if envelope.status == "success" && status.is_success() {
        let warnings = envelope.warnings.iter().take(MAX_WARNINGS);
        let warnings = warnings.map(|text| format!("warning: {}\n", short(text))).collect();
        return Ok(Answer { data: envelope.data, warnings });
    }
    let problem = short(&envelope.error);
    Err(match envelope.error_type.as_str() {
        "bad_data" => invalid(field, problem),
        "not_found" => ToolError::NotFound(problem),
        kind => ToolError::Failed(format!("Prometheus failed ({kind}): {problem}")),
    })
}

/// One line of bounded length.
pub(crate) fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.len() > MAX_ERROR {
        true => format!("{}…", &line[..line.floor_char_boundary(MAX_ERROR)]),
        false => line,
    }
}
