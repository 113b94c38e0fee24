//! Decodes many files on all cores; the result does not depend on how many there are.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::decode::{Decoded, decode};
use super::error::SnapshotError;

/// Below this a thread costs more than it gains, in bytes.
const WORTH_A_THREAD: usize = 1 << 20;

type Outcome = (usize, Result<Decoded, SnapshotError>);

/// Decodes every file; results come in the order of the files, and so does the first error.
pub(super) fn decode_all(
    files: Vec<(String, Vec<u8>)>,
) -> Result<Vec<(String, Decoded)>, SnapshotError> {
    let total: usize = files.iter().map(|(_, content)| content.len()).sum();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let workers = cores.min(total / WORTH_A_THREAD + 1).min(files.len().max(1));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done: Vec<Outcome> = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((path, content)) = files.get(index) else { return done };
            done.push((index, decode(path, content)));
        }
    };
    let mut done = thread::scope(|scope| {
        let helpers: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    let decoded = done.into_iter().map(|(_, decoded)| decoded);
    files.iter().zip(decoded).map(|((path, _), decoded)| Ok((path.clone(), decoded?))).collect()
}
