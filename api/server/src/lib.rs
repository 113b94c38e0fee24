//! The HTTP adapter: serves the contract over a port that the product implements.
//!
//! Reading order: [`service`] (the port), [`config`], `server` (three listeners and their end), `routes` (one
//! file a resource), then what every request passes: `observe` (id, limits, panics, log), `body`, `dispatch`,
//! `problem`, `fallback`; and [`openapi`](openapi()), the document that the routes describe themselves in.

pub mod config;
pub mod metrics;
pub mod service;

mod body;
mod dispatch;
mod fallback;
mod observe;
mod openapi;
mod problem;
mod routes;
mod server;

pub use config::{MetricsPort, ServerConfig};
pub use openapi::{openapi, openapi_json};
pub use server::{BindError, RunError, Server};
pub use service::{InvestigationService, Readiness, ServiceError};
