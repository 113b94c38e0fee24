//! Aggregated APIs that are not available: which they are, and what needs them.

use leadsman_ports::cluster::{ObjectRef, UnavailableGroup};
use serde_json::Value;

use super::collect::Collector;
use super::neighbourhood::Neighbourhood;
use super::objects::{Objects, api_version};
use super::view::{Key, condition, text};

/// At most so many groups are told.
const MAX_TOLD: usize = 5;

/// The metrics APIs, by the reasons that an autoscaler gives for not reading them.
const METRICS: [(&str, &str); 5] = [
    ("FailedGetResourceMetric", "metrics.k8s.io"),
    ("FailedGetContainerResourceMetric", "metrics.k8s.io"),
    ("FailedGetPodsMetric", "custom.metrics.k8s.io"),
    ("FailedGetObjectMetric", "custom.metrics.k8s.io"),
    ("FailedGetExternalMetric", "external.metrics.k8s.io"),
];

/// A version of an aggregated API that is not available.
pub(super) struct Outage<'n> {
    /// The APIService that registers it.
    pub(super) key: Key,
    pub(super) group: String,
    pub(super) version: String,
    /// What the APIService says of itself, where it may be read.
    pub(super) shown: Option<&'n Value>,
    pub(super) why: String,
}

impl Outage<'_> {
    /// `metrics.k8s.io/v1beta1`.
    pub(super) fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    pub(super) fn target(&self) -> ObjectRef {
        ObjectRef {
            api_version: api_version("APIService").to_owned(),
            kind: self.key.kind.clone(),
            namespace: String::new(),
            name: self.key.name.clone(),
        }
    }
}

/// Tells which groups cannot be looked at, and reads what the API server says of them where one of them is down or
/// something complains of it.
pub(super) async fn read(collector: &mut Collector<'_>) -> Vec<UnavailableGroup> {
    let gaps = collector.cluster.unavailable_groups();
    for gap in gaps.iter().take(MAX_TOLD) {
        collector.note(format!("{gap}; its kinds could not be looked at"));
    }
    if let Some(more) = gaps.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        collector.note(format!("{more} more API groups are not available"));
    }
    if !gaps.is_empty() || is_complained_of(&collector.objects) {
        collector.list("APIService", None, None).await;
    }
    gaps
}

fn is_complained_of(objects: &Objects) -> bool {
    objects.kind("HorizontalPodAutoscaler").any(|scaler| lacking(scaler).is_some())
        || objects.kind("Namespace").any(|namespace| undiscovered(namespace).is_some())
}

/// The metrics API that an autoscaler cannot ask, with the condition that says so.
pub(super) fn lacking(scaler: &Value) -> Option<(&'static str, &Value)> {
    let shown = condition(scaler, "ScalingActive")
        .filter(|shown| text(shown, "/status") == "False")
        // Metrics that are asked for and not there are another matter.
        .filter(|shown| text(shown, "/message").contains("unable to fetch metrics from"))?;
    let of_reason = |(reason, _): &&(&str, &str)| text(shown, "/reason") == *reason;
    METRICS.iter().find(of_reason).map(|(_, group)| (*group, shown))
}

/// What a namespace that is being deleted says of groups whose objects it cannot look for.
pub(super) fn undiscovered(namespace: &Value) -> Option<&Value> {
    condition(namespace, "NamespaceDeletionDiscoveryFailure")
        .filter(|shown| text(shown, "/status") == "True")
}

/// Every outage that is known.
pub(super) fn outages(n: &Neighbourhood) -> Vec<Outage<'_>> {
    let mut found: Vec<Outage<'_>> = n.objects.kind("APIService").filter_map(outage).collect();
    for gap in &n.unavailable {
        let key = Key::new("APIService", "", &format!("{}.{}", gap.version, gap.group));
        // What could be read of it is newer.
        if n.objects.get(&key).is_none() {
            found.push(Outage {
                key,
                group: gap.group.clone(),
                version: gap.version.clone(),
                shown: None,
                why: gap.why.clone(),
            });
        }
    }
    found
}

fn outage(service: &Value) -> Option<Outage<'_>> {
    let shown =
        condition(service, "Available").filter(|shown| text(shown, "/status") == "False")?;
    Some(Outage {
        key: Key::of(service),
        group: text(service, "/spec/group").to_owned(),
        version: text(service, "/spec/version").to_owned(),
        shown: Some(shown),
        why: [text(shown, "/reason"), text(shown, "/message")].join(": "),
    })
}

/// The Service behind an APIService.
pub(super) fn backend(service: &Value) -> Option<Key> {
    let (namespace, name) =
        (text(service, "/spec/service/namespace"), text(service, "/spec/service/name"));
    (!name.is_empty()).then(|| Key::new("Service", namespace, name))
}
