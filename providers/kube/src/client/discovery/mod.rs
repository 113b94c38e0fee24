//! Which kinds the API server serves: read once, kept, and read again in good time.
//!
//! A catalogue is read anew when it has come of age, or when a kind is missing in it; never more often than every
//! [`REST`], and never at the price of the one that is there: it goes on serving when a reading fails.

mod catalogue;
mod read;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use leadsman_ports::cluster::{ClusterError, UnavailableGroup};
use tokio::time::Instant;

pub(super) use catalogue::{Catalogue, ServedKind};

use super::transport::Transport;

/// A kind that is missing causes no reading until so long after the last one.
const REST: Duration = Duration::from_secs(30);
/// A catalogue of this age is read anew …
const MAX_AGE: Duration = Duration::from_secs(600);
/// … and one that lacks groups whose servers are down, since they may be back.
const MAX_AGE_WITH_GAPS: Duration = Duration::from_secs(60);

/// The cached catalogue.
#[derive(Default)]
pub(super) struct Discovery {
    cached: RwLock<Option<Reading>>,
    refreshing: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Reading {
    catalogue: Arc<Catalogue>,
    /// When it was read.
    read: Instant,
    /// When it was read, or was to be read anew and could not be.
    tried: Instant,
    /// Set where the server answered as if what stands in it had changed.
    doubted: bool,
}

impl Reading {
    fn is_due(&self) -> bool {
        let gaps = !self.catalogue.unavailable.is_empty();
        let max_age = if gaps { MAX_AGE_WITH_GAPS } else { MAX_AGE };
        (self.doubted || self.read.elapsed() >= max_age) && self.has_rested()
    }

    fn has_rested(&self) -> bool {
        self.tried.elapsed() >= REST
    }
}

impl Discovery {
    /// The catalogue, read from the server on first use. One that is due is read anew by the first who asks; all
    /// others get the old one meanwhile.
    pub(super) async fn catalogue(
        &self,
        server: &Transport,
    ) -> Result<Arc<Catalogue>, ClusterError> {
        let Some(reading) = self.cached() else { return self.first(server).await };
        if reading.is_due()
            && let Ok(_one_at_a_time) = self.refreshing.try_lock()
            && self.cached().is_none_or(|reading| reading.is_due())
        {
            return Ok(self.renew(reading, server).await);
        }
        Ok(reading.catalogue)
    }

    /// A catalogue that may have what `seen` lacks: a newer one, or `seen` itself where it is too fresh to be read
    /// again, or cannot be. Callers that ask at the same time share one reading.
    pub(super) async fn beyond(
        &self,
        seen: &Arc<Catalogue>,
        server: &Transport,
    ) -> Result<Arc<Catalogue>, ClusterError> {
        if self.cached().is_some_and(|reading| !reading.has_rested()) {
            return Ok(self.cached().map_or_else(|| Arc::clone(seen), |reading| reading.catalogue));
        }
        let _one_at_a_time = self.refreshing.lock().await;
        match self.cached() {
            Some(reading) if Arc::ptr_eq(seen, &reading.catalogue) && reading.has_rested() => {
                Ok(self.renew(reading, server).await)
            }
            Some(reading) => Ok(reading.catalogue),
            None => Ok(Arc::clone(seen)),
        }
    }

    /// Has the catalogue read anew soon: a kind in it is not served as it says.
    pub(super) fn doubt(&self) {
        if let Some(reading) = self.cached.write().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            reading.doubted = true;
        }
    }

    /// The groups that could not be read last.
    pub(super) fn unavailable(&self) -> Vec<UnavailableGroup> {
        self.cached().map(|reading| reading.catalogue.unavailable.clone()).unwrap_or_default()
    }

    async fn first(&self, server: &Transport) -> Result<Arc<Catalogue>, ClusterError> {
        let _one_at_a_time = self.refreshing.lock().await;
        if let Some(reading) = self.cached() {
            return Ok(reading.catalogue);
        }
        let catalogue = Arc::new(read::catalogue(server, None).await?);
        Ok(self.keep(catalogue))
    }

    /// To be called by whoever holds the lock.
    async fn renew(&self, old: Reading, server: &Transport) -> Arc<Catalogue> {
        match read::catalogue(server, Some(&old.catalogue)).await {
            Ok(fresh) => self.keep(Arc::new(fresh)),
            Err(error) => {
                tracing::warn!(%error, "discovery failed; the kinds known so far stay");
                let catalogue = Arc::clone(&old.catalogue);
                self.put(Reading { tried: Instant::now(), ..old });
                catalogue
            }
        }
    }

    fn keep(&self, catalogue: Arc<Catalogue>) -> Arc<Catalogue> {
        let now = Instant::now();
        self.put(Reading {
            catalogue: Arc::clone(&catalogue),
            read: now,
            tried: now,
            doubted: false,
        });
        catalogue
    }

    fn put(&self, reading: Reading) {
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }

    fn cached(&self) -> Option<Reading> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
