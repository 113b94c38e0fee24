//! Answers for what no route takes: an unknown path, or a known path with another method.
//!
//! The routes and their methods are read from the OpenAPI document, so they are written down once.

use actix_web::dev::ResourceDef;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use leadsman_contract::ProblemType;
use utoipa::openapi::OpenApi;

use crate::problem::Problem;

/// Every documented path with the methods that it takes.
pub(crate) struct RouteTable(Vec<(ResourceDef, String)>);

impl RouteTable {
    pub(crate) fn of(document: &OpenApi) -> Self {
        let entries = document.paths.paths.iter().map(|(pattern, item)| {
            let methods = [
                ("GET, HEAD", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("OPTIONS", true),
            ];
            let allowed: Vec<_> = methods.iter().filter(|m| m.1).map(|m| m.0).collect();
            (ResourceDef::new(pattern.as_str()), allowed.join(", "))
        });
        Self(entries.collect())
    }

    /// Adds a page that is not part of the API.
    pub(crate) fn add_page(&mut self, pattern: &str) {
        self.0.push((ResourceDef::new(pattern), "GET, HEAD, OPTIONS".to_owned()));
    }

    fn allowed(&self, path: &str) -> Option<&str> {
        let entry = self.0.iter().find(|(pattern, _)| pattern.is_match(path));
        entry.map(|(_, methods)| methods.as_str())
    }
}

/// Takes what no route took.
pub(crate) async fn fallback(
    request: HttpRequest,
    table: web::Data<RouteTable>,
) -> Result<HttpResponse, Problem> {
    let Some(methods) = table.allowed(request.path()) else {
        let detail = format!("there is nothing at {}", request.path());
        return Err(Problem::new(ProblemType::RouteNotFound, detail, &request));
    };
    if request.method() == actix_web::http::Method::OPTIONS {
        return Ok(HttpResponse::NoContent()
            .insert_header((header::ALLOW, methods))
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, methods))
            .finish());
    }
    let detail = format!("{} is not allowed here; use {methods}", request.method());
    Err(Problem::new(ProblemType::MethodNotAllowed, detail, &request).allowing(methods))
}
