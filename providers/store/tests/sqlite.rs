//! What a database file suffers: crashes, other processes, damage, newer programs, a full disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use leadsman_ports::store::{Append, JournalRecord, SessionStore, StoreError};
use leadsman_store::SqliteStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::task::JoinSet;
use uuid::Uuid;

fn append(session: Uuid, seq: u64) -> Append {
    let record = JournalRecord { seq, at: Timestamp::UNIX_EPOCH, event: format!("{seq}") };
    Append { session, records: vec![record], terminal: false, outbox: Vec::new() }
}

fn unavailable<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Unavailable(text)) => text,
        other => panic!("{other:?}"),
    }
}

async fn open_error(path: &Path) -> String {
    let text = unavailable(SqliteStore::open(path).await);
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    text
}

async fn execute(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn keeps_what_was_acknowledged_without_a_close() {
    let directory = tempfile::tempdir().unwrap();
    let session = Uuid::new_v4();
    for seq in 1..=5 {
        let store = SqliteStore::open(directory.path()).await.unwrap();
        store.append(append(session, seq)).await.unwrap();
        drop(store);
    }
    let store = SqliteStore::open(directory.path()).await.unwrap();
    assert_eq!(store.journal(session, 0).await.unwrap().len(), 5);
}

#[tokio::test]
async fn finds_every_acknowledged_append_in_the_files_of_a_running_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let sessions: Vec<_> = (0..20).map(|_| Uuid::new_v4()).collect();
    for (count, session) in (1..).zip(&sessions) {
        store.append(append(*session, 1)).await.unwrap();
        // The files as a power cut would leave them: the log is there, nobody has closed it.
        let crashed = tempfile::tempdir().unwrap();
        for file in ["leadsman.db", "leadsman.db-wal"] {
            fs::copy(directory.path().join(file), crashed.path().join(file)).unwrap();
        }
        let survivor = SqliteStore::open(crashed.path()).await.unwrap();
        let found = survivor.unfinished().await.unwrap();
        assert!(found.iter().map(|head| &head.session).eq(&sessions[..count]));
    }
}

#[tokio::test]
async fn ignores_a_torn_end_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let [kept, torn] = [Uuid::new_v4(), Uuid::new_v4()];
    store.append(append(kept, 1)).await.unwrap();
    let log = directory.path().join("leadsman.db-wal");
    let acknowledged = fs::metadata(&log).unwrap().len();
    store.append(append(torn, 1)).await.unwrap();
    let whole = fs::read(&log).unwrap();
    assert!(whole.len() as u64 > acknowledged);
    for cut in (usize::try_from(acknowledged).unwrap()..whole.len()).step_by(509) {
        let crashed = tempfile::tempdir().unwrap();
        let database = directory.path().join("leadsman.db");
        fs::copy(database, crashed.path().join("leadsman.db")).unwrap();
        fs::write(crashed.path().join("leadsman.db-wal"), &whole[..cut]).unwrap();
        let survivor = SqliteStore::open(crashed.path()).await.unwrap();
        assert_eq!(survivor.head(torn).await.unwrap(), None, "cut at {cut}");
        assert_eq!(survivor.journal(kept, 0).await.unwrap().len(), 1, "cut at {cut}");
        survivor.append(append(torn, 1)).await.unwrap();
    }
}

#[tokio::test]
async fn close_commits_what_is_queued_and_frees_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    let sessions: Vec<_> = (0..50).map(|_| Uuid::new_v4()).collect();
    let mut appends = JoinSet::new();
    for session in sessions.clone() {
        let store = Arc::clone(&store);
        appends.spawn(async move { (session, store.append(append(session, 1)).await) });
    }
    tokio::task::yield_now().await;
    store.close().await;
    store.close().await;
    let late = append(Uuid::new_v4(), 1);
    assert!(unavailable(store.append(late).await).contains("closed"));
    assert!(unavailable(store.ping().await).contains("closed"));
    assert!(unavailable(store.head(sessions[0]).await).contains("closed"));
    assert!(!directory.path().join("leadsman.db-wal").exists(), "the log is folded in");

    let successor = SqliteStore::open(directory.path()).await.unwrap();
    let outcomes = appends.join_all().await;
    assert!(outcomes.iter().any(|(_, outcome)| outcome.is_ok()));
    for (session, outcome) in outcomes {
        assert_eq!(successor.head(session).await.unwrap().is_some(), outcome.is_ok());
    }
}

