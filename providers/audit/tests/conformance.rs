//! The file sink passes the suite of the port.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use leadsman_audit::FileSink;
use leadsman_ports::testing::audit_conformance::{self, Fixture};
use serde_json::Value;

fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file() {
    let directory = tempfile::tempdir().unwrap();
    audit_conformance::run(async || {
        let path = directory.path().join(uuid::Uuid::new_v4().to_string()).join("audit.jsonl");
        let sink = FileSink::open(&path).await.unwrap();
        Fixture { sink, stored: Box::new(move || read(&path)) }
    })
    .await;
}
