//! The OpenAPI document, put together from the routes of all three listeners.

use std::collections::BTreeMap;

use actix_web::App;
use leadsman_contract::{ProblemDocument, ProblemType};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi as _};
use utoipa_actix_web::AppExt as _;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::routes;

/// The media type of every problem.
const PROBLEM_JSON: &str = "application/problem+json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Leadsman",
        description = "Investigates Kubernetes incidents and answers with a root cause that the evidence supports.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "incidents", description = "Submit an incident and follow its investigation."),
        (name = "service", description = "The service about itself."),
        (name = "health", description = "For the platform; on a listener of its own."),
        (name = "metrics", description = "For Prometheus; on a listener of its own.")
    ),
    components(schemas(ProblemDocument))
)]
struct Base;

/// The document of everything that the server serves.
pub fn openapi() -> OpenApi {
    document(|config| {
        routes::api(config);
        routes::health(config);
        routes::metrics(config);
    })
}

/// [`openapi`] as indented JSON with a final newline; the same text at every call.
///
/// # Errors
/// Only when a schema cannot be written as JSON.
pub fn openapi_json() -> serde_json::Result<String> {
    openapi().to_pretty_json().map(|text| text + "\n")
}

/// The document of some of the routes.
pub(crate) fn document(routes: impl FnOnce(&mut ServiceConfig<'_>)) -> OpenApi {
    App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes).split_for_parts().1
}

/// Documents the problems of an operation by their catalogue entries.
pub(crate) fn problem_responses(kinds: &[ProblemType]) -> BTreeMap<String, RefOr<Response>> {
    let mut titles: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for kind in kinds {
        let line = format!("{} (`{}`)", kind.title(), kind.uri());
        titles.entry(kind.status()).or_default().push(line);
    }
    let schema = || Ref::from_schema_name("HTTPError");
    titles
        .into_iter()
        .map(|(status, lines)| {
            let mut response = ResponseBuilder::new()
                .description(lines.join("; "))
                .content(PROBLEM_JSON, Content::new(Some(schema())));
            if matches!(status, 429 | 500 | 503) {
                let seconds = HeaderBuilder::new()
                    .schema(Some(Object::with_type(Type::Integer)))
                    .description(Some("Seconds to wait before the next attempt, if that can help."))
                    .build();
                response = response.header("Retry-After", seconds);
            }
            (status.to_string(), response.build().into())
        })
        .collect()
}

/// Declares which problems an operation can end in; what every operation can end in is added.
macro_rules! problems {
    ($(#[$meta:meta])* $name:ident: $($kind:ident),*) => {
        $(#[$meta])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                problem_responses(&[
                    $(ProblemType::$kind,)*
                    ProblemType::TooManyRequests,
                    ProblemType::InternalError,
                ])
            }
        }
    };
}

problems! {
    /// Of a submission.
    AnalyzeProblems: ValidationError, RuleViolation, RequestTimeout, PayloadTooLarge,
    UnsupportedMediaType, CapacityExhausted, ServiceUnavailable, ShuttingDown
}
problems! {
    /// Of a question about a session.
    SessionProblems: SessionNotFound, ServiceUnavailable
}
problems! {
    /// Of a question for a result.
    ResultProblems: SessionNotFound, SessionNotCompleted, ServiceUnavailable
}
problems! {
    /// Of a cancellation.
    CancelProblems: SessionNotFound, SessionAlreadyTerminal, ServiceUnavailable
}
problems! {
    /// Of a question for the configuration.
    ConfigProblems: RouteNotFound
}
problems! {
    /// Of anything else.
    PlainProblems:
}
