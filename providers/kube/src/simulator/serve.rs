//! The simulated server on a real socket.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Simulator;

/// A client must have sent its request's head by then.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed accept, e.g. while file descriptors are short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Simulator {
    /// Serves HTTP/1.1 until `shutdown` is cancelled; open watches end then, and requests under way are finished.
    /// There is no authentication: bind to loopback only.
    ///
    /// # Errors
    /// The listener has no local address, so it cannot be one that accepts.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
        let address = listener.local_addr()?;
        tracing::debug!(%address, "simulated API server is listening");
        let simulator = Self { shutdown: shutdown.clone(), ..self };
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(simulator.clone(), stream, shutdown.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
        Ok(())
    }
}

async fn connection(
    simulator: Simulator,
    stream: tokio::net::TcpStream,
    shutdown: CancellationToken,
) {
    let service = service_fn(move |request| {
        let simulator = simulator.clone();
        async move { Ok::<_, Infallible>(simulator.respond(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection of the simulated API server ended early");
    }
}
