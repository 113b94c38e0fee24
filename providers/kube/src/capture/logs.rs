//! Logs of every container, present and previous.

use std::path::Path;

use futures::{StreamExt, stream};
use leadsman_ports::cluster::{Cluster, ClusterError, LogQuery};
use serde_json::Value;

use super::{CaptureError, CaptureReport, Progress, note, write};
use crate::client::KubeCluster;
use crate::render::fields::{items, number, text};

/// Pods whose logs are read at the same time.
const PARALLEL: usize = 8;

struct Log {
    query: LogQuery,
    answer: Result<String, ClusterError>,
}

pub(super) async fn capture(
    cluster: &KubeCluster,
    dir: &Path,
    pods: &[Value],
    bytes: u32,
    progress: &(dyn Fn(Progress) + Send + Sync),
    report: &mut CaptureReport,
) -> Result<(), CaptureError> {
    let queries: Vec<Vec<LogQuery>> = pods.iter().map(|pod| queries(pod, bytes)).collect();
    let mut logs = stream::iter(queries).map(|queries| read(cluster, queries)).buffered(PARALLEL);
    while let Some(logs) = logs.next().await {
        if let Some(log) = logs.first() {
            progress(Progress::Logs { pod: format!("{}/{}", log.query.namespace, log.query.pod) });
        }
        for Log { query, answer } in logs {
            let end = if query.previous { "previous.log" } else { "log" };
            let container = query.container.unwrap_or_default();
            let label = format!("log {}/{}/{container} ({end})", query.namespace, query.pod);
            match answer {
                // A container that has not started has no log; nothing is missing.
                Ok(text) if text.is_empty() => {}
                Err(ClusterError::NotFound(_) | ClusterError::Invalid(_)) => {}
                Ok(text) => {
                    let file = format!("{container}.{end}");
                    write::file(dir, &[&query.namespace, &query.pod, &file], text.as_bytes())
                        .await?;
                    report.logs += 1;
                }
                Err(error) => note(report, &label, &error),
            }
        }
    }
    Ok(())
}

async fn read(cluster: &KubeCluster, queries: Vec<LogQuery>) -> Vec<Log> {
    let mut logs = Vec::with_capacity(queries.len());
    for query in queries {
        let answer = cluster.logs(&query).await;
        logs.push(Log { query, answer });
    }
    logs
}

/// The present log of every container, and the previous one of those that have restarted.
fn queries(pod: &Value, bytes: u32) -> Vec<LogQuery> {
    let lists = [
        ("/spec/initContainers", "/status/initContainerStatuses"),
        ("/spec/containers", "/status/containerStatuses"),
        ("/spec/ephemeralContainers", "/status/ephemeralContainerStatuses"),
    ];
    let mut queries = Vec::new();
    for (containers, statuses) in lists {
        for container in items(pod, containers) {
            let name = text(container, "/name");
            let restarted = items(pod, statuses)
                .any(|status| text(status, "/name") == name && number(status, "/restartCount") > 0);
            for previous in [false, true].into_iter().take(if restarted { 2 } else { 1 }) {
                queries.push(LogQuery {
                    namespace: text(pod, "/metadata/namespace").to_owned(),
                    pod: text(pod, "/metadata/name").to_owned(),
                    container: Some(name.to_owned()),
                    previous,
                    tail_lines: None,
                    since_seconds: None,
                    limit_bytes: bytes,
                });
            }
        }
    }
    queries
}
