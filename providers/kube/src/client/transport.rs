//! One request to the API server: deadline, size ceiling, error mapping.

use std::time::Duration;

use futures::{AsyncReadExt, TryFutureExt};
use http::header::ACCEPT;
use leadsman_ports::cluster::ClusterError;
use serde_json::Value;

use super::{error, logs::NewestBytes};
use crate::redaction::Redactor;

/// The largest answer that is read, in bytes; larger ones call for a page size.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;
/// The most that is streamed to find the newest bytes of a log.
const MAX_LOG_STREAM: u64 = 256 * 1024 * 1024;

/// A kube-rs client with the rules that hold for every call.
pub(super) struct Transport {
    pub(super) client: kube::Client,
    /// The same without retries, for what may be down for good.
    pub(super) direct: kube::Client,
    pub(super) timeout: Duration,
    pub(super) redactor: Redactor,
}

impl Transport {
    /// GETs a path that needs no parameters, such as `/version`.
    pub(super) async fn get_path(&self, path: &str) -> Result<Value, ClusterError> {
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(|error| ClusterError::Invalid(error.to_string()))?;
        self.json(request).await
    }

    /// GETs a discovery document, in the first of the media types that the server speaks.
    pub(super) async fn discovery(&self, path: &str, accept: &str) -> Result<Value, ClusterError> {
        let request = http::Request::get(path)
            .header(ACCEPT, accept)
            .body(Vec::new())
            .map_err(|error| ClusterError::Invalid(error.to_string()))?;
        self.json(request).await
    }

    /// GETs the discovery document of one API group: a single try, and no longer than `wait`.
    pub(super) async fn group_document(
        &self,
        path: &str,
        wait: Duration,
    ) -> Result<Value, ClusterError> {
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(|error| ClusterError::Invalid(error.to_string()))?;
        self.json_of(&self.direct, request, wait.min(self.timeout)).await
    }

    /// Sends a request and reads a JSON answer. (kube-rs' own `request` writes bodies that it cannot parse
    /// to the log, unredacted.)
    pub(super) async fn json(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<Value, ClusterError> {
        self.json_of(&self.client, request, self.timeout).await
    }

    async fn json_of(
        &self,
        client: &kube::Client,
        request: http::Request<Vec<u8>>,
        wait: Duration,
    ) -> Result<Value, ClusterError> {
        let read = async {
            let stream = client.request_stream(request).await?;
            let mut body = Vec::new();
            std::pin::pin!(stream)
                .take(MAX_ANSWER + 1)
                .read_to_end(&mut body)
                .map_err(kube::Error::ReadEvents)
                .await?;
            Ok(body)
        };
        let body = self.deadline(wait, read).await?;
        if body.len() as u64 > MAX_ANSWER {
            return Err(ClusterError::Invalid(format!(
                "the answer is larger than {} MiB; ask for fewer objects with a limit or a selector",
                MAX_ANSWER / 1024 / 1024
            )));
        }
        serde_json::from_slice(&body)
            .map_err(|error| error::map(&self.redactor, kube::Error::SerdeError(error)))
    }

    /// Sends a request and keeps the newest `limit` bytes of the answer, read as text with invalid UTF-8
    /// replaced. Where the deadline or the stream's end strikes in the middle, what was read counts.
    pub(super) async fn newest_text(
        &self,
        request: http::Request<Vec<u8>>,
        limit: usize,
    ) -> Result<String, ClusterError> {
        let mut newest = NewestBytes::new(limit);
        let read = async {
            let stream = self.client.request_stream(request).await?;
            let stream = std::pin::pin!(stream);
            let mut stream = stream.take(MAX_LOG_STREAM);
            let mut chunk = vec![0; 16 * 1024];
            loop {
                match stream.read(&mut chunk).await {
                    Ok(0) => return Ok(()),
                    Ok(length) => newest.push(&chunk[..length]),
                    Err(error) => return Err(kube::Error::ReadEvents(error)),
                }
            }
        };
        match self.deadline(self.timeout, read).await {
            Ok(()) => Ok(newest.into_text()),
            Err(ClusterError::Timeout | ClusterError::Unavailable(_)) if !newest.is_empty() => {
                Ok(format!("{}\n[the log broke off here]", newest.into_text().trim_end()))
            }
            Err(error) => Err(error),
        }
    }

    async fn deadline<T>(
        &self,
        wait: Duration,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(wait, call).await {
            Ok(answer) => answer.map_err(|error| error::map(&self.redactor, error)),
            Err(_) => Err(ClusterError::Timeout),
        }
    }
}
