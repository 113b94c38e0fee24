//! How to reach a Prometheus.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::{Host, Url};

/// Longest timeout that makes sense for one query.
const MAX_TIMEOUT: Duration = Duration::from_secs(120);

/// How to reach a Prometheus, or anything that speaks its HTTP API, such as Thanos, Mimir or VictoriaMetrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusOptions {
    /// Base URL without `/api/v1`, such as `http://prometheus.monitoring:9090`; a path is kept as prefix.
    pub url: String,
    /// A file with a bearer token, read anew for each call.
    pub bearer_token_file: Option<PathBuf>,
    /// A PEM file of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Deadline of one request, at most two minutes.
    pub timeout: Duration,
}

impl PrometheusOptions {
    /// No token, the system's authorities, twenty seconds a request.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            bearer_token_file: None,
            ca_file: None,
            timeout: Duration::from_secs(20),
        }
    }

    pub(crate) fn base(&self) -> Result<Url, PrometheusError> {
        let wrong = |reason: String| PrometheusError::Url { reason };
        let url = Url::parse(self.url.trim()).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!("scheme {:?} is not http or https", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds credentials; use bearer_token_file".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query or a fragment; leave them out".to_owned()));
        }
        Ok(url)
    }

    pub(crate) fn client(&self, base: &Url) -> Result<reqwest::Client, PrometheusError> {
        if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            return Err(PrometheusError::Timeout);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("leadsman/", env!("CARGO_PKG_VERSION")))
            .timeout(self.timeout)
            // A redirect would carry the token to a host that nobody configured.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(base) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &self.ca_file {
            let wrong = |error: &dyn fmt::Display| unreadable("ca_file", path, error);
            let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
            let authorities =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
            if authorities.is_empty() {
                return Err(wrong(&"holds no CERTIFICATE block"));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(path) = &self.bearer_token_file {
            std::fs::read_to_string(path)
                .map_err(|error| unreadable("bearer_token_file", path, &error))?;
        }
        builder.build().map_err(|error| PrometheusError::Client(error.to_string()))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn unreadable(field: &'static str, path: &Path, error: &dyn fmt::Display) -> PrometheusError {
    PrometheusError::File { field, path: path.to_owned(), reason: error.to_string() }
}

/// Why options cannot be used. The texts name the field and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrometheusError {
    /// The URL.
    #[error("url cannot be used: {reason}; give one like http://prometheus.monitoring:9090")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be read or holds something else.
    #[error("{field} {path:?} cannot be used: {reason}")]
    File {
        /// The option.
        field: &'static str,
        /// As configured.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The timeout.
    #[error("timeout must lie between 1 ms and 120 s")]
    Timeout,
    /// TLS set-up.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}
