//! The composition: turns a configuration into a running service. The only file that names concrete adapters.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use leadsman_audit::FileSink;
use leadsman_kube::client::{ConnectOptions, KubeCluster};
use leadsman_kube::redaction;
use leadsman_kube::snapshot::Snapshot;
use leadsman_kube::tools::read_only_tools;
use leadsman_llm::{OpenAiCompatible, OpenAiOptions, OptionsError};
use leadsman_ports::chat::ChatModel;
use leadsman_ports::clock::SystemClock;
use leadsman_ports::cluster::Cluster;
use leadsman_ports::redact::Redactor;
use leadsman_ports::store::SessionStore;
use leadsman_ports::tool::Tool;
use leadsman_ports::workflow::NoCatalog;
use leadsman_prometheus::{PrometheusError, PrometheusOptions, prometheus_tools};
use leadsman_server::{MetricsPort, RunError, Server, ServerConfig};
use leadsman_store::{MemoryStore, SqliteStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::AuditPipeline;
use crate::config::{
    ClusterConfig, Config, ConfigError, ModelConfig, PrometheusConfig, RedactionConfig,
};
use crate::engine::driver::{Ports, TRIAGES_AT_ONCE};
use crate::engine::tools::{Redacted, ToolRegistry};
use crate::places;
use crate::service::Service;
use crate::sessions::{Sessions, Settings, WatchedStore};
use crate::telemetry::Metrics;

/// Pause between folds of metric samples.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Pause between checks of the store and purges of old sessions.
const HOUSEKEEPING: Duration = Duration::from_secs(30);
/// Pause between checks of a store that could not be used.
const TROUBLED_PAUSE: Duration = Duration::from_secs(1);
/// How long open connections may take after the last investigation.
const CONNECTION_GRACE: Duration = Duration::from_secs(5);

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A setting that only shows its fault in use.
    #[error("configuration setting {setting}: {problem}")]
    Setting {
        /// Path of keys.
        setting: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Settings that do not go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address that cannot be listened on.
    #[error(
        "configuration setting {setting}: cannot listen on {address}: {source}; choose another port"
    )]
    Bind {
        /// Path of keys.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A listener that broke.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The journals cannot be used.
    #[error("configuration setting storage.directory: {0}")]
    Storage(String),
    /// Something of our own making.
    #[error("internal error: {0}")]
    Internal(String),
}

fn setting(setting: &'static str) -> impl Fn(String) -> AppError {
    move |problem| AppError::Setting { setting, problem }
}

/// The service, bound to its addresses and ready to run.
pub struct App {
    server: Server,
    sessions: Sessions,
    service: Arc<Service>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    stop: CancellationToken,
    grace: Duration,
}

