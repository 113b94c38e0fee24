//! `POST /api/v1/incident/analyze`: submit an incident.

use actix_web::{HttpRequest, HttpResponse, post, web};
use leadsman_contract::{AnalyzeAccepted, IncidentRequest};

use super::json;
use crate::body::{BodyLimits, read_json};
use crate::dispatch::Dispatcher;
use crate::observe::Observer;
use crate::openapi::AnalyzeProblems;
use crate::problem::Problem;

/// Submit an incident. Answers at once with the session in which it is investigated.
#[utoipa::path(
    tag = "incidents",
    operation_id = "incident_analyze_endpoint_api_v1_incident_analyze_post",
    request_body = IncidentRequest,
    responses(
        (status = 202, description = "Accepted and on record.", body = AnalyzeAccepted),
        AnalyzeProblems
    )
)]
#[post("/api/v1/incident/analyze")]
pub(crate) async fn analyze(
    request: HttpRequest,
    payload: web::Payload,
    limits: web::Data<BodyLimits>,
    observer: web::Data<Observer>,
    dispatcher: web::Data<Dispatcher>,
) -> Result<HttpResponse, Problem> {
    let body = read_json(&request, payload, &limits).await?;
    let _place = observer.admission.submission(&request)?;
    let incident =
        IncidentRequest::decode(&body).map_err(|invalid| Problem::invalid(invalid, &request))?;
    let accepted =
        dispatcher.call(|service| async move { service.submit(incident).await }).await.map_err(
            |error| Problem::from_service(&error, "failed to start investigation", &request),
        )?;
    Ok(json(HttpResponse::Accepted(), &accepted))
}
