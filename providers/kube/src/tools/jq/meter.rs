//! What an evaluation may use, and the functions by which it is charged.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jaq_core::box_iter::box_once;
use jaq_core::data::HasLut;
use jaq_core::native::{Fun, bome, v};
use jaq_core::{Ctx, DataT, Error, Exn, Native, compile::Lut};
use jaq_json::{Num, Val};

use super::guard::{CHECK, FACTOR, STEP};

/// Steps of one evaluation.
const STEPS: u64 = 1_000_000;
/// Parts of one value that a filter builds, elements of lists and objects counted.
const NODES: usize = 1_000_000;
/// Bytes of text in one value that a filter builds.
const TEXT: usize = 16 * 1024 * 1024;
/// Digits of a whole number, in bits.
const BITS: u64 = 4096;
/// Levels of one value that a filter builds.
const DEPTH: usize = 256;
/// Steps between two looks at the clock.
const CLOCK: u64 = 4096;

/// Counts one evaluation down.
pub(super) struct Meter {
    left: Cell<u64>,
    until: Instant,
    stopped: Arc<AtomicBool>,
    spent: Cell<Option<&'static str>>,
}

impl Meter {
    /// Ends the evaluation at `until`, or as soon as the flag is set.
    pub(super) fn new(until: Instant, stopped: Arc<AtomicBool>) -> Self {
        Self { left: Cell::new(STEPS), until, stopped, spent: Cell::new(None) }
    }

    /// Why the evaluation was ended, if it was.
    pub(super) fn spent(&self) -> Option<&'static str> {
        self.spent.get()
    }

    /// Charges one step.
    pub(super) fn step(&self) -> Result<(), &'static str> {
        let left = self.left.get();
        if left == 0 {
            return self.stop("it takes too many steps");
        }
        self.left.set(left - 1);
        if left.is_multiple_of(CLOCK) {
            if self.stopped.load(Ordering::Relaxed) {
                return self.stop("it was cancelled");
            }
            if Instant::now() >= self.until {
                return self.stop("it takes too long");
            }
        }
        Ok(())
    }

    fn stop(&self, why: &'static str) -> Result<(), &'static str> {
        self.spent.set(Some(why));
        Err(why)
    }

    fn check(&self, value: &Val) -> Result<(), &'static str> {
        self.step()?;
        self.measure(value, DEPTH, &mut (NODES, TEXT))
    }

    fn measure(
        &self,
        value: &Val,
        depth: usize,
        room: &mut (usize, usize),
    ) -> Result<(), &'static str> {
        if depth == 0 {
            return self.stop("it builds a value that is nested too deeply");
        }
        let (mut nodes, mut bytes) = (1, 0);
        match value {
            Val::Null | Val::Bool(_) => {}
            Val::Num(Num::BigInt(number)) if number.bits() > BITS => {
                return self.stop("it builds a number that is too large");
            }
            Val::Num(Num::Dec(digits)) => bytes = digits.len(),
            Val::Num(_) => {}
            Val::BStr(text) | Val::TStr(text) => bytes = text.len(),
            Val::Arr(list) => nodes += list.len(),
            Val::Obj(map) => nodes += map.len(),
        }
        match (room.0.checked_sub(nodes), room.1.checked_sub(bytes)) {
            (Some(nodes), Some(bytes)) => *room = (nodes, bytes),
            _ => return self.stop("it builds a value that is too large"),
        }
        if room.0.is_multiple_of(usize::try_from(CLOCK).unwrap_or(1)) {
            self.step()?;
        }
        match value {
            Val::Arr(list) => list.iter().try_for_each(|item| self.measure(item, depth - 1, room)),
            Val::Obj(map) => map.iter().try_for_each(|(key, item)| {
                self.measure(key, depth - 1, room)?;
                self.measure(item, depth - 1, room)
            }),
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => Ok(()),
        }
    }
}

/// JSON values with a meter.
pub(super) struct Metered;

impl DataT for Metered {
    type V<'a> = Val;
    type Data<'a> = Shared<'a>;
}

/// What every function of an evaluation can reach.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) lut: &'a Lut<Native<Metered>>,
    pub(super) meter: &'a Meter,
}

impl<'a> HasLut<'a, Metered> for Shared<'a> {
    fn lut(&self) -> &'a Lut<Native<Metered>> {
        self.lut
    }
}

/// An end that `try` does not catch.
fn ended<'a>(charge: Result<(), &'static str>) -> Result<(), Exn<'a, Val>> {
    charge.map_err(|_| Exn::halt(1))
}

fn step<'a>(context: &Ctx<'a, Metered>) -> Result<(), Exn<'a, Val>> {
    ended(context.data().meter.step())
}

fn check<'a>(context: &Ctx<'a, Metered>, value: &Val) -> Result<(), Exn<'a, Val>> {
    ended(context.data().meter.check(value))
}

/// The functions that a guarded filter calls beside those of the standard library.
pub(super) fn functions() -> [Fun<Metered>; 4] {
    let stepping = Native::<Metered>::new(|cv| box_once(step(&cv.0).map(|()| cv.1)))
        .with_paths(|cv| box_once(step(&cv.0).map(|()| cv.1)))
        .with_update(|cv, update| match step(&cv.0) {
            Ok(()) => update(cv.1),
            Err(end) => box_once(Err(end)),
        });
    let checking = Native::<Metered>::new(|cv| box_once(check(&cv.0, &cv.1).map(|()| cv.1)))
        .with_paths(|cv| box_once(check(&cv.0, &cv.1.0).map(|()| cv.1)))
        .with_update(|cv, update| match check(&cv.0, &cv.1) {
            Ok(()) => update(cv.1),
            Err(end) => box_once(Err(end)),
        });
    let factor = Native::<Metered>::new(|cv| {
        bome(match cv.1 {
            Val::TStr(_) | Val::BStr(_) => Err(Error::str("text cannot be multiplied")),
            other => Ok(other),
        })
    });
    // The library's own reader has no limit of depth.
    let from_json = Native::<Metered>::new(|cv| {
        bome(match &cv.1 {
            Val::TStr(text) => serde_json::from_slice(text)
                .map_err(|error| Error::str(format_args!("the text is not JSON: {error}"))),
            other => Err(Error::str(format_args!("cannot parse {other} as JSON"))),
        })
    });
    [
        (STEP, v(0), stepping),
        (CHECK, v(0), checking),
        (FACTOR, v(0), factor),
        (FROM_JSON, v(0), from_json),
    ]
}

/// Replaced by [`functions`].
pub(super) const FROM_JSON: &str = "fromjson";