/// Installs the process-wide TLS provider; more than once is fine.
pub fn install_crypto() {
    // An error only says that one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Connects to the cluster that the configuration names.
pub async fn connect_cluster(config: &ClusterConfig) -> Result<Arc<dyn Cluster>, AppError> {
    Ok(Arc::new(kube_cluster(config).await?))
}

/// Like [`connect_cluster`], as the concrete client that capturing needs.
pub async fn kube_cluster(config: &ClusterConfig) -> Result<KubeCluster, AppError> {
    install_crypto();
    if let Some(directory) = &config.snapshot {
        let snapshot = load_snapshot(directory)?;
        return Ok(snapshot_cluster(snapshot, &directory.display().to_string()));
    }
    let options = ConnectOptions {
        context: config.context.clone(),
        kubeconfig: config.kubeconfig.clone(),
        timeout: Duration::from_secs(config.request_timeout_seconds),
    };
    let to_blame = match (&config.context, &config.kubeconfig) {
        (None, Some(_)) => "cluster.kubeconfig",
        // A file that is not there has no contexts.
        (Some(_), Some(file)) if !file.exists() => "cluster.kubeconfig",
        (_, _) => "cluster.context",
    };
    KubeCluster::in_cluster_or_kubeconfig(options)
        .await
        .map_err(|error| setting(to_blame)(error.to_string()))
}

/// Reads a snapshot directory.
pub fn load_snapshot(directory: &Path) -> Result<Arc<Snapshot>, AppError> {
    let loaded = Snapshot::load_dir(directory);
    loaded.map(Arc::new).map_err(|error| setting("cluster.snapshot")(error.to_string()))
}

/// A client of the simulated API server over a snapshot.
pub fn snapshot_cluster(snapshot: Arc<Snapshot>, label: &str) -> KubeCluster {
    KubeCluster::from_snapshot(snapshot, label)
}

/// Connects to the model that the configuration names, if it names one.
pub fn connect_model(config: &ModelConfig) -> Result<Option<Arc<dyn ChatModel>>, AppError> {
    let (Some(endpoint), Some(model)) = (&config.endpoint, &config.name) else { return Ok(None) };
    install_crypto();
    let timeout = Duration::from_secs(config.request_timeout_seconds);
    let options = OpenAiOptions {
        api_key: api_key(config)?,
        temperature: config.temperature,
        request_timeout: timeout,
        // A local model may read a long prompt in silence; the deadline of the call is limit enough.
        read_timeout: timeout,
        max_retries: config.max_retries,
        stream: config.stream,
        ..OpenAiOptions::new(endpoint, model)
    };
    let model = OpenAiCompatible::new(options).map_err(|error| {
        let key =
            if config.api_key_file.is_some() { "model.api_key_file" } else { "model.api_key" };
        let (to_blame, field) = match &error {
            OptionsError::Endpoint { .. } => ("model.endpoint", "endpoint: "),
            OptionsError::ApiKey(_) => (key, "api_key: "),
            OptionsError::Model => ("model.name", "model: "),
            OptionsError::Temperature => ("model.temperature", "temperature: "),
            OptionsError::Timeout { .. } => ("model.request_timeout_seconds", "request_timeout: "),
            OptionsError::Header { .. } | OptionsError::CaFile { .. } | OptionsError::Client(_) => {
                ("model", "")
            }
        };
        setting(to_blame)(without(&error.to_string(), field))
    })?;
    Ok(Some(Arc::new(model)))
}

/// An adapter's error without the adapter's own name of the field, which the setting's path says already.
fn without(error: &str, field: &str) -> String {
    error.strip_prefix(field).unwrap_or(error).to_owned()
}

fn api_key(config: &ModelConfig) -> Result<Option<SecretString>, AppError> {
    let text = match &config.api_key_file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            setting("model.api_key_file")(format!("{}: {error}", path.display()))
        })?,
        None => match &config.api_key {
            Some(key) => key.expose_secret().to_owned(),
            None => return Ok(None),
        },
    };
    Ok(Some(SecretString::from(text.trim())))
}

/// The masks of a cluster under the configured key; without one, under a key of this process.
pub fn redactor(config: &RedactionConfig) -> Result<redaction::Redactor, AppError> {
    let key = match (&config.key, &config.key_file) {
        (None, None) => return Ok(redaction::Redactor::with_random_key()),
        (Some(key), _) => key.expose_secret().to_owned(),
        (None, Some(path)) => std::fs::read_to_string(path).map_err(|error| {
            setting("redaction.key_file")(format!("{}: {error}", path.display()))
        })?,
    };
    let key = SecretString::from(key.trim());
    let bytes = key.expose_secret().as_bytes();
    if bytes.len() < RedactionConfig::MIN_KEY {
        return Err(setting("redaction.key_file")(format!(
            "holds a key of {} bytes; give at least {}, such as `openssl rand -hex 32` prints",
            bytes.len(),
            RedactionConfig::MIN_KEY
        )));
    }
    Ok(redaction::Redactor::from_secret(bytes))
}

