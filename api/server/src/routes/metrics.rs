//! `GET /metrics`, on a listener of its own.

use actix_web::{HttpResponse, route, web};

use crate::config::MetricsPort;

/// The media type of the Prometheus text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that was measured.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "metrics",
    operation_id = "get_metrics",
    servers((url = "http://localhost:9090", description = "The metrics listener.")),
    responses((
        status = 200,
        description = "Prometheus text format.",
        content_type = "text/plain",
        body = String
    ))
)]
#[route("/metrics", method = "GET", method = "HEAD")]
pub(crate) async fn metrics(port: web::Data<MetricsPort>) -> HttpResponse {
    HttpResponse::Ok().content_type(TEXT_FORMAT).body((port.render)())
}
