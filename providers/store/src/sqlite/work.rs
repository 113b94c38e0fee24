//! The changes that the writer makes; each runs inside a transaction that it does not see.

use jiff::Timestamp;
use leadsman_ports::audit::AuditRecord;
use leadsman_ports::store::{Append, JournalRecord, StoreError};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, SqliteConnection};
use uuid::Uuid;

use super::database::Database;
use super::rows::time_text;
use crate::rules::Progress;

/// Sessions deleted in one transaction.
pub(super) const PURGE_BATCH: u64 = 50;
/// Pages given back to the disk in one transaction (4 MiB).
const SHRINK_PAGES: u64 = 1_024;
/// Bytes that the readiness check writes: what the end of a large session needs.
const PROBE_BYTES: i64 = 256 * 1024;

/// One change.
#[derive(Debug)]
pub(super) enum Work {
    /// Records and audit events of one session.
    Append(Append),
    /// Audit events that have left.
    Delivered(Vec<Uuid>),
    /// Audit events that are no longer offered.
    SetAside(Vec<Uuid>),
    /// At most [`PURGE_BATCH`] finished sessions; counts them.
    Purge {
        /// The first moment that is kept.
        before: Timestamp,
    },
    /// Gives free pages at the end of the file back to the disk; counts those that remain.
    Shrink,
    /// A write that proves that writing works.
    Probe,
    /// The last work of this writer.
    Close,
}

impl Work {
    /// Makes the change; returns how many rows it was about.
    pub(super) async fn perform(
        self,
        database: &Database,
        connection: &mut SqliteConnection,
    ) -> Result<u64, StoreError> {
        let outcome = match self {
            Self::Append(append) => return store(append, database, connection).await,
            Self::Delivered(event_ids) => {
                each("DELETE FROM outbox WHERE event_id = ?;", &event_ids, connection).await
            }
            Self::SetAside(event_ids) => {
                let sql = "UPDATE outbox SET set_aside = 1 WHERE event_id = ?;";
                each(sql, &event_ids, connection).await
            }
            Self::Purge { before } => purge(before, connection).await,
            Self::Shrink => shrink(connection).await,
            Self::Probe => probe(connection).await,
            Self::Close => Ok(0),
        };
        outcome.map_err(|error| database.explain(&error))
    }
}

async fn store(
    append: Append,
    database: &Database,
    connection: &mut SqliteConnection,
) -> Result<u64, StoreError> {
    let explain = |error: sqlx::Error| database.explain(&error);
    let row: Option<(i64, bool)> =
        sqlx::query_as("SELECT last_seq, finished_at IS NOT NULL FROM session WHERE id = ?")
            .bind(append.session)
            .fetch_optional(&mut *connection)
            .await
            .map_err(explain)?;
    let stored = row.map_or(Progress::NONE, |(last_seq, finished)| Progress {
        last_seq: last_seq.unsigned_abs(),
        finished,
    });
    stored.admit(&append)?;
    write_append(append, connection).await.map_err(explain)
}

/// One text with all statements: every call to the database's thread costs two task switches.
async fn write_append(
    append: Append,
    connection: &mut SqliteConnection,
) -> Result<u64, sqlx::Error> {
    const SESSION: &str = "INSERT INTO session (id, created_at, finished_at, last_seq) \
        VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE \
        SET finished_at = excluded.finished_at, last_seq = excluded.last_seq;";
    const RECORD: &str = "INSERT INTO record (session, seq, at, event) \
        SELECT pk, ?, ?, ? FROM session WHERE id = ?;";
    const EVENT: &str = "INSERT INTO outbox (event_id, session, body) \
        SELECT ?, pk, ? FROM session WHERE id = ? ON CONFLICT (event_id) DO NOTHING;";

    let Append { session, records, terminal, outbox } = append;
    let Some((first, last)) = records.first().zip(records.last()) else { return Ok(0) };
    let sql = [SESSION, &RECORD.repeat(records.len()), &EVENT.repeat(outbox.len())].concat();
    let mut statements = sqlx::query(AssertSqlSafe(sql))
        .bind(session)
        .bind(time_text(first.at))
        .bind(terminal.then(|| time_text(last.at)))
        .bind(last.seq.cast_signed());
    for JournalRecord { seq, at, event } in records {
        statements =
            statements.bind(seq.cast_signed()).bind(time_text(at)).bind(event).bind(session);
    }
    for AuditRecord { event_id, body } in outbox {
        statements = statements.bind(event_id).bind(Json(body)).bind(session);
    }
    statements.execute(connection).await.map(|done| done.rows_affected())
}

/// Runs a statement for each event.
async fn each(
    statement: &str,
    event_ids: &[Uuid],
    connection: &mut SqliteConnection,
) -> Result<u64, sqlx::Error> {
    let sql = statement.repeat(event_ids.len());
    let statements = event_ids.iter().fold(sqlx::query(AssertSqlSafe(sql)), |q, id| q.bind(*id));
    statements.execute(connection).await.map(|done| done.rows_affected())
}

async fn shrink(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    // The pragma works a page a step, so its rows are asked for to the last one.
    let sql = AssertSqlSafe(format!("PRAGMA incremental_vacuum({SHRINK_PAGES})"));
    sqlx::query(sql).fetch_all(&mut *connection).await?;
    let left: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(connection).await?;
    Ok(left.unsigned_abs())
}

async fn purge(before: Timestamp, connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "DELETE FROM session WHERE pk IN (\
           SELECT pk FROM session WHERE finished_at < ? \
           AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.session = session.pk) \
           ORDER BY finished_at LIMIT ?)",
    )
    .bind(time_text(before))
    .bind(PURGE_BATCH.cast_signed())
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
}

async fn probe(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    sqlx::query("UPDATE probe SET count = count + 1, weight = zeroblob(?)")
        .bind(PROBE_BYTES)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}
