//! The cluster adapter: one kube-rs client for a live cluster and for a snapshot.
//!
//! Every call has a deadline, every object leaves cleaned and redacted, every failure is mapped to the port's
//! errors. The model chooses names, so they are checked before they become part of a URL.

mod changes;
mod clean;
mod discovery;
mod error;
mod logs;
mod resolve;
mod retry;
mod transport;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use http::header::USER_AGENT;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::subresource::LogParams;
use kube::core::{
    ApiResource, DynamicObject, Request, Resource, params::GetParams, params::ListParams,
};
use leadsman_ports::cluster::{
    Cluster, ClusterError, ListQuery, LogQuery, ObjectList, ResourceType, UnavailableGroup,
};
use serde_json::Value;

use crate::redaction::Redactor;
use crate::simulator::Simulator;
use crate::snapshot::Snapshot;
use discovery::Discovery;
use transport::Transport;

/// Lines of a log that are asked for when the caller names no number.
const DEFAULT_TAIL_LINES: u32 = 10_000;
/// Longest wait for a TCP and TLS connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How to reach a live cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// A context of the kubeconfig; `None` takes the current one.
    pub context: Option<String>,
    /// A kubeconfig file; `None` takes the usual places.
    pub kubeconfig: Option<PathBuf>,
    /// Deadline of every call.
    pub timeout: Duration,
}

/// Ten seconds a call, everything else as kubectl would.
impl Default for ConnectOptions {
    fn default() -> Self {
        Self { context: None, kubeconfig: None, timeout: Duration::from_secs(10) }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a service account nor a usable kubeconfig.
    #[error(
        "no cluster to connect to: {0}; run inside a cluster, or name a kubeconfig and a context that exist"
    )]
    Config(String),
    /// The configuration is there but unusable, such as a certificate that does not parse.
    #[error("the cluster configuration cannot be used: {0}")]
    Client(String),
}

enum Present {
    Wall,
    Standing(Timestamp),
}

/// Read access to one cluster.
pub struct KubeCluster {
    server: Transport,
    discovery: Discovery,
    label: String,
    present: Present,
}

impl KubeCluster {
    /// Connects with the pod's service account where there is one, else with a kubeconfig. Options that name
    /// a kubeconfig or a context rule the service account out. Sends nothing yet.
    pub async fn in_cluster_or_kubeconfig(options: ConnectOptions) -> Result<Self, ConnectError> {
        let (mut config, label) = configuration(&options).await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT.min(options.timeout));
        config.headers.push((USER_AGENT, user_agent()?));
        // kube-rs' own retries wait for a dead aggregated API until the deadline.
        config.default_retry = false;
        let direct = kube::Client::try_from(config)
            .map_err(|error| ConnectError::Client(error.to_string()))?;
        let client =
            retry::over(&direct).map_err(|error| ConnectError::Client(error.to_string()))?;
        let mut cluster = Self::with_client(direct, label, options.timeout);
        cluster.server.client = client;
        Ok(cluster)
    }

    /// A live cluster behind a client that is already set up; failures are tried again only as far as it does that.
    pub fn with_client(client: kube::Client, label: impl Into<String>, timeout: Duration) -> Self {
        let direct = client.clone();
        Self {
            server: Transport { client, direct, timeout, redactor: Redactor::with_random_key() },
            discovery: Discovery::default(),
            label: label.into(),
            present: Present::Wall,
        }
    }

    /// The same cluster, masked by this redactor instead of one with a key of this process.
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.server.redactor = redactor;
        self
    }

    /// A snapshot, served in this process; ages count from its `capturedAt`.
    pub fn from_snapshot(snapshot: Arc<Snapshot>, label: impl Into<String>) -> Self {
        let present = Present::Standing(snapshot.captured_at());
        let client = kube::Client::new(Simulator::new(snapshot), "default");
        Self { present, ..Self::with_client(client, label, ConnectOptions::default().timeout) }
    }

    /// The API server's version, e.g. `v1.34.1`.
    pub async fn server_version(&self) -> Result<String, ClusterError> {
        let version = self.server.get_path("/version").await?;
        Ok(version["gitVersion"].as_str().unwrap_or_default().to_owned())
    }

    /// Every kind that can be listed, preferred versions only.
    pub async fn listable_types(&self) -> Result<Vec<ResourceType>, ClusterError> {
        let catalogue = self.discovery.catalogue(&self.server).await?;
        let kinds = catalogue.readable().filter(|kind| kind.listable);
        Ok(kinds.map(|kind| kind.resource.clone()).collect())
    }

    fn finish(&self, mut object: Value, resource: &ResourceType) -> Value {
        clean::name_type(&mut object, &resource.api_version(), &resource.kind);
        clean::clean(&mut object);
        self.server.redactor.redact_object(object)
    }
}

