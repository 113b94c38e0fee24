//! `GET /api/v1/incident/session/{session_id}`: where a session stands.

use actix_web::{HttpRequest, HttpResponse, route, web};
use leadsman_contract::SessionStatus;

use super::json;
use crate::dispatch::Dispatcher;
use crate::openapi::SessionProblems;
use crate::problem::Problem;

/// Where a session stands and what it is doing.
#[utoipa::path(
    get,
    path = "/api/v1/incident/session/{session_id}",
    tag = "incidents",
    operation_id = "incident_session_status_endpoint_api_v1_incident_session__session_id__get",
    params(("session_id" = String, Path, description = "As answered to the submission.")),
    responses(
        (status = 200, description = "Where it stands.", body = SessionStatus),
        SessionProblems
    )
)]
#[route("/api/v1/incident/session/{session_id}", method = "GET", method = "HEAD")]
pub(crate) async fn session(
    request: HttpRequest,
    dispatcher: web::Data<Dispatcher>,
) -> Result<HttpResponse, Problem> {
    let id = session_id(&request);
    let status =
        dispatcher.call(|service| async move { service.status(&id).await }).await.map_err(
            |error| Problem::from_service(&error, "failed to look up the session", &request),
        )?;
    Ok(json(HttpResponse::Ok(), &status))
}

/// The id as the client wrote it, percent-decoded. Whatever it is, the service knows it or not.
pub(super) fn session_id(request: &HttpRequest) -> String {
    request.match_info().query("session_id").to_owned()
}
