//! Small things that tests need again and again.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A valid incident request about one resource; every call gets ids of its own. Tests change the fields
/// they care about: `let mut body = incident("shop", "Pod", "cart-0"); body["severity"] = json!("high");`
pub fn incident(namespace: &str, kind: &str, name: &str) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let api_version = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        _ => "v1",
    };
    json!({
        "incident_id": format!("incident-{number}"),
        "remediation_id": format!("remediation-{number}"),
        "signal_name": "KubePodNotReady",
        "severity": "critical",
        "signal_source": "prometheus",
        "resource_namespace": namespace,
        "resource_kind": kind,
        "resource_name": name,
        "resource_api_version": api_version,
        "error_message": format!("{kind} {name} is not ready"),
        "environment": "production",
        "priority": "P1",
        "risk_tolerance": "low",
        "business_category": "standard",
        "cluster_name": "test",
    })
}

/// A directory that goes away with the value.
///
/// # Errors
/// The system's directory for temporary files cannot be written.
pub fn temp_dir() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("leadsman-test-").tempdir()
}
