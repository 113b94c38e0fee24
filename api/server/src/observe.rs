//! The outermost layer of every API request: its id, its admission, the survival of panics, the measurements and the
//! access log.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use futures::FutureExt as _;
use leadsman_contract::ProblemType;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::admission::Admission;
use crate::metrics::HttpMetrics;
use crate::problem::Problem;

/// Carries a [`RequestId`] both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;
/// The log target of one line for each answered request, so that it can be filtered apart.
const ACCESS_LOG: &str = "leadsman::access";
/// The endpoint label of a path that does not exist.
const UNMATCHED: &str = "unmatched";

/// Names a request in the log and in its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A new one.
    pub(crate) fn fresh() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// The client's id when it is printable and short; a new one otherwise.
    fn of(request: &ServiceRequest) -> Self {
        let sent = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let usable = sent.filter(|id| {
            (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
        });
        usable.map_or_else(Self::fresh, |id| Self(id.to_owned()))
    }
}

/// What the layer shares between requests.
pub(crate) struct Observer {
    pub(crate) metrics: HttpMetrics,
    pub(crate) admission: Admission,
}

/// Lowers the gauge however the request ends, also when its client goes away.
struct InFlight<'a>(&'a HttpMetrics);

impl<'a> InFlight<'a> {
    fn begin(metrics: &'a HttpMetrics) -> Self {
        metrics.in_flight.increment(1.0);
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.decrement(1.0);
    }
}

/// The middleware.
pub(crate) async fn observe<B: MessageBody + 'static>(
    observer: web::Data<Observer>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let _in_flight = InFlight::begin(&observer.metrics);
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("http", request_id = id.as_str());
    let answer = admit(&observer, request, next, &path, &id).instrument(span.clone()).await;

    let (endpoint, status) = match &answer {
        Ok(response) => (endpoint(response), response.status()),
        Err(error) => (UNMATCHED.to_owned(), error.as_response_error().status_code()),
    };
    if status == StatusCode::TOO_MANY_REQUESTS {
        observer.metrics.rate_limited.increment(1);
    }
    let took = started.elapsed();
    observer.metrics.answered(endpoint, method.as_str(), status.as_u16(), took);
    let (status, ms) = (status.as_u16(), took.as_secs_f64() * 1000.0);
    tracing::info!(target: ACCESS_LOG, parent: &span, %method, path, status, ms, "answered");
    answer.map(|mut response| {
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response.map_into_boxed_body()
    })
}

/// Lets the request through when there is a place for it, and turns a panic into a problem.
async fn admit<B: MessageBody + 'static>(
    observer: &Observer,
    request: ServiceRequest,
    next: Next<B>,
    path: &str,
    id: &RequestId,
) -> Result<ServiceResponse, Error> {
    let _place = match observer.admission.request(request.request()) {
        Ok(place) => place,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    // Nothing that a panic could leave half-changed is used afterwards: the request is gone with it.
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answer) => answer.map(ServiceResponse::map_into_boxed_body),
        Err(panic) => {
            tracing::error!(cause = words_of(&*panic), instance = path, "a handler panicked");
            let id = Some(id.as_str().to_owned());
            let detail = "internal server error";
            Err(Problem::at(ProblemType::InternalError, detail, path, id).into())
        }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// The route's pattern, which is one of a few, never the path, which is one of many.
fn endpoint<B>(response: &ServiceResponse<B>) -> String {
    let pattern = response.request().match_pattern();
    pattern.map_or_else(
        || UNMATCHED.to_owned(),
        |pattern| pattern.replace("{session_id}", "{id}").replace("{_:.*}", "{file}"),
    )
}
