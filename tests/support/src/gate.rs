//! A gate that holds a reply back until a test opens it.

use std::sync::Arc;

use tokio::sync::watch;

/// Closed at first; opens once and for all. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everyone through.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Returns once the gate is open.
    pub async fn wait(&self) {
        // The sender lives as long as `self`, so this cannot end early.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}
