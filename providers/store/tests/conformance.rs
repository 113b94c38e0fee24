//! Both stores pass the suite of the port.

#![allow(clippy::unwrap_used, missing_docs)]

use leadsman_ports::testing::store_conformance;
use leadsman_store::{MemoryStore, SqliteStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    store_conformance::run(async || MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    store_conformance::run(async || {
        let path = directory.path().join(uuid::Uuid::new_v4().to_string());
        SqliteStore::open(&path).await.unwrap()
    })
    .await;
}
