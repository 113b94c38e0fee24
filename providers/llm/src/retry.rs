//! When to try again. Pure: time comes in as numbers, so the rule is testable without a clock.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::Timestamp;

use crate::errors::{Failure, Remedy};

/// First wait; it doubles from there, and jitter adds up to as much again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest wait before jitter, so that no wait exceeds 30 s.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The retries left to one call.
#[derive(Debug)]
pub(crate) struct Retries {
    waits: ExponentialBackoff,
    once_spent: bool,
}

impl Retries {
    /// Allows `max` further attempts after the first.
    pub(crate) fn new(max: usize) -> Self {
        let waits = ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(max)
            .with_jitter()
            .build();
        Self { waits, once_spent: false }
    }

    /// How long to wait before the next attempt, or `None` to give up.
    ///
    /// A wait that the remaining time does not cover is pointless, so it ends the call at once.
    pub(crate) fn next_wait(&mut self, failure: &Failure, remaining: Duration) -> Option<Duration> {
        let wait = match failure.remedy() {
            Remedy::GiveUp => None,
            Remedy::Once if self.once_spent => None,
            Remedy::Once => {
                self.once_spent = true;
                self.waits.next()
            }
            Remedy::Wait(asked) => self.waits.next().map(|own| asked.unwrap_or(own)),
        };
        wait.filter(|wait| *wait < remaining)
    }
}

/// What a server asks for in `retry-after-ms` or in `Retry-After`, in seconds or as an HTTP date.
///
/// A date counts from the server's own `Date`, where given, so that clocks may differ.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok();
    if let Some(milliseconds) = text("retry-after-ms").and_then(number) {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    let asked = text(RETRY_AFTER.as_str())?;
    if let Some(seconds) = number(asked) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = http_date(asked)?;
    let now = text(DATE.as_str()).and_then(http_date).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::ServerError;

    const LONG: Duration = Duration::from_secs(3600);

    fn status(status: u16, retry_after: Option<Duration>) -> Failure {
        Failure::Status(ServerError { status, retry_after, ..ServerError::default() })
    }

    fn asked(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        retry_after(&headers.collect())
    }

    #[test]
    fn waits_grow_from_half_a_second_to_half_a_minute() {
        let mut retries = Retries::new(12);
        let waits: Vec<Duration> =
            std::iter::from_fn(|| retries.next_wait(&status(503, None), LONG)).collect();
        assert_eq!(waits.len(), 12);
        for (number, wait) in waits.iter().enumerate() {
            let least = (FIRST_WAIT * 2_u32.pow(u32::try_from(number).unwrap())).min(LONGEST_WAIT);
            assert!(*wait >= least && *wait <= least * 2, "wait {number} is {wait:?}");
        }
    }

    #[test]
    fn the_server_decides_how_long_to_wait() {
        let mut retries = Retries::new(2);
        let minute = Duration::from_secs(60);
        assert_eq!(retries.next_wait(&status(429, Some(minute)), LONG), Some(minute));
        assert_eq!(retries.next_wait(&status(429, Some(minute)), minute), None, "too long");
    }

    #[test]
    fn nonsense_is_asked_for_once_more() {
        let mut retries = Retries::new(5);
        let nonsense = Failure::Protocol(String::new());
        assert!(retries.next_wait(&nonsense, LONG).is_some());
        assert!(retries.next_wait(&nonsense, LONG).is_none());
        assert!(retries.next_wait(&Failure::Connection(String::new()), LONG).is_some());
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, again) in [
            (400, false),
            (401, false),
            (404, false),
            (408, true),
            (409, true),
            (429, true),
            (500, true),
            (501, false),
            (503, true),
            (529, true),
        ] {
            let wait = Retries::new(1).next_wait(&status(code, None), LONG);
            assert_eq!(wait.is_some(), again, "{code}");
        }
        assert_eq!(Retries::new(0).next_wait(&status(503, None), LONG), None);
    }

    #[test]
    fn servers_ask_in_three_ways() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let later = "Sun, 06 Nov 1994 08:49:42 GMT";
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        assert_eq!(asked(&[("retry-after", "7")]), seconds(7.0));
        assert_eq!(asked(&[("retry-after", "7"), ("retry-after-ms", "250")]), seconds(0.25));
        assert_eq!(asked(&[("retry-after", later), ("date", date)]), seconds(5.0));
        assert_eq!(asked(&[("retry-after", date), ("date", later)]), seconds(0.0), "past");
        assert_eq!(asked(&[("retry-after", date)]), seconds(0.0), "past by our own clock");
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(asked(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(asked(&[]), None);
    }
}
