//! Who may work: submissions and everything else have places of their own, so that neither can crowd out the other.

use actix_web::HttpRequest;
use actix_web::http::Method;
use leadsman_contract::ProblemType;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::problem::Problem;

/// The path of a submission.
const ANALYZE: &str = "/api/v1/incident/analyze";

/// The places, as many of each kind as `max_in_flight` says.
pub(crate) struct Admission {
    submissions: Semaphore,
    others: Semaphore,
}

impl Admission {
    pub(crate) fn new(max_in_flight: usize) -> Self {
        let places = || Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS));
        Self { submissions: places(), others: places() }
    }

    /// A place for a request as it comes. A submission needs none yet: it takes one when its body is there, because
    /// a client that is slow to send it must not keep others from work.
    pub(crate) fn request(
        &self,
        request: &HttpRequest,
    ) -> Result<Option<SemaphorePermit<'_>>, Problem> {
        if request.method() == Method::POST && request.path() == ANALYZE {
            return Ok(None);
        }
        place(&self.others, request).map(Some)
    }

    /// A place for a submission whose body has arrived.
    pub(crate) fn submission(&self, request: &HttpRequest) -> Result<SemaphorePermit<'_>, Problem> {
        place(&self.submissions, request)
    }
}

fn place<'a>(places: &'a Semaphore, request: &HttpRequest) -> Result<SemaphorePermit<'a>, Problem> {
    places.try_acquire().map_err(|_| {
        let detail = "too many requests are at work, retry later";
        Problem::new(ProblemType::TooManyRequests, detail, request)
    })
}
