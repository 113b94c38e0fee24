//! Three listeners, bound before anything runs and stopped in order.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, dev, web};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa_actix_web::AppExt as _;

use crate::body::BodyLimits;
use crate::config::{MetricsPort, ServerConfig};
use crate::dispatch::Dispatcher;
use crate::fallback::{RouteTable, fallback};
use crate::metrics::HttpMetrics;
use crate::observe::{Observer, observe};
use crate::openapi::{document, openapi_json};
use crate::routes::{self, docs};
use crate::service::InvestigationService;

/// How long a client may take to close a connection that the server closes.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for an open probe or scrape to end at shutdown, in seconds.
const SIDE_SHUTDOWN_SECONDS: u64 = 1;

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} (setting {setting}): {source}")]
pub struct BindError {
    /// The setting of [`ServerConfig`] that holds the address.
    pub setting: &'static str,
    /// The address.
    pub addr: SocketAddr,
    /// The system's reason.
    pub source: io::Error,
}

/// A server that could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener broke.
    #[error("the {listener} listener broke: {source}")]
    Listener {
        /// `api`, `health` or `metrics`.
        listener: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A listener ended although nothing asked it to.
    #[error("the {listener} listener ended by itself")]
    Ended {
        /// `api`, `health` or `metrics`.
        listener: &'static str,
    },
    /// The OpenAPI document could not be written.
    #[error("the OpenAPI document could not be written: {0}")]
    Document(#[from] serde_json::Error),
}

/// A bound server that does not serve yet.
pub struct Server {
    config: ServerConfig,
    service: Arc<dyn InvestigationService>,
    metrics: MetricsPort,
    http_metrics: HttpMetrics,
    api: Bound,
    health: Bound,
    side: Bound,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Bound {
    fn new(setting: &'static str, addr: SocketAddr) -> Result<Self, BindError> {
        let bound = TcpListener::bind(addr).and_then(|listener| {
            let addr = listener.local_addr()?;
            Ok(Self { listener, addr })
        });
        bound.map_err(|source| BindError { setting, addr, source })
    }
}

impl Server {
    /// Binds the three listeners, so that their ports are known and clients can connect.
    ///
    /// # Errors
    /// [`BindError`] names the first address that cannot be listened on.
    pub fn bind(
        config: ServerConfig,
        service: Arc<dyn InvestigationService>,
        metrics: MetricsPort,
    ) -> Result<Self, BindError> {
        let api = Bound::new("api_addr", config.api_addr)?;
        let health = Bound::new("health_addr", config.health_addr)?;
        let side = Bound::new("metrics_addr", config.metrics_addr)?;
        let http_metrics = HttpMetrics::register(Arc::clone(&metrics.recorder));
        Ok(Self { config, service, metrics, http_metrics, api, health, side })
    }

    /// Where the API listens.
    pub fn api_addr(&self) -> SocketAddr {
        self.api.addr
    }

    /// Where `/healthz` and `/readyz` are.
    pub fn health_addr(&self) -> SocketAddr {
        self.health.addr
    }

    /// Where `/metrics` is.
    pub fn metrics_addr(&self) -> SocketAddr {
        self.side.addr
    }

    /// Serves until the token is cancelled. Then the API stops first, so that probes and scrapes see the end;
    /// open requests and calls to the service get [`ServerConfig::shutdown_timeout`] to finish.
    ///
    /// Must be called within a Tokio runtime; calls to the service run on it.
    ///
    /// # Errors
    /// [`RunError`] when a listener breaks; the others are stopped then.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let calls = TaskTracker::new();
        let grace = self.config.shutdown_timeout;
        let dispatcher = Dispatcher::new(
            Arc::clone(&self.service),
            Handle::current(),
            calls.clone(),
            self.config.service_timeout,
        );
        let health = health_server(self.health.listener, dispatcher.clone(), stop.clone())
            .map_err(|source| RunError::Listener { listener: "health", source })?;
        let side = metrics_server(self.side.listener, self.metrics)
            .map_err(|source| RunError::Listener { listener: "metrics", source })?;
        let docs = docs::Docs::new(openapi_json()?);
        let observer = Observer {
            metrics: self.http_metrics,
            slots: Arc::new(Semaphore::new(self.config.max_in_flight.min(Semaphore::MAX_PERMITS))),
        };
        let api = api_server(self.api.listener, &self.config, dispatcher, observer, docs)
            .map_err(|source| RunError::Listener { listener: "api", source })?;

        let (api_handle, health_handle, side_handle) =
            (api.handle(), health.handle(), side.handle());
        let serve_api = guard("api", api, &stop);
        let serve_health = guard("health", health, &stop);
        let serve_side = guard("metrics", side, &stop);
        let wind_down = async {
            stop.cancelled().await;
            api_handle.stop(true).await;
            calls.close();
            if tokio::time::timeout(grace, calls.wait()).await.is_err() {
                tracing::warn!(
                    open = calls.len(),
                    "calls to the service outlived the grace period"
                );
            }
            tokio::join!(health_handle.stop(true), side_handle.stop(true));
        };
        let (api, health, side, ()) = tokio::join!(serve_api, serve_health, serve_side, wind_down);
        api.and(health).and(side)
    }
}

/// Runs one listener; when it ends unasked, asks the others to end.
async fn guard(
    listener: &'static str,
    server: impl Future<Output = io::Result<()>>,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    let ended = server.await;
    let asked = stop.is_cancelled();
    stop.cancel();
    match ended {
        Err(source) => Err(RunError::Listener { listener, source }),
        Ok(()) if asked => Ok(()),
        Ok(()) => Err(RunError::Ended { listener }),
    }
}

fn api_server(
    listener: TcpListener,
    config: &ServerConfig,
    dispatcher: Dispatcher,
    observer: Observer,
    docs: docs::Docs,
) -> io::Result<dev::Server> {
    let mut table = RouteTable::of(&document(routes::api));
    for page in docs::PAGES {
        table.add_page(page);
    }
    let table = web::Data::new(table);
    let limits = web::Data::new(BodyLimits { bytes: config.body_limit, time: config.body_timeout });
    let dispatcher = web::Data::new(dispatcher);
    let observer = web::Data::new(observer);
    let docs = web::Data::new(docs);
    let app = move || {
        App::new()
            .app_data(table.clone())
            .app_data(limits.clone())
            .app_data(dispatcher.clone())
            .app_data(observer.clone())
            .app_data(docs.clone())
            .wrap(
                DefaultHeaders::new()
                    .add(("Cache-Control", "no-cache"))
                    .add(("X-Content-Type-Options", "nosniff")),
            )
            .wrap(from_fn(observe))
            .into_utoipa_app()
            .configure(routes::api)
            .into_app()
            .service(docs::docs_index)
            .service(docs::docs_page)
            .default_service(web::to(fallback))
    };
    let server = HttpServer::new(app)
        .workers(config.workers.max(1))
        .max_connections(config.max_connections)
        .client_request_timeout(config.header_timeout)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .keep_alive(config.keep_alive)
        .shutdown_timeout(config.shutdown_timeout.as_secs())
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

fn health_server(
    listener: TcpListener,
    dispatcher: Dispatcher,
    stop: CancellationToken,
) -> io::Result<dev::Server> {
    let table = web::Data::new(RouteTable::of(&document(routes::health)));
    let (dispatcher, stop) = (web::Data::new(dispatcher), web::Data::new(stop));
    let app = move || {
        App::new()
            .app_data(table.clone())
            .app_data(dispatcher.clone())
            .app_data(stop.clone())
            .into_utoipa_app()
            .configure(routes::health)
            .into_app()
            .default_service(web::to(fallback))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .shutdown_timeout(SIDE_SHUTDOWN_SECONDS)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

fn metrics_server(listener: TcpListener, port: MetricsPort) -> io::Result<dev::Server> {
    let table = web::Data::new(RouteTable::of(&document(routes::metrics)));
    let port = web::Data::new(port);
    let app = move || {
        App::new()
            .app_data(table.clone())
            .app_data(port.clone())
            .into_utoipa_app()
            .configure(routes::metrics)
            .into_app()
            .default_service(web::to(fallback))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .shutdown_timeout(SIDE_SHUTDOWN_SECONDS)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}
