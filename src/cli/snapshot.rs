//! `leadsman snapshot serve` and `leadsman snapshot capture`

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use leadsman_kube::capture::{self, CaptureError, CaptureOptions, CaptureReport, Progress};
use leadsman_kube::client::KubeCluster;
use leadsman_kube::simulator::Simulator;
use leadsman_ports::cluster::Cluster as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Outcome, load_config, out};
use crate::{app, shutdown};

#[derive(Debug, Subcommand)]
pub(super) enum Snapshot {
    /// Serve a snapshot as a read-only Kubernetes API for kubectl and others.
    Serve {
        /// Snapshot directory.
        dir: PathBuf,
        /// Port on 127.0.0.1; 0 picks a free one.
        #[arg(long, default_value_t = 8001)]
        port: u16,
    },
    /// Write a snapshot of a live cluster; secret values are never written.
    Capture {
        /// Directory to write; must be empty or new.
        dir: PathBuf,
        /// Kubeconfig context; the current one by default.
        #[arg(long)]
        context: Option<String>,
        /// Only this namespace.
        #[arg(long, short)]
        namespace: Option<String>,
    },
}

impl Snapshot {
    pub(super) async fn run(self, config: Option<PathBuf>) -> Outcome {
        match self {
            Self::Serve { dir, port } => serve(dir, port).await,
            Self::Capture { dir, context, namespace } => {
                let config = load_config(config)?;
                let mut cluster = config.cluster;
                cluster.snapshot = None;
                cluster.context = context.or(cluster.context);
                let redactor = app::redactor(&config.redaction)?;
                let client = app::kube_cluster(&cluster).await?.with_redactor(redactor);
                let options = CaptureOptions { namespace, ..CaptureOptions::default() };
                let report = capture::capture(&client, &dir, &options, &show)
                    .await
                    .map_err(|error| with_address(error, &client))?;
                summarise(&report, &dir)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// An outage says which cluster it is.
fn with_address(error: CaptureError, cluster: &KubeCluster) -> String {
    match error {
        CaptureError::Cluster(outage) => format!("cluster {}: {outage}", cluster.label()),
        error @ (CaptureError::NotEmpty(_) | CaptureError::Io { .. }) => error.to_string(),
    }
}

fn show(progress: Progress) {
    match progress {
        Progress::Kind { resource, objects } => out::note(&format!("{objects:>6} {resource}")),
        Progress::Logs { pod } => out::note(&format!("  logs {pod}")),
    }
}

fn summarise(report: &CaptureReport, dir: &Path) -> io::Result<()> {
    out::line(&format!(
        "wrote {} objects of {} kinds and {} logs to {}",
        report.objects,
        report.kinds,
        report.logs,
        dir.display()
    ))?;
    for (what, skipped) in [("forbidden", &report.forbidden), ("failed", &report.failed)] {
        if !skipped.is_empty() {
            out::line(&format!("{what}: {}", skipped.join(", ")))?;
        }
    }
    Ok(())
}

async fn serve(dir: PathBuf, port: u16) -> Outcome {
    let simulator = Simulator::new(app::load_snapshot(&dir)?);
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("--port {port}: {error}; choose another or 0"))?;
    let address = listener.local_addr()?;
    out::line(&format!("serving {} at http://{address}", dir.display()))?;
    out::line(&format!("try: kubectl --server http://{address} get pods -A -o wide"))?;
    let stop = CancellationToken::new();
    let serving = simulator.serve(listener, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => ended?,
        _ = shutdown::requested() => {
            stop.cancel();
            serving.await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
