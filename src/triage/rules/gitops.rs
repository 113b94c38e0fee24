//! Delivery from Git: what Argo CD or Flux cannot apply, and what was changed behind its back.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::edits;
use crate::triage::extensions::{self, DELIVERERS, SOURCES, is_ready};
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::view::{Key, condition, list, shorten, text, time};

use super::between;

/// Reasons of Flux that say that something else has to come first.
const WAITS: [&str; 4] =
    ["DependencyNotReady", "Progressing", "ProgressingWithRetry", "ReconciliationPending"];
/// Words that say that what was applied does not become healthy: the fault is the workload's.
const UNHEALTHY: [&str; 4] = [
    "timeout waiting for",
    "timed out waiting for",
    "health check failed",
    "context deadline exceeded",
];

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let applications = n.objects.kind("Application").flat_map(|application| {
        let failed = application_failed(n, application);
        let drifted = if failed.is_some() { Vec::new() } else { drifted(n, application) };
        failed.into_iter().chain(drifted)
    });
    let flux = DELIVERERS
        .iter()
        .chain(&SOURCES)
        .flat_map(|kind| n.objects.kind(kind))
        .filter_map(|object| not_reconciled(n, object));
    applications.chain(flux).collect()
}

/// What keeps an Application from being synced: a failed operation, or a condition that is an error.
fn application_failed(n: &Neighbourhood, application: &Value) -> Option<Draft> {
    let error = list(application, "/status/conditions")
        .iter()
        .find(|condition| text(condition, "/type").ends_with("Error"));
    let operation = application.pointer("/status/operationState").filter(|operation| {
        matches!(text(operation, "/phase"), "Failed" | "Error")
            && text(application, "/status/sync/status") != "Synced"
    });
    let refused = operation.and_then(|operation| {
        list(operation, "/syncResult/resources")
            .iter()
            .find(|resource| text(resource, "/status") == "SyncFailed")
    });
    let shown = refused.or(error).or(operation)?;
    let at = operation.and_then(|operation| time(operation, "/finishedAt"));
    let at = at.or_else(|| time(shown, "/lastTransitionTime"));
    Some(failed(n, application, text(shown, "/message"), shown, at))
}

fn failed(
    n: &Neighbourhood,
    object: &Value,
    message: &str,
    shown: &Value,
    at: Option<jiff::Timestamp>,
) -> Draft {
    let key = Key::of(object);
    // What is to be fixed is the namespace, where that is what is missing.
    let missing = between(message, "namespaces \"", "\" not found");
    let (cause, target) = match missing {
        Some(name) => (CauseCode::NamespaceMissing, Key::new("Namespace", "", name)),
        None => (CauseCode::SyncFailed, key.clone()),
    };
    let verb = if SOURCES.contains(&key.kind.as_str()) { "fetched" } else { "applied" };
    let summary = format!("{} {} cannot be {verb}: {}", key.kind, key.name, shorten(message, 240));
    Draft::new(cause, n.objects.reference(&target), key.clone(), summary)
        .chain([
            shorten(message, 240),
            format!("{} {} stays as it was", key.kind, key.name),
            "What was changed in Git does not reach the cluster".to_owned(),
        ])
        .confidence(0.92)
        .at(at)
        .part(&key, Some(&serde_json::json!({"message": text(shown, "/message")})))
}

/// What an Application finds different from Git although its last sync succeeded, where a person changed it since.
fn drifted(n: &Neighbourhood, application: &Value) -> Vec<Draft> {
    let app = Key::of(application);
    let synced = time(application, "/status/operationState/finishedAt");
    let of = |key: Key| -> Option<Draft> {
        let change = edits::of(n.objects.get(&key)?)
            .filter(|change| edits::by_hand(change) && synced.is_none_or(|at| change.at > at))
            .last()?;
        let summary = format!(
            "{} {} differs from Git: {} changed {} at {}, and Application {} does not put it back.",
            key.kind, key.name, change.manager, change.fields, change.at, app.name
        );
        Some(
            Draft::new(CauseCode::Drift, n.objects.reference(&key), key.clone(), summary)
                .chain([
                    format!("{} {} is not what Git says", key.kind, key.name),
                    format!("Application {} is OutOfSync", app.name),
                ])
                .confidence(0.9)
                .at(Some(change.at))
                .words(&key, &change.to_string())
                .words(&app, "status: OutOfSync"),
        )
    };
    extensions::out_of_sync(application).filter_map(|reference| of(Key::from(&reference))).collect()
}

/// An object of Flux that is not ready, for a reason of its own.
fn not_reconciled(n: &Neighbourhood, object: &Value) -> Option<Draft> {
    if text(object, "/kind") == "Application" {
        return None;
    }
    let ready = condition(object, "Ready").filter(|ready| text(ready, "/status") == "False")?;
    let message = text(ready, "/message");
    let lower = message.to_lowercase();
    if WAITS.contains(&text(ready, "/reason")) {
        return None;
    }
    let key = Key::of(object);
    let waits = extensions::upstream_of(object)
        .iter()
        .filter_map(|key| n.objects.get(key))
        .any(|upstream| !is_ready(upstream));
    let unhealthy = UNHEALTHY.iter().any(|words| lower.contains(words))
        || text(ready, "/reason") == "HealthCheckFailed";
    let source = SOURCES.contains(&key.kind.as_str());
    let at = time(ready, "/lastTransitionTime");
    let draft = failed(n, object, message, ready, at);
    Some(draft.victim(waits || (unhealthy && !source)))
}
