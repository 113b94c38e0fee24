//! Where the service may listen.

use std::net::SocketAddr;

use super::layers::ConfigError;
use super::tree::Config;

impl Config {
    /// Whether everybody who reaches the API may call it: it is within reach of others, and nothing
    /// authenticates them.
    pub fn open_to_everybody(&self) -> bool {
        !is_loopback(self.server.api_address)
    }

    /// Checks the addresses of a service: three of them, and without authentication the API on loopback only,
    /// unless the configuration says in so many words that anybody may call. Probes and metrics hold no secret
    /// and are never authenticated, so their addresses alone decide.
    ///
    /// # Errors
    /// The setting that stands in the way.
    pub fn check_listeners(&self) -> Result<(), ConfigError> {
        let server = &self.server;
        if self.open_to_everybody() && self.auth.mode.is_none() {
            let address = server.api_address;
            return Err(ConfigError::Setting {
                setting: "server.api_address".to_owned(),
                problem: format!(
                    "{address} is no loopback address, and nothing authenticates those who call; listen on \
                     127.0.0.1:{}, or set auth.mode: none (LEADSMAN_AUTH_MODE=none) to let anybody call who \
                     can reach it",
                    address.port()
                ),
            });
        }
        let listeners = [
            ("server.api_address", server.api_address),
            ("server.health_address", server.health_address),
            ("server.metrics_address", server.metrics_address),
        ];
        for (number, (setting, address)) in listeners.iter().enumerate() {
            let earlier = listeners.iter().take(number);
            if let Some((taken, _)) = earlier.clone().find(|(_, other)| collide(*address, *other)) {
                return Err(ConfigError::Setting {
                    setting: (*setting).to_owned(),
                    problem: format!(
                        "{address} is also that of {taken}; give each a port of its own"
                    ),
                });
            }
        }
        Ok(())
    }
}

/// An IPv4 address may be written as an IPv6 one.
fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Whether the second of two listeners could not be opened. Port 0 is a free one each time.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let (one, other) = (a.ip().to_canonical(), b.ip().to_canonical());
    a.port() == b.port()
        && a.port() != 0
        && (one == other || one.is_unspecified() || other.is_unspecified())
}
