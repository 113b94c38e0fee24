//! What an operator sets for a model endpoint, and its validation.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Longest timeout that may be set.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Options of [`OpenAiCompatible`](crate::OpenAiCompatible).
#[derive(Debug, Clone)]
pub struct OpenAiOptions {
    /// Base URL without `/v1`, such as `https://api.openai.com` or `http://gateway/llm`.
    ///
    /// `/v1` is appended, unless the path already names a version (`/v1`, `/v1beta/openai`).
    pub endpoint: String,
    /// Sent as a bearer token; `None` sends no `Authorization` header. White space around it is cut.
    pub api_key: Option<SecretString>,
    /// Model name as the endpoint knows it.
    pub model: String,
    /// 0 to 2; `None` leaves it to the provider (some models refuse any value).
    pub temperature: Option<f32>,
    /// Ceiling of one turn, retries and waits included.
    pub request_timeout: Duration,
    /// Ceiling of opening a connection, TLS included.
    pub connect_timeout: Duration,
    /// Ceiling of silence while an answer is awaited or streams.
    pub read_timeout: Duration,
    /// Attempts after the first one.
    pub max_retries: usize,
    /// Whether to ask for a stream. Without one, text arrives only with the whole answer.
    pub stream: bool,
    /// Further request headers, such as `api-key` for Azure. Values are treated as secrets.
    pub headers: Vec<(String, SecretString)>,
    /// PEM file with certificate authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl OpenAiOptions {
    /// Options with the defaults: 300 s a turn, 10 s to connect, 120 s of silence, 4 retries, streaming.
    pub fn new(endpoint: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            api_key: None,
            model: model.into(),
            temperature: None,
            request_timeout: Duration::from_secs(300),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(120),
            max_retries: 4,
            stream: true,
            headers: Vec::new(),
            ca_file: None,
        }
    }

    /// The URL below which `/chat/completions` is found.
    pub(crate) fn base_url(&self) -> Result<String, OptionsError> {
        let wrong = |reason: &str| OptionsError::Endpoint { reason: reason.to_owned() };
        let mut url = Url::parse(self.endpoint.trim())
            .map_err(|error| wrong(&format!("is not a URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold credentials; move them to api_key"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must not have a query or a fragment; remove it"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.ends_with("/chat/completions") {
            return Err(wrong("must be the base URL; remove /chat/completions"));
        }
        let versioned = path.split('/').any(names_version);
        url.set_path(&if versioned { path } else { format!("{path}/v1") });
        Ok(url.to_string())
    }

    /// The headers of every request.
    pub(crate) fn header_map(&self) -> Result<HeaderMap, OptionsError> {
        let mut map = HeaderMap::new();
        if let Some(key) = self.trimmed_key()? {
            let mut value =
                HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
                    .map_err(|_| OptionsError::ApiKey("holds a character that a header cannot carry; remove line breaks and control characters"))?;
            value.set_sensitive(true);
            map.insert(AUTHORIZATION, value);
        }
        for (name, value) in &self.headers {
            let wrong = |reason| OptionsError::Header { name: name.clone(), reason };
            let header = HeaderName::try_from(name.as_str())
                .map_err(|_| wrong("is not a header name; use letters, digits and dashes"))?;
            if [ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING].contains(&header) {
                return Err(wrong("is set by the client; remove it"));
            }
            if map.contains_key(&header) {
                return Err(wrong("is given twice (api_key sets authorization); keep one"));
            }
            let mut value = HeaderValue::try_from(value.expose_secret().trim())
                .map_err(|_| wrong("has a value that a header cannot carry; remove line breaks"))?;
            value.set_sensitive(true);
            map.insert(header, value);
        }
        Ok(map)
    }

    /// Every secret, for keeping them out of texts that a server sends back.
    pub(crate) fn secrets(&self) -> Result<Vec<SecretString>, OptionsError> {
        let headers = self.headers.iter().map(|(_, value)| value.expose_secret().trim());
        let all = self.trimmed_key()?.into_iter().chain(headers.map(SecretString::from));
        // Cutting a shorter one would cut words, and tell what it is.
        Ok(all.filter(|secret| secret.expose_secret().len() >= 8).collect())
    }

    /// Checks what has no better place.
    pub(crate) fn validate(&self) -> Result<(), OptionsError> {
        if self.model.trim().is_empty() {
            return Err(OptionsError::Model);
        }
        if self.temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
            return Err(OptionsError::Temperature);
        }
        for (field, value) in [
            ("request_timeout", self.request_timeout),
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
        ] {
            if value.is_zero() || value > MAX_TIMEOUT {
                return Err(OptionsError::Timeout { field });
            }
        }
        Ok(())
    }

    /// The HTTP client that all calls share.
    pub(crate) fn http_client(&self) -> Result<reqwest::Client, OptionsError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("leadsman/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            // A redirect would carry the conversation to a host that nobody configured.
            .redirect(reqwest::redirect::Policy::none());
        if self.is_loopback()? {
            builder = builder.no_proxy();
        }
        if let Some(path) = &self.ca_file {
            let wrong = |error: &dyn fmt::Display| OptionsError::CaFile {
                path: path.clone(),
                reason: error.to_string(),
            };
            let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
            let authorities =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
            if authorities.is_empty() {
                return Err(wrong(&"holds no CERTIFICATE block"));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        builder.build().map_err(|error| OptionsError::Client(error.to_string()))
    }

    fn trimmed_key(&self) -> Result<Option<SecretString>, OptionsError> {
        let Some(key) = &self.api_key else { return Ok(None) };
        match key.expose_secret().trim() {
            "" => {
                Err(OptionsError::ApiKey("is empty; leave it unset if the endpoint needs no key"))
            }
            key => Ok(Some(SecretString::from(key))),
        }
    }

    fn is_loopback(&self) -> Result<bool, OptionsError> {
        let url = Url::parse(&self.base_url()?)
            .map_err(|error| OptionsError::Endpoint { reason: error.to_string() })?;
        Ok(match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        })
    }
}

/// Whether a path segment is an API version: `v1`, `v1beta`, `v4`.
fn names_version(segment: &str) -> bool {
    let mut characters = segment.chars();
    characters.next() == Some('v')
        && characters.next().is_some_and(|second| second.is_ascii_digit())
        && characters.all(|other| other.is_ascii_alphanumeric())
}

/// Why options were refused; the text names the field and the fix, and never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The base URL is unusable.
    #[error("endpoint: {reason}; an example is https://api.openai.com")]
    Endpoint {
        /// What is wrong with it.
        reason: String,
    },
    /// The key cannot be sent.
    #[error("api_key: {0}")]
    ApiKey(&'static str),
    /// No model named.
    #[error("model: is empty; name the model to ask")]
    Model,
    /// Outside of what the protocol allows.
    #[error("temperature: must lie between 0 and 2; unset it for the provider's default")]
    Temperature,
    /// A limit of zero would fail every call, and one beyond a day limits nothing.
    #[error("{field}: must be longer than zero and at most a day")]
    Timeout {
        /// The field.
        field: &'static str,
    },
    /// A further header cannot be sent.
    #[error("headers: `{name}` {reason}")]
    Header {
        /// The header as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The certificate authorities cannot be read.
    #[error("ca_file: {path} {reason}; give a readable PEM file with certificates", path = .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client cannot start, for example without any TLS roots.
    #[error(
        "the HTTP client cannot be built: {0}; check the system's TLS certificates and ca_file"
    )]
    Client(String),
}
