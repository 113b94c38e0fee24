//! Three listeners, bound before anything runs and stopped in order.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, dev, web};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa_actix_web::AppExt as _;

use crate::admission::Admission;
use crate::body::BodyLimits;
use crate::config::{MetricsPort, ServerConfig};
use crate::connection::{self, Terms, bound_buffers};
use crate::dispatch::Dispatcher;
use crate::fallback::{RouteTable, fallback};
use crate::metrics::HttpMetrics;
use crate::observe::{Observer, observe};
use crate::openapi::{document, openapi_json};
use crate::routes::{self, docs};
use crate::service::InvestigationService;
use crate::side::Side;

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

/// A bound server. Health and metrics are served already, the API is not yet.
pub struct Server {
    config: ServerConfig,
    service: Arc<dyn InvestigationService>,
    http_metrics: HttpMetrics,
    api: Bound,
    health_addr: SocketAddr,
    metrics_addr: SocketAddr,
    side: Side,
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
            bound_buffers(&listener)?;
            let addr = listener.local_addr()?;
            Ok(Self { listener, addr })
        });
        bound.map_err(|source| BindError { setting, addr, source })
    }
}

impl Server {
    /// Binds the three listeners, so that their ports are known and clients can connect, and starts to serve health
    /// and metrics: a probe is answered however long the product takes to start.
    ///
    /// # Errors
    /// [`BindError`] names the first address that cannot be listened on or served.
    pub fn bind(
        config: ServerConfig,
        service: Arc<dyn InvestigationService>,
        metrics: MetricsPort,
    ) -> Result<Self, BindError> {
        let api = Bound::new("api_addr", config.api_addr)?;
        let health = Bound::new("health_addr", config.health_addr)?;
        let scraped = Bound::new("metrics_addr", config.metrics_addr)?;
        let http_metrics = HttpMetrics::register(Arc::clone(&metrics.recorder));
        let (health_addr, metrics_addr) = (health.addr, scraped.addr);
        let serving = Arc::clone(&service);
        let side = Side::start(health.listener, scraped.listener, &config, serving, metrics)
            .map_err(|source| BindError { setting: "health_addr", addr: health_addr, source })?;
        Ok(Self { config, service, http_metrics, api, health_addr, metrics_addr, side })
    }

    /// Where the API listens.
    pub fn api_addr(&self) -> SocketAddr {
        self.api.addr
    }

    /// Where `/healthz` and `/readyz` are.
    pub fn health_addr(&self) -> SocketAddr {
        self.health_addr
    }

    /// Where `/metrics` is.
    pub fn metrics_addr(&self) -> SocketAddr {
        self.metrics_addr
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
        let Self { config, side, .. } = self;
        side.watch(&stop);
        let stop_side = side.stopper();
        let docs = docs::Docs::new(openapi_json()?);
        let observer = Observer {
            admission: Admission::new(config.max_in_flight),
            metrics: self.http_metrics,
        };
        let api = api_server(self.api.listener, &config, dispatcher, observer, docs)
            .map_err(|source| RunError::Listener { listener: "api", source })?;

        let api_handle = api.handle();
        let serve_api = guard("api", api, &stop);
        let serve_side = async {
            let ended = side.ended().await;
            stop.cancel();
            ended
        };
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
            stop_side.cancel();
        };
        let (api, side, ()) = tokio::join!(serve_api, serve_side, wind_down);
        api.and(side)
    }
}

/// Runs one listener; when it ends unasked, asks the others to end.
pub(crate) async fn guard(
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
    let limits = web::Data::new(BodyLimits::of(config));
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
    connection::server("api", listener, Terms::of(config), app)
}
