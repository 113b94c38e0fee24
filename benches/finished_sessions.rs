//! What finished sessions cost: resident memory and disk after 20,000 of them, and what a purge gives back.
//!
//! The whole service runs in this process, by rules, with journals and the audit file on disk. Sessions are submitted
//! without HTTP; the figures are the kernel's. The last one polls sessions that are answered from the store.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use leadsman::app::{self, App};
use leadsman::config::{Config, RedactionConfig};
use leadsman::sessions::Sessions;
use leadsman::wire;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod common;

const SESSIONS: usize = 20_000;
const STEP: usize = 5_000;
const AT_ONCE: usize = 50;
const POLLS: usize = 2_000;

/// Runs investigations to their end; returns the first few of them.
async fn investigate(sessions: &Sessions, count: usize) -> Vec<Uuid> {
    let redactor = app::redactor(&RedactionConfig { key: None, key_file: None }).unwrap();
    let incident = wire::incident(common::incident(), &redactor);
    let running = stream::iter(0..count).map(|_| async {
        let session = sessions.submit(incident.clone()).await.unwrap();
        session.finished().await;
        session.id()
    });
    let ids: Vec<Uuid> = running.buffer_unordered(AT_ONCE).collect().await;
    ids.into_iter().take(POLLS).collect()
}

fn database_kib(directory: &Path) -> u64 {
    ["leadsman.db", "leadsman.db-wal"]
        .iter()
        .filter_map(|name| std::fs::metadata(directory.join(name)).ok())
        .map(|metadata| metadata.len() / 1024)
        .sum()
}

fn tell(what: &str, directory: &Path) {
    println!(
        "{what:>40}: {:>8} KiB resident, {:>9} KiB on disk",
        common::resident_kib(),
        database_kib(directory)
    );
}

/// Runs a service for as long as `work` takes.
async fn with_service(config: Config, work: impl AsyncFnOnce(Sessions)) {
    let app = App::build(&config).await.unwrap();
    let (sessions, stop) = (app.sessions(), CancellationToken::new());
    let running = tokio::spawn(app.run(stop.clone()));
    work(sessions).await;
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    with_service(common::config(directory), async |sessions| {
        tell("start", directory);
        let mut old = Vec::new();
        for done in (STEP..=SESSIONS).step_by(STEP) {
            let ids = investigate(&sessions, STEP).await;
            if old.is_empty() {
                old = ids;
            }
            tell(&format!("after {done} finished sessions"), directory);
        }
        let mut times = Vec::with_capacity(old.len());
        for id in &old {
            let started = Instant::now();
            assert!(sessions.find(*id).await.unwrap().is_some());
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let p99: Duration = times[(times.len() - 1) * 99 / 100];
        println!(
            "{:>40}: p50 {:?}, p99 {p99:?}",
            "a look at an old session",
            times[times.len() / 2]
        );
    })
    .await;
    let mut config = common::config(directory);
    config.sessions.retention_minutes = 0;
    with_service(config, async |sessions| {
        let started = Instant::now();
        sessions.forget_old().await.unwrap();
        tell(&format!("after a purge of {:.1?}", started.elapsed()), directory);
        investigate(&sessions, STEP).await;
        tell(&format!("after {STEP} more"), directory);
    })
    .await;
}