/// The metric tools, where a Prometheus is configured; their output is masked like the cluster's.
pub fn metric_tools(
    config: &PrometheusConfig,
    redactor: &Arc<dyn Redactor>,
) -> Result<Vec<Arc<dyn Tool>>, AppError> {
    let Some(url) = &config.url else { return Ok(Vec::new()) };
    install_crypto();
    let options = PrometheusOptions {
        bearer_token_file: config.bearer_token_file.clone(),
        ca_file: config.ca_file.clone(),
        timeout: Duration::from_secs(config.request_timeout_seconds),
        ..PrometheusOptions::new(url)
    };
    let tools = prometheus_tools(options).map_err(|error| {
        let (to_blame, field) = match &error {
            PrometheusError::Url { .. } => ("prometheus.url", "url "),
            PrometheusError::File { field: "ca_file", .. } => ("prometheus.ca_file", "ca_file "),
            PrometheusError::File { .. } => ("prometheus.bearer_token_file", "bearer_token_file "),
            PrometheusError::Timeout => ("prometheus.request_timeout_seconds", "timeout "),
            PrometheusError::Client(_) => ("prometheus", ""),
        };
        setting(to_blame)(without(&error.to_string(), field))
    })?;
    let masked = |tool| Arc::new(Redacted::new(tool, Arc::clone(redactor))) as Arc<dyn Tool>;
    Ok(tools.into_iter().map(masked).collect())
}

/// What investigations need: the cluster, the model and the metrics that the configuration names.
pub async fn connect(config: &Config) -> Result<Ports, AppError> {
    let cluster = kube_cluster(&config.cluster).await?.with_redactor(redactor(&config.redaction)?);
    let metric_tools = metric_tools(&config.prometheus, &cluster.redactor())?;
    ports(Arc::new(cluster), connect_model(&config.model)?, metric_tools)
}

/// What investigations need, over a cluster, perhaps a model, and tools beside the cluster's.
pub fn ports(
    cluster: Arc<dyn Cluster>,
    model: Option<Arc<dyn ChatModel>>,
    further_tools: Vec<Arc<dyn Tool>>,
) -> Result<Ports, AppError> {
    let mut tools = read_only_tools(Arc::clone(&cluster));
    tools.extend(further_tools);
    let tools = ToolRegistry::new(tools)
        .map_err(|error| AppError::Internal(error.to_string()))?
        .with_aliases(leadsman_kube::tools::alias);
    Ok(Ports {
        cluster,
        model,
        catalog: Arc::new(NoCatalog),
        tools: Arc::new(tools),
        triage_slots: Arc::new(Semaphore::new(TRIAGES_AT_ONCE)),
    })
}

/// Refuses what the service refuses, without opening anything: nothing is written, sent or listened on. Whether a
/// port is taken, or a store in use, shows only at start.
pub async fn prepare(config: &Config) -> Result<Ports, AppError> {
    check(config)?;
    connect(config).await
}

/// The part of [`prepare`] that does not depend on ports.
fn check(config: &Config) -> Result<(), AppError> {
    config.check_listeners()?;
    places::check_storage(&config.storage).map_err(AppError::Storage)?;
    places::check_audit_file(config).map_err(setting("audit.file"))
}

impl App {
    /// Builds the service over the cluster and the model that the configuration names.
    pub async fn build(config: &Config) -> Result<Self, AppError> {
        Self::assemble(config, prepare(config).await?).await
    }

    /// Builds the service over given ports and brings unfinished sessions back.
    pub async fn build_with(config: &Config, ports: Ports) -> Result<Self, AppError> {
        check(config)?;
        Self::assemble(config, ports).await
    }

    async fn assemble(config: &Config, ports: Ports) -> Result<Self, AppError> {
        install_crypto();
        let metrics =
            Arc::new(Metrics::new().map_err(|error| AppError::Internal(error.to_string()))?);
        let store = WatchedStore::new(open_store(config).await?);
        let sink = FileSink::open(config.audit_file())
            .await
            .map_err(|error| setting("audit.file")(error.to_string()))?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let audit = AuditPipeline::start(
            Arc::new(store.clone()),
            Arc::new(sink),
            Arc::clone(&metrics),
            &tasks,
            stop.clone(),
        );
        let settings = Settings {
            capacity: config.sessions.max_concurrent,
            limits: config.investigation.limits(),
            retention: config.retention(),
        };
        let clock = Arc::new(SystemClock);
        let redactor = ports.cluster.redactor();
        let sessions = Sessions::new(
            store,
            Arc::clone(&clock) as Arc<_>,
            ports,
            settings,
            audit,
            Arc::clone(&metrics),
        );
        // Before anybody can ask: a poll of an unfinished session must find it.
        let resumed =
            sessions.recover().await.map_err(|error| AppError::Storage(error.to_string()))?;
        if resumed > 0 {
            tracing::info!(resumed, "unfinished investigations go on as there is room");
        }
        let view = config.server.dev_mode.then(|| config.masked());
        let service = Arc::new(Service::new(sessions.clone(), clock, redactor, view));
        let server = bind(config, &service, &metrics)?;
        let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
        Ok(Self { server, sessions, service, metrics, tasks, stop, grace })
    }

