//! What readers ask, and how rows become the port's types again.

use jiff::Timestamp;
use leadsman_ports::audit::AuditRecord;
use leadsman_ports::store::{JournalRecord, SessionHead};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{Error, SqlitePool};
use uuid::Uuid;

/// A time as the database keeps it: of fixed width, so that text order is time order.
pub(super) fn time_text(at: Timestamp) -> String {
    format!("{at:.9}")
}

fn time(text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|error: jiff::Error| Error::Decode(error.into()))
}

fn number(seq: i64) -> Result<u64, Error> {
    u64::try_from(seq).map_err(|error| Error::Decode(error.into()))
}

pub(super) async fn journal(
    readers: &SqlitePool,
    session: Uuid,
    after: u64,
) -> Result<Vec<JournalRecord>, Error> {
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT record.seq, record.at, record.event FROM record \
         JOIN session ON session.pk = record.session \
         WHERE session.id = ? AND record.seq > ? ORDER BY record.seq",
    )
    .bind(session)
    // No journal is that long, so a greater number asks for nothing either way.
    .bind(i64::try_from(after).unwrap_or(i64::MAX))
    .fetch_all(readers)
    .await?;
    rows.into_iter()
        .map(|(seq, at, event)| Ok(JournalRecord { seq: number(seq)?, at: time(&at)?, event }))
        .collect()
}

type HeadRow = (Uuid, String, Option<String>, i64);

fn session_head(
    (session, created_at, finished_at, last_seq): HeadRow,
) -> Result<SessionHead, Error> {
    Ok(SessionHead {
        session,
        created_at: time(&created_at)?,
        finished_at: finished_at.as_deref().map(time).transpose()?,
        last_seq: number(last_seq)?,
    })
}

pub(super) async fn head(
    readers: &SqlitePool,
    session: Uuid,
) -> Result<Option<SessionHead>, Error> {
    let row: Option<HeadRow> =
        sqlx::query_as("SELECT id, created_at, finished_at, last_seq FROM session WHERE id = ?")
            .bind(session)
            .fetch_optional(readers)
            .await?;
    row.map(session_head).transpose()
}

pub(super) async fn unfinished(readers: &SqlitePool) -> Result<Vec<SessionHead>, Error> {
    let rows: Vec<HeadRow> = sqlx::query_as(
        "SELECT id, created_at, finished_at, last_seq FROM session \
         WHERE finished_at IS NULL ORDER BY created_at, pk",
    )
    .fetch_all(readers)
    .await?;
    rows.into_iter().map(session_head).collect()
}

pub(super) async fn outbox(readers: &SqlitePool, limit: u32) -> Result<Vec<AuditRecord>, Error> {
    let rows: Vec<(Uuid, Json<Value>)> = sqlx::query_as(
        "SELECT event_id, body FROM outbox WHERE NOT set_aside ORDER BY position LIMIT ?",
    )
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(rows.into_iter().map(|(event_id, Json(body))| AuditRecord { event_id, body }).collect())
}
