//! Health and metrics, served from the moment they are bound, on a thread and runtime of their own: neither the work
//! of the API nor that of the product can keep a probe waiting.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use actix_web::{App, dev, web};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::AppExt as _;

use crate::config::{MetricsPort, ServerConfig};
use crate::connection::{Terms, server};
use crate::fallback::{RouteTable, fallback};
use crate::openapi::document;
use crate::routes;
use crate::server::{RunError, guard};
use crate::service::InvestigationService;

/// Time for an open probe or scrape to end at shutdown.
const SHUTDOWN: Duration = Duration::from_secs(1);
/// Most connections of each listener. Only the platform connects here.
const MAX_CONNECTIONS: usize = 256;

/// What readiness is made of.
pub(crate) struct Probed {
    pub(crate) service: Arc<dyn InvestigationService>,
    /// Asks the server to end; there once it runs.
    pub(crate) stop: OnceLock<CancellationToken>,
}

/// The running side listeners. They end when this is dropped.
pub(crate) struct Side {
    probed: Arc<Probed>,
    stop: CancellationToken,
    ended: oneshot::Receiver<Result<(), RunError>>,
}

impl Drop for Side {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Side {
    /// Starts to serve.
    ///
    /// # Errors
    /// The system's reason why there is no thread or runtime for it.
    pub(crate) fn start(
        health: TcpListener,
        metrics: TcpListener,
        config: &ServerConfig,
        service: Arc<dyn InvestigationService>,
        port: MetricsPort,
    ) -> io::Result<Self> {
        let probed = Arc::new(Probed { service, stop: OnceLock::new() });
        let terms = Terms {
            workers: 1,
            max_connections: MAX_CONNECTIONS,
            shutdown_timeout: SHUTDOWN,
            ..Terms::of(config)
        };
        let health = health_server(health, terms.clone(), Arc::clone(&probed))?;
        let metrics = metrics_server(metrics, terms, port)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, (tell, ended)) = (CancellationToken::new(), oneshot::channel());
        let stopping = stop.clone();
        thread::Builder::new().name("leadsman-side".to_owned()).spawn(move || {
            let outcome = runtime.block_on(serve(health, metrics, stopping));
            // Nobody listens any more when the server was dropped.
            let _ = tell.send(outcome);
        })?;
        Ok(Self { probed, stop, ended })
    }

    /// Lets readiness tell when `stop` is cancelled.
    pub(crate) fn watch(&self, stop: &CancellationToken) {
        // A server runs once, so this is set once.
        let _ = self.probed.stop.set(stop.clone());
    }

    /// Asks both listeners to end.
    pub(crate) fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// [`RunError`] when a listener broke, or the thread did.
    pub(crate) async fn ended(mut self) -> Result<(), RunError> {
        (&mut self.ended).await.unwrap_or(Err(RunError::Ended { listener: "health" }))
    }
}

async fn serve(
    health: dev::Server,
    metrics: dev::Server,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let (health_handle, metrics_handle) = (health.handle(), metrics.handle());
    let wind_down = async {
        stop.cancelled().await;
        tokio::join!(health_handle.stop(true), metrics_handle.stop(true));
    };
    let (health, metrics, ()) =
        tokio::join!(guard("health", health, &stop), guard("metrics", metrics, &stop), wind_down);
    health.and(metrics)
}

fn health_server(
    listener: TcpListener,
    terms: Terms,
    probed: Arc<Probed>,
) -> io::Result<dev::Server> {
    let table = web::Data::new(RouteTable::of(&document(routes::health)));
    let probed = web::Data::from(probed);
    server("health", listener, terms, move || {
        App::new()
            .app_data(table.clone())
            .app_data(probed.clone())
            .into_utoipa_app()
            .configure(routes::health)
            .into_app()
            .default_service(web::to(fallback))
    })
}

fn metrics_server(
    listener: TcpListener,
    terms: Terms,
    port: MetricsPort,
) -> io::Result<dev::Server> {
    let table = web::Data::new(RouteTable::of(&document(routes::metrics)));
    let port = web::Data::new(port);
    server("metrics", listener, terms, move || {
        App::new()
            .app_data(table.clone())
            .app_data(port.clone())
            .into_utoipa_app()
            .configure(routes::metrics)
            .into_app()
            .default_service(web::to(fallback))
    })
}
