//! The database file: where it is, who may open it, its schema, and what its errors mean.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use leadsman_ports::store::StoreError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection, SqlitePool};

/// The name of the file inside a data directory.
const FILE_NAME: &str = "leadsman.db";
/// Every version of the schema, oldest first.
const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "journal", include_str!("../../migrations/0001_journal.sql")),
    (2, "set aside and probe", include_str!("../../migrations/0002_set_aside_and_probe.sql")),
];
/// How long SQLite waits for a lock, and a caller for a reader.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a store waits for its predecessor in a restart to let go of the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Readers at a time; more would only contend for the same disk.
const READERS: u32 = 4;
/// The write-ahead log shrinks back to this many bytes after a burst.
const WAL_BYTES: &str = "67108864";
/// Pages that the log collects before they move to the database file (16 MiB): fewer flushes under load.
const CHECKPOINT_PAGES: &str = "4096";

/// `PRAGMA auto_vacuum` of a file that keeps its free pages: https://www.sqlite.org/pragma.html#pragma_auto_vacuum
const NO_AUTO_VACUUM: i64 = 0;

/// An existing database file.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    options: SqliteConnectOptions,
    /// Device and inode: they tell whether the path still names the file that is open.
    identity: (u64, u64),
    /// Set once the file was seen empty. SQLite may write back what its log still holds and go on, but what had left the
    /// log is gone, so nothing is accepted any more.
    emptied: AtomicBool,
}

/// The right to the database file; dropping it, or the end of the process, frees the file.
#[derive(Debug)]
pub(super) struct Ownership {
    /// Held, not read.
    _lock: File,
}

impl Database {
    /// Finds or creates the file and locks it against other processes.
    pub(super) async fn open(dir_or_file: PathBuf) -> Result<(Self, Ownership), StoreError> {
        let shown = dir_or_file.display().to_string();
        tokio::task::spawn_blocking(move || Self::open_blocking(&dir_or_file))
            .await
            .unwrap_or_else(|error| Err(StoreError::Unavailable(format!("{shown}: {error}"))))
    }

    fn open_blocking(dir_or_file: &Path) -> Result<(Self, Ownership), StoreError> {
        let path = file_path(dir_or_file).map_err(|error| cannot_open(dir_or_file, &error))?;
        let lock = prepare_directory(&path)
            .and_then(|()| lock_file(&path))
            .map_err(|error| cannot_open(&path, &error))?;
        wait_for_lock(&lock, &path)?;
        let identity = create(&path).map_err(|error| cannot_open(&path, &error))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("journal_size_limit", WAL_BYTES)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .disable_statement_logging();
        Ok((
            Self { path, options, identity, emptied: AtomicBool::new(false) },
            Ownership { _lock: lock },
        ))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection that may write.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        self.options.connect().await.map_err(|error| self.explain(&error))
    }

    /// A pool of connections that only read; it opens them when they are needed.
    pub(super) fn readers(&self) -> SqlitePool {
        SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            // Without a lifetime the pool needs no background task of its own.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(self.options.clone().pragma("query_only", "ON"))
    }

    /// Brings the schema up to date.
    pub(super) async fn migrate(&self, mut connection: SqliteConnection) -> Result<(), StoreError> {
        let migrations = MIGRATIONS.map(|(version, name, sql)| {
            let sql = sql.into_sql_str();
            Migration::new(version, name.into(), MigrationType::Simple, sql, false)
        });
        let outcome = Migrator::with_migrations(migrations.into()).run(&mut connection).await;
        let prepared = match outcome {
            Ok(()) => self.prepare(&mut connection).await.map_err(|error| self.explain(&error)),
            Err(error) => Err(self.explain_migration(&error)),
        };
        let closed = connection.close().await;
        prepared?;
        closed.map_err(|error| self.explain(&error))
    }

