//! `POST /api/v1/incident/session/{session_id}/cancel`: stop a session.

use actix_web::{HttpRequest, HttpResponse, post, web};
use leadsman_contract::CancelSessionResponse;

use super::json;
use super::session::session_id;
use crate::dispatch::Dispatcher;
use crate::openapi::CancelProblems;
use crate::problem::Problem;

/// Stop a session. What it has found so far stays available as its result.
#[utoipa::path(
    tag = "incidents",
    operation_id = "cancel_session_api_v1_incident_session__session_id__cancel_post",
    params(("session_id" = String, Path, description = "As answered to the submission.")),
    responses(
        (status = 200, description = "Stopped.", body = CancelSessionResponse),
        CancelProblems
    )
)]
#[post("/api/v1/incident/session/{session_id}/cancel")]
pub(crate) async fn cancel(
    request: HttpRequest,
    dispatcher: web::Data<Dispatcher>,
) -> Result<HttpResponse, Problem> {
    let id = session_id(&request);
    let cancelled = dispatcher
        .call(|service| async move { service.cancel(&id).await })
        .await
        .map_err(|error| Problem::from_service(&error, "failed to cancel the session", &request))?;
    Ok(json(HttpResponse::Ok(), &cancelled))
}