#[tokio::test]
async fn survives_callers_that_give_up() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    let mut appends = JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(&store);
        appends.spawn(async move { store.append(append(Uuid::new_v4(), 1)).await });
    }
    tokio::task::yield_now().await;
    appends.shutdown().await;
    let session = Uuid::new_v4();
    store.append(append(session, 1)).await.unwrap();
    assert!(store.unfinished().await.unwrap().iter().any(|head| head.session == session));
}

#[tokio::test]
async fn belongs_to_one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let text = unavailable(SqliteStore::open(directory.path()).await);
    assert!(text.contains("in use by another process"), "{text}");
    assert!(text.contains(store.path().to_str().unwrap()), "{text}");
    store.append(append(Uuid::new_v4(), 1)).await.expect("the owner is not disturbed");
}

#[tokio::test]
async fn takes_a_file_or_a_directory() {
    let root = tempfile::tempdir().unwrap();
    let cases = [("a/b", "a/b/leadsman.db"), ("c/d.db", "c/d.db"), ("v1.2", "v1.2/leadsman.db")];
    for (given, file) in cases {
        let store = SqliteStore::open(&root.path().join(given)).await.unwrap();
        assert_eq!(store.path(), root.path().join(file));
        let mode = fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "only the owner reads journals");
        store.close().await;
        // The same path again names the same file, whatever it looks like.
        assert_eq!(SqliteStore::open(store.path()).await.unwrap().path(), store.path());
    }
}

#[tokio::test]
async fn explains_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    fs::write(&path, "This is not a database. ".repeat(400)).unwrap();
    let text = open_error(&path).await;
    assert!(text.contains("restore it from a backup"), "{text}");

    let store = SqliteStore::open(&directory.path().join("y.db")).await.unwrap();
    store.append(append(Uuid::new_v4(), 1)).await.unwrap();
    store.close().await;
    let whole = fs::read(store.path()).unwrap();
    for len in [whole.len() / 2, 5000, 600, 99] {
        fs::write(&path, &whole[..len]).unwrap();
        let text = open_error(&path).await;
        assert!(text.contains("restore it from a backup"), "cut to {len}: {text}");
    }
}

#[tokio::test]
async fn explains_values_that_are_none_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let session = Uuid::new_v4();
    store.append(append(session, 1)).await.unwrap();
    execute(store.path(), "UPDATE record SET at = 'yesterday'").await;
    let text = unavailable(store.journal(session, 0).await);
    assert!(text.contains("restore it from a backup"), "{text}");
}

#[tokio::test]
async fn refuses_the_schema_of_a_newer_program() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    store.close().await;
    execute(
        store.path(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', TRUE, x'00', 0)",
    )
    .await;
    let text = open_error(store.path()).await;
    assert!(text.contains("schema version 99") && text.contains("newer program"), "{text}");
}

#[tokio::test]
async fn explains_a_path_that_cannot_be() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let text = unavailable(SqliteStore::open(&file.join("below")).await);
    assert!(text.contains("cannot open") && text.contains("below"), "{text}");
}

#[tokio::test]
async fn notices_that_its_file_has_gone() {
    let root = tempfile::tempdir().unwrap();
    let (home, away) = (root.path().join("home"), root.path().join("away"));
    let store = SqliteStore::open(&home).await.unwrap();
    store.ping().await.unwrap();
    fs::rename(&home, &away).unwrap();
    let text = unavailable(store.append(append(Uuid::new_v4(), 1)).await);
    assert!(text.contains("vanished") && text.contains(home.to_str().unwrap()), "{text}");
    unavailable(store.ping().await);
    fs::rename(&away, &home).unwrap();
    store.ping().await.expect("usable again");
    store.append(append(Uuid::new_v4(), 1)).await.unwrap();
    fs::remove_dir_all(&home).unwrap();
    unavailable(store.append(append(Uuid::new_v4(), 1)).await);
}

