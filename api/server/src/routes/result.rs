//! `GET /api/v1/incident/session/{session_id}/result`: what came out.

use actix_web::{HttpRequest, HttpResponse, route, web};
use leadsman_contract::IncidentResponse;

use super::json;
use super::session::session_id;
use crate::dispatch::Dispatcher;
use crate::openapi::ResultProblems;
use crate::problem::Problem;

/// The result of a session that has ended, however it ended.
#[utoipa::path(
    get,
    path = "/api/v1/incident/session/{session_id}/result",
    tag = "incidents",
    operation_id = "incident_session_result_endpoint_api_v1_incident_session__session_id__result_get",
    params(("session_id" = String, Path, description = "As answered to the submission.")),
    responses(
        (status = 200, description = "What came out.", body = IncidentResponse),
        ResultProblems
    )
)]
#[route("/api/v1/incident/session/{session_id}/result", method = "GET", method = "HEAD")]
pub(crate) async fn result(
    request: HttpRequest,
    dispatcher: web::Data<Dispatcher>,
) -> Result<HttpResponse, Problem> {
    let id = session_id(&request);
    let mut response = dispatcher
        .call(|service| async move { service.result(&id).await })
        .await
        .map_err(|error| Problem::from_service(&error, "failed to fetch the result", &request))?;
    response.conform();
    Ok(json(HttpResponse::Ok(), &response))
}
