//! `GET /healthz` and `GET /readyz`, on a listener of their own.

use actix_web::{HttpResponse, route, web};
use jiff::{Timestamp, Unit};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::json;
use crate::service::Readiness;
use crate::side::Probed;

/// Liveness.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `healthy`.
    status: &'static str,
    /// RFC 3339.
    timestamp: String,
}

/// Readiness.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// `ready` or `not_ready`.
    status: &'static str,
    /// Why not, e.g. `shutting_down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// What operators should know although the service is ready, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

/// Whether the process answers at all.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    operation_id = "health_check_healthz_get",
    servers((url = "http://localhost:8081", description = "The health listener.")),
    responses((status = 200, description = "It does.", body = Health))
)]
#[route("/healthz", method = "GET", method = "HEAD")]
pub(crate) async fn healthz() -> HttpResponse {
    let now = Timestamp::now();
    let timestamp = now.round(Unit::Second).unwrap_or(now).to_string();
    json(HttpResponse::Ok(), &Health { status: "healthy", timestamp })
}

/// Whether new incidents are welcome. Answers from memory.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    operation_id = "readiness_check_readyz_get",
    servers((url = "http://localhost:8081", description = "The health listener.")),
    responses(
        (status = 200, description = "They are.", body = Ready),
        (status = 503, description = "They are not.", body = Ready)
    )
)]
#[route("/readyz", method = "GET", method = "HEAD")]
pub(crate) async fn readyz(probed: web::Data<Probed>) -> HttpResponse {
    let stopping = probed.stop.get().is_some_and(CancellationToken::is_cancelled);
    let readiness = if stopping {
        Readiness::NotReady { reason: "shutting_down".to_owned() }
    } else {
        probed.service.readiness()
    };
    match readiness {
        Readiness::Ready { details } => {
            json(HttpResponse::Ok(), &Ready { status: "ready", reason: None, details })
        }
        Readiness::NotReady { reason } => {
            let body = Ready { status: "not_ready", reason: Some(reason), details: Vec::new() };
            json(HttpResponse::ServiceUnavailable(), &body)
        }
    }
}