#[tokio::test]
async fn notices_that_its_file_was_emptied() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    store.append(append(Uuid::new_v4(), 1)).await.unwrap();
    fs::OpenOptions::new().write(true).open(store.path()).unwrap().set_len(0).unwrap();
    let text = unavailable(store.ping().await);
    assert!(text.contains("emptied") && text.contains("leadsman.db"), "{text}");
    for _ in 0..3 {
        let text = unavailable(store.append(append(Uuid::new_v4(), 1)).await);
        assert!(text.contains("emptied"), "{text}");
    }
}

/// A finished session of about 40 KB.
fn finished(number: u64) -> Append {
    let text = format!("{number} ").repeat(40_000 / 8);
    let record = JournalRecord { seq: 1, at: Timestamp::UNIX_EPOCH, event: text };
    Append {
        session: Uuid::from_u128(u128::from(number)),
        records: vec![record],
        terminal: true,
        outbox: Vec::new(),
    }
}

async fn fill(store: &SqliteStore) -> u64 {
    for number in 0..500 {
        store.append(finished(number)).await.unwrap();
    }
    file_size(store)
}

fn file_size(store: &SqliteStore) -> u64 {
    fs::metadata(store.path()).unwrap().len()
}

#[tokio::test]
async fn gives_back_what_a_purge_frees() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    fill(&store).await;
    store.purge(Timestamp::MAX).await.unwrap();
    store.close().await;
    assert!(file_size(&store) < 1_000_000, "{} bytes are left", file_size(&store));

    // A file of an earlier version is made one that can shrink when it is opened.
    execute(store.path(), "PRAGMA auto_vacuum = 0; VACUUM").await;
    let store = SqliteStore::open(directory.path()).await.unwrap();
    fill(&store).await;
    store.purge(Timestamp::MAX).await.unwrap();
    store.close().await;
    assert!(file_size(&store) < 1_000_000, "{} bytes are left", file_size(&store));
}

#[tokio::test]
async fn offers_what_was_set_aside_again_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let event = leadsman_ports::testing::audit_conformance::record("refused");
    let outbox = vec![event.clone()];
    store.append(Append { outbox, ..append(Uuid::new_v4(), 1) }).await.unwrap();
    store.set_aside(&[event.event_id]).await.unwrap();
    assert_eq!(store.outbox(1).await.unwrap(), []);
    store.close().await;
    let store = SqliteStore::open(directory.path()).await.unwrap();
    assert_eq!(store.outbox(1).await.unwrap(), [event]);
}

#[tokio::test]
async fn spares_the_rest_of_a_batch_from_one_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    execute(
        store.path(),
        "CREATE TRIGGER refuse BEFORE INSERT ON record WHEN new.event = '3' \
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    )
    .await;
    let mut appends = JoinSet::new();
    for seq in [1, 3, 1, 3, 1] {
        let store = Arc::clone(&store);
        appends.spawn(async move {
            let session = Uuid::new_v4();
            let records = (1..=seq).flat_map(|seq| append(session, seq).records).collect();
            let whole = Append { records, ..append(session, 1) };
            (session, seq, store.append(whole).await)
        });
    }
    for (session, seq, outcome) in appends.join_all().await {
        assert_eq!(outcome.is_ok(), seq == 1, "{outcome:?}");
        assert_eq!(store.head(session).await.unwrap().is_some(), seq == 1, "all or nothing");
    }
}

/// After `sabotage` the next append fails with its transaction; after `DROP TRIGGER` all is well again.
async fn recovers_from(sabotage: &[&'static str]) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let session = Uuid::new_v4();
    store.append(append(session, 1)).await.unwrap();
    for sql in sabotage {
        execute(store.path(), sql).await;
    }
    unavailable(store.append(append(session, 2)).await);
    execute(store.path(), "DROP TRIGGER refuse").await;
    store.append(append(session, 2)).await.expect("the writer recovers");
    assert_eq!(store.journal(session, 0).await.unwrap().len(), 2);
}

#[tokio::test]
async fn recovers_from_a_transaction_that_the_database_rolled_back() {
    recovers_from(&["CREATE TRIGGER refuse BEFORE INSERT ON record \
         BEGIN SELECT RAISE(ROLLBACK, 'nothing of this'); END"])
    .await;
}

#[tokio::test]
async fn recovers_from_a_commit_that_fails() {
    recovers_from(&[
        "CREATE TABLE late (pk REFERENCES session (pk) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER refuse BEFORE INSERT ON record BEGIN INSERT INTO late VALUES (-1); END",
    ])
    .await;
}
