//! The HTTP adapter: serves the contract over a port that the product implements.
//!
//! Reading order: [`service`] (the port), [`config`], `server` (three listeners and their end), `side` (two of them),
//! `connection` (what a peer may cost), `routes` (one file a resource), then what every request passes: `observe`
//! (id, panics, log), `admission`, `body`, `dispatch`, `problem`, `fallback`; and [`openapi`](openapi()), the document that the routes describe themselves in.

pub mod config;
pub mod metrics;
pub mod service;

mod admission;
mod body;
mod connection;
mod dispatch;
mod fallback;
mod observe;
mod openapi;
mod problem;
mod routes;
mod server;
mod side;

pub use config::{MetricsPort, ServerConfig};
pub use openapi::{openapi, openapi_json};
pub use server::{BindError, RunError, Server};
pub use service::{InvestigationService, Readiness, ServiceError};
