//! One investigation without a service around it: the journal is kept in memory and read at the end.

use std::sync::Arc;

use leadsman_contract::{IncidentRequest, IncidentResponse};
use leadsman_ports::clock::{Clock as _, SystemClock};
use leadsman_store::MemoryStore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::budget::Limits;
use crate::engine::driver::{self, Ended, Ports, Signals};
use crate::engine::events::{Entry, Event};
use crate::engine::journal::{self, Journal, JournalError, Listener};
use crate::engine::run::Run;
use crate::sessions::View;
use crate::wire;

/// Investigates to the end, or to the best verdict so far once `cancel` is cancelled. The listener hears of
/// every entry, the last one included.
///
/// # Errors
/// [`JournalError`] when the journal cannot be kept.
pub async fn investigate(
    request: IncidentRequest,
    ports: &Ports,
    limits: Limits,
    listener: Arc<dyn Listener>,
    cancel: CancellationToken,
) -> Result<IncidentResponse, JournalError> {
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::default());
    let session = Uuid::new_v4();
    let mut journal = Journal::new(
        session,
        0,
        Arc::clone(&store) as Arc<_>,
        Arc::clone(&clock) as Arc<_>,
        Arc::clone(&listener),
    );
    let submitted = Event::Submitted {
        incident: Box::new(wire::incident(request, ports.cluster.redactor().as_ref())),
        limits,
        model: ports.model.as_ref().map(|model| model.model().to_owned()),
    };
    let mut run = Run::new(ports.tools.definitions());
    run.apply(&submitted);
    journal.append(vec![submitted]).await?;
    let signals = Signals { cancel, checkpoint: CancellationToken::new() };
    let ended = driver::drive(&mut run, &mut journal, ports, &signals).await?;
    let mut entries = journal::read(store.as_ref(), session).await?;
    if let Ended::Terminal(event) = ended {
        let seq = entries.len() as u64 + 1;
        let last = Entry { seq, at: clock.now(), event: *event };
        listener.stored(std::slice::from_ref(&last));
        entries.push(last);
    }
    let view = View::fold(&entries).unwrap_or_else(|| View::new(clock.now()));
    Ok(wire::result(&view))
}
