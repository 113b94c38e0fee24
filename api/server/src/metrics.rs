//! The server's own measurements.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder, Unit};

/// Seconds from the head of a request to the head of its answer, by `endpoint`, `method` and `status`.
pub const HTTP_DURATION: &str = "aiagent_http_request_duration_seconds";
/// Requests at work.
pub const HTTP_IN_FLIGHT: &str = "aiagent_http_requests_in_flight";
/// Requests answered with 429.
pub const HTTP_RATE_LIMITED: &str = "aiagent_http_rate_limited_total";
/// Upper bounds for [`HTTP_DURATION`], in seconds: 1 ms, doubled nine times.
pub const HTTP_DURATION_BUCKETS: [f64; 10] =
    [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512];

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// Handles to the server's measurements in one recorder.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    recorder: Arc<dyn Recorder + Send + Sync>,
    pub(crate) in_flight: Gauge,
    pub(crate) rate_limited: Counter,
}

impl HttpMetrics {
    /// Describes and registers everything, so that a scrape before the first request finds it.
    pub(crate) fn register(recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        recorder.describe_histogram(
            HTTP_DURATION.into(),
            Some(Unit::Seconds),
            "Time from the head of a request to the head of its answer.".into(),
        );
        recorder.describe_gauge(HTTP_IN_FLIGHT.into(), None, "Requests at work.".into());
        recorder.describe_counter(
            HTTP_RATE_LIMITED.into(),
            None,
            "Requests answered with 429.".into(),
        );
        let in_flight = recorder.register_gauge(&Key::from_static_name(HTTP_IN_FLIGHT), &METADATA);
        let rate_limited =
            recorder.register_counter(&Key::from_static_name(HTTP_RATE_LIMITED), &METADATA);
        // Shows the counter at zero instead of hiding it until the first refusal.
        rate_limited.increment(0);
        Self { recorder, in_flight, rate_limited }
    }

    /// Records one answered request. `endpoint` must come from a bounded set.
    pub(crate) fn answered(&self, endpoint: String, method: &str, status: u16, took: Duration) {
        let labels = vec![
            Label::new("endpoint", endpoint),
            Label::new("method", known_method(method)),
            Label::new("status", status.to_string()),
        ];
        let key = Key::from_parts(HTTP_DURATION, labels);
        self.recorder.register_histogram(&key, &METADATA).record(took.as_secs_f64());
    }
}

/// Clients can make methods up; the label cannot.
fn known_method(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