    /// Address of the API.
    pub fn api_addr(&self) -> SocketAddr {
        self.server.api_addr()
    }

    /// Address of health and readiness.
    pub fn health_addr(&self) -> SocketAddr {
        self.server.health_addr()
    }

    /// Address of the metrics.
    pub fn metrics_addr(&self) -> SocketAddr {
        self.server.metrics_addr()
    }

    /// The sessions, for those who watch from within the process.
    pub fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    /// Serves until `stop` is cancelled, then drains: refuses new incidents, lets running ones end within the
    /// grace period and checkpoints the rest.
    pub async fn run(self, stop: CancellationToken) -> Result<(), AppError> {
        let Self { server, sessions, service, metrics, tasks, stop: stop_tasks, grace } = self;
        let stop_server = CancellationToken::new();
        let serving = server.run(stop_server.clone());
        let living = async {
            service.start();
            let housekeeping = housekeeping(&sessions);
            let upkeep = upkeep(&metrics);
            tokio::select! {
                () = stop.cancelled() => {}
                () = housekeeping => {}
                () = upkeep => {}
            }
            tracing::info!(active = sessions.active(), "draining");
            let left = sessions.shut_down(grace).await;
            if left > 0 {
                tracing::info!(left, "investigations were checkpointed and go on after a restart");
            }
            stop_server.cancel();
        };
        let (served, ()) = tokio::join!(serving, living);
        stop_tasks.cancel();
        tasks.close();
        tasks.wait().await;
        served.map_err(AppError::from)
    }
}

async fn open_store(config: &Config) -> Result<Arc<dyn SessionStore>, AppError> {
    if config.storage.in_memory() {
        return Ok(Arc::new(MemoryStore::default()));
    }
    let directory = &config.storage.directory;
    std::fs::create_dir_all(directory)
        .map_err(|error| AppError::Storage(format!("{}: {error}", directory.display())))?;
    let store = SqliteStore::open(directory).await;
    Ok(Arc::new(store.map_err(|error| AppError::Storage(error.to_string()))?))
}

fn bind(
    config: &Config,
    service: &Arc<Service>,
    metrics: &Arc<Metrics>,
) -> Result<Server, AppError> {
    let page = Arc::clone(metrics);
    let server_config = ServerConfig {
        api_addr: config.server.api_address,
        health_addr: config.server.health_address,
        metrics_addr: config.server.metrics_address,
        max_in_flight: config.server.max_in_flight,
        shutdown_timeout: CONNECTION_GRACE,
        ..ServerConfig::default()
    };
    let metrics =
        MetricsPort { recorder: metrics.recorder(), render: Arc::new(move || page.render()) };
    Server::bind(server_config, Arc::clone(service) as Arc<_>, metrics).map_err(|error| {
        let setting = match error.setting {
            "api_addr" => "server.api_address",
            "health_addr" => "server.health_address",
            _ => "server.metrics_address",
        };
        AppError::Bind { setting, address: error.addr, source: error.source }
    })
}

/// Checks the store for readiness and forgets old sessions, for ever.
async fn housekeeping(sessions: &Sessions) {
    let store = sessions.store();
    loop {
        match store.ping().await {
            Ok(()) => {
                if let Err(error) = sessions.forget_old().await {
                    tracing::warn!(%error, "old sessions could not be removed");
                }
                tokio::select! {
                    () = tokio::time::sleep(HOUSEKEEPING) => {}
                    () = store.trouble() => tokio::time::sleep(TROUBLED_PAUSE).await,
                }
            }
            Err(_) => tokio::time::sleep(TROUBLED_PAUSE).await,
        }
    }
}

async fn upkeep(metrics: &Metrics) {
    let mut ticks = tokio::time::interval(METRICS_UPKEEP);
    loop {
        ticks.tick().await;
        metrics.upkeep();
    }
}
