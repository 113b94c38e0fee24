//! A snapshot of a small shop, and calls to its tools.

use std::sync::Arc;

use leadsman_kube::client::KubeCluster;
use leadsman_kube::snapshot::Snapshot;
use leadsman_kube::tools::read_only_tools;
use leadsman_ports::tool::{Tool, ToolError};
use serde_json::Value;

const SHOP: &str = include_str!("../data/shop.yaml");

pub(crate) fn tools() -> Vec<Arc<dyn Tool>> {
    let files = [
        ("snapshot.yaml".to_owned(), b"capturedAt: 2026-01-02T12:00:00Z\n".to_vec()),
        ("shop.yaml".to_owned(), SHOP.as_bytes().to_vec()),
        (
            "shop/cart-6d5f-abcde/app.log".to_owned(),
            b"starting\nERROR one\nready [ok]\nerror two\n".to_vec(),
        ),
        ("shop/cart-6d5f-abcde/app.previous.log".to_owned(), b"panic: out of memory\n".to_vec()),
        ("shop/cart-6d5f-abcde/proxy.log".to_owned(), b"token=abc123 sent\n".to_vec()),
    ];
    tools_on(files.into())
}

/// The tools over a snapshot of these files: paths and contents.
pub(crate) fn tools_on(files: Vec<(String, Vec<u8>)>) -> Vec<Arc<dyn Tool>> {
    let snapshot = Arc::new(Snapshot::from_files(files).unwrap());
    read_only_tools(Arc::new(KubeCluster::from_snapshot(snapshot, "snapshot shop")))
}

/// Calls a tool by name.
pub(crate) async fn call_in(
    tools: &[Arc<dyn Tool>],
    name: &str,
    arguments: Value,
) -> Result<String, ToolError> {
    tools.iter().find(|tool| tool.spec().name == name).expect(name).call(arguments).await
}

pub(crate) async fn call(name: &str, arguments: Value) -> Result<String, ToolError> {
    call_in(&tools(), name, arguments).await
}

pub(crate) async fn answer(name: &str, arguments: Value) -> String {
    call(name, arguments).await.unwrap()
}