/// Who asks, for the API server's audit log and flow control: `leadsman/0.1.0 (linux/amd64)`.
fn user_agent() -> Result<HeaderValue, ConnectError> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let text =
        format!("leadsman/{} ({}/{architecture})", env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    HeaderValue::try_from(text).map_err(|error| ConnectError::Client(error.to_string()))
}

async fn configuration(options: &ConnectOptions) -> Result<(kube::Config, String), ConnectError> {
    let unusable = |error: &dyn std::fmt::Display| ConnectError::Config(error.to_string());
    let choice =
        KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    if options.kubeconfig.is_none()
        && options.context.is_none()
        && let Ok(config) = kube::Config::incluster()
    {
        let label = format!("in-cluster {}", address(&config.cluster_url));
        return Ok((config, label));
    }
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    }
    .map_err(|error| unusable(&error))?;
    let context = options.context.clone().or_else(|| kubeconfig.current_context.clone());
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &choice)
        .await
        .map_err(|error| unusable(&error))?;
    let context = context.as_deref().unwrap_or("(none)");
    let label = format!("context {context} at {}", address(&config.cluster_url));
    Ok((config, label))
}

/// A server's URL for humans, without credentials.
fn address(url: &http::Uri) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let scheme = url.scheme_str().unwrap_or("https");
    format!(
        "{scheme}://{}{port}{}",
        url.host().unwrap_or_default(),
        url.path().trim_end_matches('/')
    )
}

/// The collection's URL: a namespace's, or of all namespaces.
fn collection(resource: &ResourceType, namespace: Option<&str>) -> Request {
    let api = ApiResource {
        group: resource.group.clone(),
        version: resource.version.clone(),
        api_version: resource.api_version(),
        kind: resource.kind.clone(),
        plural: resource.plural.clone(),
    };
    let namespace = namespace.filter(|_| resource.namespaced);
    Request::new(DynamicObject::url_path(&api, namespace))
}

/// Kubernetes' own rule for names that become a path segment, with what a URL cannot hold ruled out too.
fn check_name(field: &str, name: &str) -> Result<(), ClusterError> {
    let fits = |letter: char| {
        letter.is_ascii_graphic()
            && !matches!(
                letter,
                '/' | '%' | '?' | '#' | '\\' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}'
            )
    };
    if name.is_empty() || name == "." || name == ".." || name.len() > 253 || !name.chars().all(fits)
    {
        return Err(ClusterError::Invalid(format!("{field}: {name:?} is not a Kubernetes name")));
    }
    Ok(())
}

fn check_namespace(namespace: &str) -> Result<(), ClusterError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if namespace.is_empty() || namespace.len() > 63 || !namespace.bytes().all(fits) {
        return Err(ClusterError::Invalid(format!(
            "namespace: {namespace:?} is not a namespace's name (lower-case letters, digits and '-')"
        )));
    }
    Ok(())
}

fn build<E: std::fmt::Display>(
    request: Result<http::Request<Vec<u8>>, E>,
) -> Result<http::Request<Vec<u8>>, ClusterError> {
    request.map_err(|error| ClusterError::Invalid(error.to_string()))
}

