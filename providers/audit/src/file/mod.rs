//! Audit events as JSON Lines: one envelope a line, each event once, no line torn.

mod append;
mod generation;
mod log;
mod recent;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use leadsman_ports::audit::{AuditError, AuditRecord, AuditSink};
use serde::Deserialize;
use tokio::sync::Mutex;
use uuid::Uuid;

use self::log::Log;

/// An [`AuditSink`] that appends to a file which belongs to one process at a time.
///
/// A batch is one write and one flush; a write that fails leaves the file as it was. A log rotation that
/// renames, removes or truncates the file is noticed at the next batch. The last 4,096 events are recognised when
/// they come again, across rotations; after a restart, those of them that stand in the current file.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    log: Arc<Mutex<Log>>,
}

impl FileSink {
    /// Opens the file, creating it and its directory if missing, and reads its end to learn which events
    /// it holds. What a crash left of an unfinished last line moves to `<path>.torn`.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`] with the path and the fix: the file cannot be created, read or
    /// written, is not a regular file, or another process has it open.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, AuditError> {
        let path = path.into();
        let name = format!("file:{}", path.display());
        let log = off_thread(move || Log::open(path)).await?;
        Ok(Self { name, log: Arc::new(Mutex::new(log)) })
    }
}

#[async_trait]
impl AuditSink for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, batch: &[AuditRecord]) -> Result<(), AuditError> {
        let lines = batch.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let mut log = Arc::clone(&self.log).lock_owned().await;
        // The guard moves along: a caller that goes away cannot interrupt a write half-way.
        off_thread(move || log.append(lines)).await
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(AuditError::Unavailable(error.to_string())))
}

/// The part of an envelope by which the file is read again.
#[derive(Deserialize)]
struct Envelope {
    event_data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    event_id: Uuid,
}

/// The id in a stored line; `None` for anything that is not one whole envelope.
fn event_id(line: &[u8]) -> Option<Uuid> {
    serde_json::from_slice(line).ok().map(|envelope: Envelope| envelope.event_data.event_id)
}

/// A record as it is stored, with its newline.
fn line(record: &AuditRecord) -> Result<(Uuid, String), AuditError> {
    let refuse =
        |problem: &str| AuditError::Refused(format!("event {}: {problem}", record.event_id));
    let mut text = serde_json::to_string(&record.body).map_err(|e| refuse(&e.to_string()))?;
    if event_id(text.as_bytes()) != Some(record.event_id) {
        return Err(refuse("body.event_data.event_id must repeat the event's id"));
    }
    text.push('\n');
    Ok((record.event_id, text))
}
