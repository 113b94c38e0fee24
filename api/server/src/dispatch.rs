//! Carries calls from the HTTP workers to the service.
//!
//! An HTTP worker drops a handler when its client goes away, and its runtime ends with the server. A call to
//! the service must survive the first and outlive the second, so each runs as a tracked task of the runtime
//! that runs the server; the worker only waits for the answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::service::{InvestigationService, ServiceError};

/// Runs calls to the service.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    service: Arc<dyn InvestigationService>,
    runtime: Handle,
    calls: TaskTracker,
    deadline: Duration,
}

impl Dispatcher {
    pub(crate) fn new(
        service: Arc<dyn InvestigationService>,
        runtime: Handle,
        calls: TaskTracker,
        deadline: Duration,
    ) -> Self {
        Self { service, runtime, calls, deadline }
    }

    /// For questions that are answered from memory.
    pub(crate) fn service(&self) -> &dyn InvestigationService {
        &*self.service
    }

    /// Runs one call to its end and waits for the answer until the deadline.
    pub(crate) async fn call<T, F, Fut>(&self, call: F) -> Result<T, ServiceError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<dyn InvestigationService>) -> Fut,
        Fut: Future<Output = Result<T, ServiceError>> + Send + 'static,
    {
        let future = call(Arc::clone(&self.service)).in_current_span();
        let task = self.calls.spawn_on(future, &self.runtime);
        match tokio::time::timeout(self.deadline, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(ended)) => Err(ServiceError::Internal { cause: ended.to_string() }),
            Err(_) => Err(ServiceError::Unavailable {
                cause: format!("no answer in {:?}", self.deadline),
            }),
        }
    }
}
