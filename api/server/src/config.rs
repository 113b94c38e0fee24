//! What a server is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Addresses, limits and deadlines. The default listens on Kubernaut's ports on every interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Incidents, sessions and the documentation; port 0 picks a free port.
    pub api_addr: SocketAddr,
    /// Liveness and readiness.
    pub health_addr: SocketAddr,
    /// Metrics.
    pub metrics_addr: SocketAddr,
    /// Threads that serve the API; at least 1.
    pub workers: usize,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// Most bytes of all bodies that are arriving, beyond the first 16 KiB of each.
    pub body_memory: usize,
    /// Most submissions at work at once, and most other requests beside them; more are answered with 429. A
    /// submission is at work from when its body has arrived.
    pub max_in_flight: usize,
    /// Most open connections of each API worker.
    pub max_connections: usize,
    /// Time for a client to send the head of a request.
    pub header_timeout: Duration,
    /// Time for a client to send the body of a request; it may pause for half of it.
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer before it loses its connection.
    pub write_timeout: Duration,
    /// Time for the service to answer.
    pub service_timeout: Duration,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// How long one may be idle for while three quarters of the connections are taken.
    pub crowded_keep_alive: Duration,
    /// Time for open requests to end at shutdown, in whole seconds.
    pub shutdown_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let any = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        Self {
            api_addr: any(8443),
            health_addr: any(8081),
            metrics_addr: any(9090),
            workers: 2,
            body_limit: 1024 * 1024,
            body_memory: 32 * 1024 * 1024,
            max_in_flight: 100,
            max_connections: 2_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(15),
            service_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(120),
            crowded_keep_alive: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// Where the server's own measurements go and where `/metrics` comes from.
#[derive(Clone)]
pub struct MetricsPort {
    /// Receives the measurements of [`crate::metrics`].
    pub recorder: Arc<dyn metrics::Recorder + Send + Sync>,
    /// Writes everything that was measured, in the Prometheus text format.
    pub render: Arc<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for MetricsPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsPort").finish_non_exhaustive()
    }
}
