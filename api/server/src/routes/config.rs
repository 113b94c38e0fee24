//! `GET /config`: the configuration in force, in development mode.

use actix_web::{HttpRequest, HttpResponse, route, web};
use leadsman_contract::ProblemType;

use super::json;
use crate::dispatch::Dispatcher;
use crate::openapi::ConfigProblems;
use crate::problem::Problem;

/// The configuration in force, secrets masked. Outside development mode there is nothing here.
#[utoipa::path(
    get,
    path = "/config",
    tag = "service",
    operation_id = "get_config_config_get",
    responses(
        (status = 200, description = "The configuration.", body = serde_json::Value),
        ConfigProblems
    )
)]
#[route("/config", method = "GET", method = "HEAD")]
pub(crate) async fn config(
    request: HttpRequest,
    dispatcher: web::Data<Dispatcher>,
) -> Result<HttpResponse, Problem> {
    match dispatcher.service().config_view() {
        Some(view) => Ok(json(HttpResponse::Ok(), &view)),
        None => {
            let detail = "the configuration is shown in development mode only";
            Err(Problem::new(ProblemType::RouteNotFound, detail, &request))
        }
    }
}
