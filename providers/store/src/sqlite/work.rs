//! The changes that the writer makes; each runs inside a transaction that it does not see.

use jiff::Timestamp;
use leadsman_ports::store::{Append, StoreError};
use sqlx::SqliteConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::database::Database;
use super::rows::time_text;
use crate::rules::Progress;

/// Sessions deleted in one transaction.
pub(super) const PURGE_BATCH: u64 = 50;

/// One change.
#[derive(Debug)]
pub(super) enum Work {
    /// Records and audit events of one session.
    Append(Append),
    /// Audit events that have left.
    Delivered(Vec<Uuid>),
    /// At most [`PURGE_BATCH`] finished sessions; counts them.
    Purge {
        /// The first moment that is kept.
        before: Timestamp,
    },
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
            Self::Delivered(event_ids) => delivered(&event_ids, connection).await,
            Self::Purge { before } => purge(before, connection).await,
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
    let row: Option<(i64, i64, bool)> =
        sqlx::query_as("SELECT pk, last_seq, finished_at IS NOT NULL FROM session WHERE id = ?")
            .bind(append.session)
            .fetch_optional(&mut *connection)
            .await
            .map_err(explain)?;
    let stored = row.map_or(Progress::NONE, |(_, last_seq, finished)| Progress {
        last_seq: last_seq.unsigned_abs(),
        finished,
    });
    stored.admit(&append)?;
    write_append(append, row.map(|(pk, ..)| pk), connection).await.map_err(explain)
}

async fn write_append(
    append: Append,
    known: Option<i64>,
    connection: &mut SqliteConnection,
) -> Result<u64, sqlx::Error> {
    let Some((first, last)) = append.records.first().zip(append.records.last()) else {
        return Ok(0);
    };
    let finished_at = append.terminal.then(|| time_text(last.at));
    let last_seq = last.seq.cast_signed();
    let session = match known {
        Some(session) => {
            sqlx::query("UPDATE session SET last_seq = ?, finished_at = ? WHERE pk = ?")
                .bind(last_seq)
                .bind(finished_at)
                .bind(session)
                .execute(&mut *connection)
                .await?;
            session
        }
        None => sqlx::query(
            "INSERT INTO session (id, created_at, finished_at, last_seq) VALUES (?, ?, ?, ?)",
        )
        .bind(append.session)
        .bind(time_text(first.at))
        .bind(finished_at)
        .bind(last_seq)
        .execute(&mut *connection)
        .await?
        .last_insert_rowid(),
    };
    let mut written = 0;
    for record in append.records {
        written += sqlx::query("INSERT INTO record (session, seq, at, event) VALUES (?, ?, ?, ?)")
            .bind(session)
            .bind(record.seq.cast_signed())
            .bind(time_text(record.at))
            .bind(record.event)
            .execute(&mut *connection)
            .await?
            .rows_affected();
    }
    for record in append.outbox {
        sqlx::query(
            "INSERT INTO outbox (event_id, session, body) VALUES (?, ?, ?) \
             ON CONFLICT (event_id) DO NOTHING",
        )
        .bind(record.event_id)
        .bind(session)
        .bind(Json(record.body))
        .execute(&mut *connection)
        .await?;
    }
    Ok(written)
}

async fn delivered(
    event_ids: &[Uuid],
    connection: &mut SqliteConnection,
) -> Result<u64, sqlx::Error> {
    let mut deleted = 0;
    for event_id in event_ids {
        deleted += sqlx::query("DELETE FROM outbox WHERE event_id = ?")
            .bind(*event_id)
            .execute(&mut *connection)
            .await?
            .rows_affected();
    }
    Ok(deleted)
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
    sqlx::query("UPDATE probe SET count = count + 1")
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}
