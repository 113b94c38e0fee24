//! Aggregated APIs: an APIService of the snapshot that is not available takes its group's version out of service.

use serde_json::Value;

use super::routing::Route;
use super::status::ApiError;
use crate::snapshot::Snapshot;

/// The versions of groups that are registered and not available: group, version.
pub(super) fn unavailable(snapshot: &Snapshot) -> Vec<(String, String)> {
    let services = snapshot
        .kinds()
        .iter()
        .filter(|kind| kind.group == "apiregistration.k8s.io" && kind.kind == "APIService")
        .flat_map(|kind| snapshot.objects(kind, None));
    services.filter_map(|stored| outage(&stored.object)).collect()
}

fn outage(service: &Value) -> Option<(String, String)> {
    let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str);
    let conditions = service.pointer("/status/conditions").and_then(Value::as_array)?;
    // What the API server serves itself is always available.
    service.pointer("/spec/service")?.as_object()?;
    conditions
        .iter()
        .any(|condition| condition["type"] == "Available" && condition["status"] == "False")
        .then_some((text("/spec/group")?.to_owned(), text("/spec/version")?.to_owned()))
}

/// What the aggregation layer answers in the place of a server that is down.
pub(super) fn refuse(unavailable: &[(String, String)], route: &Route) -> Result<(), ApiError> {
    let asked = match route {
        Route::Resources { group, version } => (group, version),
        Route::Resource(target) => (&target.group, &target.version),
        _ => return Ok(()),
    };
    if unavailable.iter().any(|(group, version)| (group, version) == asked) {
        return Err(ApiError::unavailable());
    }
    Ok(())
}