#[async_trait]
impl Cluster for KubeCluster {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn now(&self) -> Timestamp {
        match self.present {
            Present::Wall => Timestamp::now(),
            Present::Standing(moment) => moment,
        }
    }

    fn redactor(&self) -> Arc<dyn leadsman_ports::redact::Redactor> {
        Arc::new(self.server.redactor.clone())
    }

    async fn resource_types(&self) -> Result<Vec<ResourceType>, ClusterError> {
        let catalogue = self.discovery.catalogue(&self.server).await?;
        Ok(catalogue.readable().map(|kind| kind.resource.clone()).collect())
    }

    fn unavailable_groups(&self) -> Vec<UnavailableGroup> {
        self.discovery.unavailable()
    }

    async fn resolve(&self, kind: &str, group: Option<&str>) -> Result<ResourceType, ClusterError> {
        let catalogue = self.discovery.catalogue(&self.server).await?;
        match resolve::resolve(&catalogue, kind, group) {
            // It may have been installed, or brought up again, after the catalogue was read.
            Err(ClusterError::UnknownKind { .. } | ClusterError::GroupUnavailable(_)) => {
                let fresh = self.discovery.beyond(&catalogue, &self.server).await?;
                resolve::resolve(&fresh, kind, group)
            }
            answer => answer,
        }
    }

    async fn get(
        &self,
        resource: &ResourceType,
        namespace: &str,
        name: &str,
    ) -> Result<Value, ClusterError> {
        check_name("name", name)?;
        if resource.namespaced {
            check_namespace(namespace)?;
        }
        let request = collection(resource, Some(namespace)).get(name, &GetParams::default());
        Ok(self.finish(self.server.json(build(request)?).await?, resource))
    }

    async fn list(
        &self,
        resource: &ResourceType,
        query: &ListQuery,
    ) -> Result<ObjectList, ClusterError> {
        if let Some(namespace) = query.namespace.as_deref().filter(|_| resource.namespaced) {
            check_namespace(namespace)?;
        }
        let params = ListParams {
            label_selector: query.label_selector.clone(),
            field_selector: query.field_selector.clone(),
            limit: query.limit,
            continue_token: query.continue_token.clone(),
            ..ListParams::default()
        };
        let request = collection(resource, query.namespace.as_deref()).list(&params);
        let answer = self.server.json(build(request)?).await;
        // A list without objects is no 404: the kind has gone, or its version has.
        if matches!(answer, Err(ClusterError::NotFound(_))) {
            self.discovery.doubt();
        }
        let mut answer = answer?;
        // All at once, rather than one Secret after the other.
        self.server.redactor.remember(&answer);
        let items = match answer["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        let metadata = &answer["metadata"];
        Ok(ObjectList {
            items: items.into_iter().map(|item| self.finish(item, resource)).collect(),
            continue_token: metadata["continue"]
                .as_str()
                .filter(|token| !token.is_empty())
                .map(str::to_owned),
            remaining: metadata["remainingItemCount"].as_u64(),
        })
    }

    async fn logs(&self, query: &LogQuery) -> Result<String, ClusterError> {
        check_name("pod", &query.pod)?;
        check_namespace(&query.namespace)?;
        let params = LogParams {
            container: query.container.clone(),
            previous: query.previous,
            tail_lines: Some(i64::from(query.tail_lines.unwrap_or(DEFAULT_TAIL_LINES))),
            since_seconds: query.since_seconds.map(i64::from),
            ..LogParams::default()
        };
        let path = format!("/api/v1/namespaces/{}/pods", query.namespace);
        let request = build(Request::new(path).logs(&query.pod, &params))?;
        let limit = usize::try_from(query.limit_bytes).unwrap_or(usize::MAX);
        let text = self.server.newest_text(request, limit).await?;
        Ok(self.server.redactor.redact_text(&text))
    }
}
