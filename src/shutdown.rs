//! Shutdown: waits for SIGTERM or Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until the process is asked to stop; returns the signal's name. A process that cannot listen for
/// signals waits for ever and ends by the default action of the signal.
pub async fn requested() -> &'static str {
    let wait = |kind: SignalKind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen for a signal");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => "SIGTERM",
        () = wait(SignalKind::interrupt()) => "SIGINT",
    }
}
