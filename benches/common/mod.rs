//! What the benchmarks of the whole service share: a demo as the cluster, and the memory of this process.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use leadsman::config::Config;
use leadsman_contract::IncidentRequest;

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demos/basket-rollout")
}

/// The demo's incident.
pub(crate) fn incident() -> IncidentRequest {
    IncidentRequest::decode(&std::fs::read(demo().join("incident.json")).unwrap()).unwrap()
}

/// A service over the demo's snapshot: free ports, data in `directory`, no wait at the end.
pub(crate) fn config(directory: &Path) -> Config {
    let mut config = leadsman::config::load_default().unwrap();
    let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
    config.server.api_address = free;
    config.server.health_address = free;
    config.server.metrics_address = free;
    config.server.shutdown_grace_seconds = 0;
    config.storage.directory = directory.to_owned();
    config.cluster.snapshot = Some(demo().join("snapshot"));
    config
}

/// Resident memory of this process in KiB; 0 where the system does not tell.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
