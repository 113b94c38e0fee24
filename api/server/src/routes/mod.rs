//! The routes, one file a resource.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) mod analyze;
pub(crate) mod cancel;
pub(crate) mod config;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod result;
pub(crate) mod session;

/// The media type of every answer that is not a problem.
const JSON: &str = "application/json; charset=utf-8";

/// What the API listener documents.
pub(crate) fn api(routes: &mut ServiceConfig<'_>) {
    routes
        .service(analyze::analyze)
        .service(session::session)
        .service(result::result)
        .service(cancel::cancel)
        .service(config::config)
        .service(docs::openapi_document);
}

/// What the health listener documents.
pub(crate) fn health(routes: &mut ServiceConfig<'_>) {
    routes.service(health::healthz).service(health::readyz);
}

/// What the metrics listener documents.
pub(crate) fn metrics(routes: &mut ServiceConfig<'_>) {
    routes.service(metrics::metrics);
}

/// Writes an answer as JSON.
fn json(mut response: actix_web::HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    response.content_type(JSON).json(body)
}
