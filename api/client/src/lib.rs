//! A typed client of the contract, and plain requests for those who want to see every byte.

mod error;

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use leadsman_contract::{
    AnalyzeAccepted, CancelSessionResponse, IncidentRequest, IncidentResponse, SessionStatus,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;

pub use error::ClientError;

/// Time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time from the request to the last byte of the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Speaks to one server. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value, when it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}

impl Client {
    /// A client of the server at a base URL such as `http://127.0.0.1:8443`.
    ///
    /// A plain `http` URL needs no trust store, and a loopback address is never reached through a proxy.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`] when the URL is not an `http` or `https` one; [`ClientError::Setup`] when the
    /// TLS setup of an `https` URL fails.
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        let wrong = |problem: String| ClientError::BaseUrl { url: base_url.to_owned(), problem };
        let base = Url::parse(base_url).map_err(|error| wrong(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        match base.scheme() {
            // An empty list instead of the system's certificates, which may be absent.
            "http" => builder = builder.tls_certs_only([]),
            "https" => {}
            other => return Err(wrong(format!("the scheme {other} is neither http nor https"))),
        }
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|source| ClientError::Setup { source })?;
        Ok(Self { http, base })
    }

    /// Submits an incident.
    ///
    /// # Errors
    /// [`ClientError::Problem`] when the server refuses it; the other variants when there was no proper answer.
    pub async fn analyze(
        &self,
        incident: &IncidentRequest,
    ) -> Result<AnalyzeAccepted, ClientError> {
        let url = self.url(&["api", "v1", "incident", "analyze"])?;
        typed(self.http.request(Method::POST, url).json(incident)).await
    }

    /// Where a session stands.
    ///
    /// # Errors
    /// As [`Client::analyze`].
    pub async fn session(&self, session_id: impl Display) -> Result<SessionStatus, ClientError> {
        let url = self.url(&["api", "v1", "incident", "session", &session_id.to_string()])?;
        typed(self.http.request(Method::GET, url)).await
    }

    /// The result of a session that has ended.
    ///
    /// # Errors
    /// As [`Client::analyze`].
    pub async fn result(&self, session_id: impl Display) -> Result<IncidentResponse, ClientError> {
        let id = session_id.to_string();
        let url = self.url(&["api", "v1", "incident", "session", &id, "result"])?;
        typed(self.http.request(Method::GET, url)).await
    }

    /// Stops a session.
    ///
    /// # Errors
    /// As [`Client::analyze`].
    pub async fn cancel(
        &self,
        session_id: impl Display,
    ) -> Result<CancelSessionResponse, ClientError> {
        let id = session_id.to_string();
        let url = self.url(&["api", "v1", "incident", "session", &id, "cancel"])?;
        typed(self.http.request(Method::POST, url)).await
    }

    /// GETs a path of the server, whatever it answers.
    ///
    /// # Errors
    /// [`ClientError::Transport`] when there was no answer.
    pub async fn get(&self, path: &str) -> Result<Reply, ClientError> {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    /// POSTs a body to a path of the server, whatever it answers.
    ///
    /// # Errors
    /// [`ClientError::Transport`] when there was no answer.
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Reply, ClientError> {
        self.send(Method::POST, path, &[(CONTENT_TYPE.as_str(), content_type)], body.into()).await
    }

    /// Sends any request to a path of the server, whatever it answers.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`] when the path makes no URL; [`ClientError::Transport`] when there was no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Reply, ClientError> {
        let url = self.base.join(path).map_err(|error| ClientError::BaseUrl {
            url: format!("{}{path}", self.base),
            problem: error.to_string(),
        })?;
        let request = self.http.request(method, url).body(body);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        exchange(request).await
    }

    /// The URL of a path given in segments, each encoded as needed.
    fn url(&self, segments: &[&str]) -> Result<Url, ClientError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(segments);
            }
            Err(()) => {
                let problem = "it has no path".to_owned();
                return Err(ClientError::BaseUrl { url: self.base.to_string(), problem });
            }
        }
        Ok(url)
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn exchange(request: RequestBuilder) -> Result<Reply, ClientError> {
    let failed = |source: reqwest::Error| ClientError::Transport { source };
    let response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.map_err(failed)?.to_vec();
    Ok(Reply { status, headers, body })
}

async fn typed<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    let reply = exchange(request).await?;
    if (200..300).contains(&reply.status) {
        return reply.json().map_err(|source| ClientError::Decode { status: reply.status, source });
    }
    match reply.json() {
        Ok(document) => Err(ClientError::Problem(Box::new(document))),
        Err(_) => Err(ClientError::unexpected(&reply)),
    }
}
