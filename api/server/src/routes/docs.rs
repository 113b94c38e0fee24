//! `GET /openapi.json` and the Swagger UI under `/docs/`, which needs no network beyond this server.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, route};
use leadsman_contract::ProblemType;
use utoipa_swagger_ui::Config;

use super::JSON;
use crate::openapi::PlainProblems;
use crate::problem::Problem;

/// The pages that are served and not part of the API.
pub(crate) const PAGES: [&str; 2] = ["/docs", "/docs/{file:.*}"];

/// What the documentation is made of.
#[derive(Clone)]
pub(crate) struct Docs {
    document: Bytes,
    ui: Arc<Config<'static>>,
}

impl Docs {
    /// Takes the document as JSON.
    pub(crate) fn new(document: String) -> Self {
        // Without this, the page asks a public validator about the document.
        let ui = Config::from("/openapi.json").validator_url("none");
        Self { document: document.into(), ui: Arc::new(ui) }
    }
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    operation_id = "get_openapi",
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value), PlainProblems)
)]
#[route("/openapi.json", method = "GET", method = "HEAD")]
pub(crate) async fn openapi_document(docs: web::Data<Docs>) -> HttpResponse {
    HttpResponse::Ok().content_type(JSON).body(docs.document.clone())
}

/// Leads to the page proper, whose files have relative names.
#[route("/docs", method = "GET", method = "HEAD")]
pub(crate) async fn docs_index() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// One file of the Swagger UI.
#[route("/docs/{file:.*}", method = "GET", method = "HEAD")]
pub(crate) async fn docs_page(
    request: HttpRequest,
    docs: web::Data<Docs>,
) -> Result<HttpResponse, Problem> {
    let name = request.match_info().query("file");
    match utoipa_swagger_ui::serve(name, Arc::clone(&docs.ui)) {
        Ok(Some(file)) => {
            // The files are part of the program: shared by all who ask, not copied for each.
            let bytes = match file.bytes {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            Ok(HttpResponse::Ok().content_type(file.content_type).body(bytes))
        }
        Ok(None) => {
            let detail = format!("there is nothing at {}", request.path());
            Err(Problem::new(ProblemType::RouteNotFound, detail, &request))
        }
        Err(cause) => {
            tracing::error!(cause = cause.to_string(), name, "a documentation page failed");
            let detail = "the page could not be made";
            Err(Problem::new(ProblemType::InternalError, detail, &request))
        }
    }
}
