//! A deadline that is set, passes, and is cleared again.

use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Off until it is set.
#[derive(Debug, Default)]
pub(super) struct Clock {
    sleep: Option<Pin<Box<Sleep>>>,
    on: bool,
}

impl Clock {
    /// Starts anew.
    pub(super) fn set(&mut self, time: Duration) {
        self.on = true;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(Instant::now() + time),
            None => self.sleep = Some(Box::pin(sleep(time))),
        }
    }

    pub(super) fn clear(&mut self) {
        self.on = false;
    }

    pub(super) fn is_set(&self) -> bool {
        self.on
    }

    /// Whether its time is over; if not, wakes the task when it is.
    pub(super) fn passed(&mut self, cx: &mut Context<'_>) -> bool {
        // The runtime lets a busy task's timers wait, so the time is looked at as well.
        let over = |sleep: &mut Pin<Box<Sleep>>| {
            sleep.deadline() <= Instant::now() || sleep.as_mut().poll(cx).is_ready()
        };
        self.on && self.sleep.as_mut().is_some_and(over)
    }
}