    /// Offers again what was set aside, and makes a file of an earlier version one that can shrink.
    async fn prepare(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE outbox SET set_aside = 0 WHERE set_aside")
            .execute(&mut *connection)
            .await?;
        let mode: i64 =
            sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut *connection).await?;
        if mode == NO_AUTO_VACUUM {
            tracing::info!(path = %self.path.display(), "rewriting the database once, so that it can shrink later");
            let rewritten = sqlx::query("VACUUM").execute(&mut *connection).await;
            if let Err(error) = rewritten {
                // Its journals can be read and written all the same.
                tracing::warn!(path = %self.path.display(), %error, "the database could not be rewritten; it will not shrink");
            }
        }
        Ok(())
    }

    /// Fails when the path no longer names the open file, or nothing is left of it: what is written then is lost.
    pub(super) async fn still_in_place(&self) -> Result<(), StoreError> {
        match tokio::fs::metadata(&self.path).await {
            Ok(found) if (found.dev(), found.ino()) != self.identity => {
                Err(self.unavailable("was replaced while in use: restart the program"))
            }
            Ok(found) if found.len() == 0 || self.emptied.load(Ordering::Relaxed) => {
                self.emptied.store(true, Ordering::Relaxed);
                Err(self.unavailable(
                "was emptied while in use: restore it from a backup, or restart the program with an empty one",
                ))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(self.unavailable(&format!(
                "has vanished while in use ({error}): put it back, or restart the program with a new one"
            ))),
        }
    }

    /// A database error in words that name the file and the fix.
    pub(super) fn explain(&self, error: &sqlx::Error) -> StoreError {
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<i32>().ok())
            // The low byte is the class, the rest the detail: https://www.sqlite.org/rescode.html
            .map(|code| code & 0xff);
        let hint = match (code, error) {
            (Some(5 | 6), _) => "is locked by another program: end that program",
            (Some(8), _) => "cannot be written: check its permissions and mount options",
            (Some(10), _) => "cannot be read or written: check the disk",
            (Some(13), _) => "cannot grow, the disk is full: free some space",
            (Some(14), _) => "cannot be opened: check that it exists and its permissions",
            (Some(11 | 26), _)
            | (None, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
                "is damaged or no database: restore it from a backup, or move it aside with its -wal \
                 and -shm files to start with an empty one"
            }
            (None, sqlx::Error::PoolClosed) => "is closed",
            (None, sqlx::Error::PoolTimedOut) => "is too busy to be read: try again later",
            (Some(_) | None, _) => "failed",
        };
        self.unavailable(&format!("{hint} ({error})"))
    }

    fn explain_migration(&self, error: &MigrateError) -> StoreError {
        let newest = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                self.explain(error)
            }
            MigrateError::VersionMissing(version) => self.unavailable(&format!(
                "has schema version {version}, this program knows versions up to {newest}: use the \
                 newer program that wrote it, or another file"
            )),
            other => self.unavailable(&format!(
                "has a schema that this program did not write ({other}): use another file"
            )),
        }
    }

    fn unavailable(&self, what: &str) -> StoreError {
        StoreError::Unavailable(format!("the database {} {what}", self.path.display()))
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "cannot open {} ({error}): check the path and its permissions",
        path.display()
    ))
}

/// Absolute, because SQLite would read a relative path that begins with `file:` as a URI.
fn file_path(dir_or_file: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(dir_or_file)?;
    let extension = path.extension().and_then(OsStr::to_str);
    let is_file = match std::fs::metadata(&path) {
        Ok(metadata) => !metadata.is_dir(),
        Err(_) => matches!(extension, Some("db" | "sqlite" | "sqlite3")),
    };
    Ok(if is_file { path } else { path.join(FILE_NAME) })
}

/// Journals hold what the cluster told: nobody but the owner reads them.
fn prepare_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => DirBuilder::new().recursive(true).mode(0o700).create(directory),
        None => Ok(()),
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(name)
}

fn wait_for_lock(lock: &File, path: &Path) -> Result<(), StoreError> {
    let start = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Unavailable(format!(
                    "the database {} is in use by another process: stop that process, or use \
                     another data directory",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(cannot_open(path, &error)),
        }
    }
}

/// Makes the file if there is none, and its directory entry durable.
fn create(path: &Path) -> io::Result<(u64, u64)> {
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    for directory in path.ancestors().skip(1).take(2) {
        File::open(directory)?.sync_all()?;
    }
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}
