//! Writes a snapshot directory from a cluster, through the same client that the tools use.
//!
//! Layout: `snapshot.yaml`, `_cluster/<plural>.<group>.json` for cluster-scoped kinds,
//! `<namespace>/<plural>.<group>.json` for the others (one JSON List each), and logs at
//! `<namespace>/<pod>/<container>.log` and `.previous.log`. The client has redacted everything already, so
//! no secret value reaches the disk.

mod logs;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leadsman_ports::cluster::{Cluster, ClusterError, ListQuery, ResourceType};
use serde_json::Value;

use crate::client::KubeCluster;
use crate::render::fields::text;

/// Objects a page.
const PAGE: u32 = 500;
/// A second view of core events; writing both would hold each event twice.
const SECOND_EVENTS: &str = "events.k8s.io";

/// What to capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Namespaced objects and logs of this namespace only; cluster-scoped objects always.
    pub namespace: Option<String>,
    /// Ceiling of one container's log in bytes; the newest bytes are kept. 0 captures no logs.
    pub log_bytes: u32,
}

/// All namespaces, 1 MiB a log.
impl Default for CaptureOptions {
    fn default() -> Self {
        Self { namespace: None, log_bytes: 1024 * 1024 }
    }
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A kind was read.
    Kind {
        /// `deployments.apps`
        resource: String,
        /// Its objects.
        objects: usize,
    },
    /// The logs of a pod were read.
    Logs {
        /// `shop/cart-0`
        pod: String,
    },
}

/// What a capture holds, and what it could not get.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaptureReport {
    /// Objects written.
    pub objects: usize,
    /// Kinds of which at least one object was written.
    pub kinds: usize,
    /// Log files written.
    pub logs: usize,
    /// Kinds and logs that the credentials may not read.
    pub forbidden: Vec<String>,
    /// Kinds and logs that failed otherwise, each with its reason.
    pub failed: Vec<String>,
}

/// Why there is no capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Something is there already.
    #[error("{} is not empty; name a directory that is empty or does not exist", .0.display())]
    NotEmpty(PathBuf),
    /// The disk refused.
    #[error("cannot write {}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The cluster cannot even be asked what it serves.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// Writes everything that can be listed into `dir`, which must be empty or absent. What is forbidden or fails
/// is counted, not fatal; `progress` hears of every kind and pod.
pub async fn capture(
    cluster: &KubeCluster,
    dir: &Path,
    options: &CaptureOptions,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<CaptureReport, CaptureError> {
    write::prepare(dir).await?;
    let captured_at = cluster.now();
    let version = cluster.server_version().await?;
    let mut report = CaptureReport::default();
    let mut pods = Vec::new();
    for resource in cluster.listable_types().await? {
        if resource.group == SECOND_EVENTS {
            continue;
        }
        let label = label(&resource);
        match every_object(cluster, &resource, options.namespace.as_deref()).await {
            Ok(objects) => {
                progress(Progress::Kind { resource: label, objects: objects.len() });
                report.objects += objects.len();
                report.kinds += usize::from(!objects.is_empty());
                write_kind(dir, &resource, &objects).await?;
                if resource.group.is_empty() && resource.kind == "Pod" {
                    pods = objects;
                }
            }
            Err(error) => note(&mut report, &label, &error),
        }
    }
    if options.log_bytes > 0 {
        logs::capture(cluster, dir, &pods, options.log_bytes, progress, &mut report).await?;
    }
    // Last, so that a directory without it is known to be incomplete.
    write::settings(dir, captured_at, &version).await?;
    report.forbidden.sort();
    report.failed.sort();
    Ok(report)
}

fn label(resource: &ResourceType) -> String {
    match resource.group.as_str() {
        "" => resource.plural.clone(),
        group => format!("{}.{group}", resource.plural),
    }
}

fn note(report: &mut CaptureReport, what: &str, error: &ClusterError) {
    match error {
        ClusterError::Forbidden(_) | ClusterError::Unauthorized => {
            report.forbidden.push(what.to_owned())
        }
        error => report.failed.push(format!("{what}: {error}")),
    }
}

/// All pages; where a page's token expires on the way, the kind is read once more in one piece.
async fn every_object(
    cluster: &KubeCluster,
    resource: &ResourceType,
    namespace: Option<&str>,
) -> Result<Vec<Value>, ClusterError> {
    let namespace = namespace.filter(|_| resource.namespaced).map(str::to_owned);
    let mut query = ListQuery { namespace, limit: Some(PAGE), ..ListQuery::default() };
    let mut objects = Vec::new();
    loop {
        match cluster.list(resource, &query).await {
            Ok(page) => {
                objects.extend(page.items);
                match page.continue_token {
                    Some(token) => query.continue_token = Some(token),
                    None => return Ok(objects),
                }
            }
            Err(ClusterError::Invalid(_)) if query.continue_token.is_some() => {
                query = ListQuery { limit: None, continue_token: None, ..query };
                objects.clear();
            }
            Err(error) => return Err(error),
        }
    }
}

async fn write_kind(
    dir: &Path,
    resource: &ResourceType,
    objects: &[Value],
) -> Result<(), CaptureError> {
    let mut by_namespace: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for object in objects {
        let namespace =
            if resource.namespaced { text(object, "/metadata/namespace") } else { "_cluster" };
        by_namespace.entry(namespace).or_default().push(object);
    }
    for (namespace, objects) in by_namespace {
        let file = format!("{}.json", label(resource));
        write::list(dir, &[namespace, &file], &objects).await?;
    }
    Ok(())
}
