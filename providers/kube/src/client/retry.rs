//! Which failures of the API server are tried again before anybody hears of them.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use kube::client::Body;
use kube::client::retry::{InvalidBackoff, RetryPolicy};
use tower::retry::{Policy, RetryLayer};
use tower::{BoxError, Layer};

/// A 503 or 504 without a word on when to come back is tried so often again, …
const TRIES: u32 = 3;
/// … first after this, …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … last after this: a load balancer that changes over is bridged, the dead server of an aggregated API waited for
/// no longer.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// Waits as long as the server asks for, and else only briefly.
#[derive(Clone)]
struct Patience {
    asked_for: RetryPolicy,
    brief: RetryPolicy,
}

/// `client` with retries.
pub(super) fn over(client: &kube::Client) -> Result<kube::Client, InvalidBackoff> {
    let patience = Patience {
        asked_for: RetryPolicy::server_retry(),
        brief: RetryPolicy::new(FIRST_PAUSE, LAST_PAUSE, TRIES, false)?,
    };
    let namespace = client.default_namespace().to_owned();
    let inner = client.clone();
    let send = tower::service_fn(move |request: Request<Body>| {
        let inner = inner.clone();
        async move { inner.send(request).await.map_err(BoxError::from) }
    });
    Ok(kube::Client::new(RetryLayer::new(patience).layer(send), namespace))
}

impl<Res> Policy<Request<Body>, Response<Res>, BoxError> for Patience {
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<Res>, BoxError>,
    ) -> Option<Self::Future> {
        let asks = result.as_ref().is_ok_and(|response| {
            response.status() == StatusCode::TOO_MANY_REQUESTS
                || response.headers().contains_key(RETRY_AFTER)
        });
        let policy = if asks { &mut self.asked_for } else { &mut self.brief };
        policy.retry(request, result)
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Policy::<Request<Body>, Response<Res>, BoxError>::clone_request(&mut self.brief, request)
    }
}
