//! Fakes for tests, and the suites that every implementation of a port must pass.

pub mod audit_conformance;
pub mod store_conformance;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::chat::{ChatModel, ChatRequest, ChatResponse, DeltaSink, ModelError};
use crate::clock::Clock;

/// A clock that stands where it is put.
#[derive(Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A model that answers from a list and keeps the requests it got.
#[derive(Debug, Default)]
pub struct ScriptedModel {
    answers: Mutex<VecDeque<Result<ChatResponse, ModelError>>>,
    requests: Mutex<Vec<ChatRequest>>,
}

impl ScriptedModel {
    /// Answers in this order; a call past the end fails with [`ModelError::Unavailable`].
    pub fn new(answers: impl IntoIterator<Item = Result<ChatResponse, ModelError>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), requests: Mutex::default() }
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn model(&self) -> &str {
        "scripted"
    }

    async fn complete(
        &self,
        request: &ChatRequest,
        _deltas: Option<&dyn DeltaSink>,
    ) -> Result<ChatResponse, ModelError> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
            .unwrap_or_else(|| Err(ModelError::Unavailable("the script has ended".into())))
    }
}
