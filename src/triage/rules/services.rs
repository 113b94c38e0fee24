//! Services beyond their selectors and ports: clashes, load balancers, and those without a ready endpoint.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::triage::causes::{CauseCode, Tier};
use crate::triage::draft::Draft;
use crate::triage::explore::needs_endpoints;
use crate::triage::graph::Scope;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::objects::Presence;
use crate::triage::pod::Pod;
use crate::triage::view::{Event, Key, condition, int, list, map, selects, shorten, text, time};

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let mut drafts = clashes(n);
    for service in n.objects.kind("Service") {
        drafts.extend(without_balancer(n, service));
        drafts.extend(without_endpoint(n, service));
        drafts.extend(leads_nowhere(n, service));
    }
    drafts.extend(n.objects.kind("StatefulSet").filter_map(|set| ungoverned(n, set)));
    drafts
}

/// Services that share a node port, or of which the API server says so.
fn clashes(n: &Neighbourhood) -> Vec<Draft> {
    let mut holders: BTreeMap<(i64, String), Vec<&Value>> = BTreeMap::new();
    for service in n.objects.kind("Service") {
        for port in list(service, "/spec/ports") {
            if let Some(number) = int(port, "/nodePort").filter(|number| *number > 0) {
                let protocol = text(port, "/protocol").to_owned();
                holders.entry((number, protocol)).or_default().push(service);
            }
        }
    }
    let shared = holders.into_iter().filter_map(|((number, _), services)| {
        let newest = services.iter().max_by_key(|s| time(s, "/metadata/creationTimestamp"))?;
        let other = services.iter().map(|s| Key::of(s)).find(|key| *key != Key::of(newest))?;
        Some(clash(
            n,
            newest,
            format!("its node port {number} is that of Service {} as well", other.name),
            None,
        ))
    });
    let reported = n.objects.events().iter().filter_map(|event| {
        let reasons = [
            "PortAlreadyAllocated",
            "ClusterIPAlreadyAllocated",
            "IPAlreadyAllocated",
            "PortOutOfRange",
        ];
        let service = n.objects.get(&event.about).filter(|_| event.about.kind == "Service")?;
        reasons
            .contains(&event.reason.as_str())
            .then(|| clash(n, service, shorten(&event.message, 200), Some(event)))
    });
    shared.chain(reported).collect()
}

fn clash(n: &Neighbourhood, service: &Value, why: String, event: Option<&Event>) -> Draft {
    let key = Key::of(service);
    let summary = format!("Service {}: {why}.", key.name);
    Draft::new(CauseCode::NodePortConflict, n.objects.reference(&key), key.clone(), summary)
        .chain([why, format!("Traffic for Service {} may reach another one", key.name)])
        .confidence(0.92)
        .part(&key, service.pointer("/spec/ports"))
        .event(event)
}

fn without_balancer(n: &Neighbourhood, service: &Value) -> Option<Draft> {
    if text(service, "/spec/type") != "LoadBalancer"
        || !list(service, "/status/loadBalancer/ingress").is_empty()
    {
        return None;
    }
    let key = Key::of(service);
    let event = n.objects.events_of(&key).find(|event| {
        event.level == "Warning"
            && (event.reason.contains("LoadBalancer") || event.reason.contains("FailedDeployModel"))
    })?;
    let summary =
        format!("Service {} has no load balancer: {}", key.name, shorten(&event.message, 200));
    Some(
        Draft::new(CauseCode::LoadBalancerFailed, n.objects.reference(&key), key.clone(), summary)
            .chain([
                shorten(&event.message, 200),
                format!("Service {} has no address outside the cluster", key.name),
            ])
            .confidence(0.92)
            .at(event.last)
            .event(Some(event))
            .words(&key, "type: LoadBalancer"),
    )
}

/// Pods are selected and none of them is ready: what callers see of whatever ails the pods.
fn without_endpoint(n: &Neighbourhood, service: &Value) -> Option<Draft> {
    let selector = map(service, "/spec/selector");
    let namespace = text(service, "/metadata/namespace");
    if text(service, "/spec/type") == "ExternalName" || !n.objects.is_complete("Pod", namespace) {
        return None;
    }
    let key = Key::of(service);
    if !matches!(n.graph.scope(&key), Scope::Own(_)) {
        return None;
    }
    // By workload: there are far fewer of them than pods.
    let behind: Vec<Pod<'_>> = n
        .objects
        .families()
        .map(|(head, _)| head)
        .filter(|head| head.namespace == namespace && selects(selector, n.objects.pod_labels(head)))
        .flat_map(|head| n.objects.pods_under(head))
        .filter(|pod| !pod.deleting() && !pod.ended())
        .collect();
    let first = behind.first()?;
    if behind.iter().any(|pod| pod.ready()) {
        return None;
    }
    let summary = format!(
        "Service {} has no ready endpoint: none of its {} pods is ready.",
        key.name,
        behind.len()
    );
    Some(
        Draft::new(CauseCode::NoReadyEndpoints, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("None of the {} pods behind Service {} is ready", behind.len(), key.name),
                format!("Callers of Service {} are refused", key.name),
            ])
            .confidence(0.75)
            .part(&first.key(), condition(first.0, "Ready")),
    )
}

/// A Service without a selector whose endpoints are missing, empty or not ready.
fn leads_nowhere(n: &Neighbourhood, service: &Value) -> Option<Draft> {
    let key = Key::of(service);
    let near = n.graph.scope(&key) != Scope::Elsewhere;
    if !near || !needs_endpoints(service) || !n.objects.is_complete("EndpointSlice", &key.namespace)
    {
        return None;
    }
    let slices: Vec<&Value> = n
        .objects
        .kind("EndpointSlice")
        .filter(|slice| text(slice, "/metadata/namespace") == key.namespace)
        .filter(|slice| {
            map(slice, "/metadata/labels")
                .and_then(|labels| labels.get("kubernetes.io/service-name"))
                .is_some_and(|name| *name == key.name)
        })
        .collect();
    let is_ready = |endpoint: &Value| {
        endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true)
    };
    if slices.iter().flat_map(|slice| list(slice, "/endpoints")).any(is_ready) {
        return None;
    }
    let why = if slices.is_empty() {
        format!("Service {} has no selector, and nothing gives it endpoints", key.name)
    } else {
        format!("Service {} has no selector, and none of its endpoints is ready", key.name)
    };
    let draft = Draft::new(
        CauseCode::NoReadyEndpoints,
        n.objects.reference(&key),
        key.clone(),
        format!("{why}."),
    )
    .chain([why, format!("Callers of Service {} are refused", key.name)])
    // No pod explains it.
    .tier(Tier::Wiring)
    .confidence(0.9)
    .part(&key, service.pointer("/spec/ports"));
    Some(match slices.first() {
        Some(slice) => draft.part(&Key::of(slice), slice.get("endpoints")),
        None => draft,
    })
}

/// A set whose members have no names, as long as they are in trouble.
fn ungoverned(n: &Neighbourhood, set: &Value) -> Option<Draft> {
    let key = Key::of(set);
    let name = text(set, "/spec/serviceName");
    let governing = Key::new("Service", &key.namespace, name);
    let troubled = n.objects.pods_under(&key).find(|pod| !pod.fine())?;
    if name.is_empty() || n.objects.presence(&governing) != Presence::Absent {
        return None;
    }
    let summary = format!(
        "StatefulSet {} is governed by Service {name}, which does not exist, so its members have no names.",
        key.name
    );
    Some(
        Draft::new(CauseCode::HeadlessMissing, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("Service {name} does not exist"),
                format!("The members of StatefulSet {} cannot find each other by name", key.name),
                format!("Pod {} is not ready", troubled.name()),
            ])
            .confidence(0.8)
            .words(&key, &format!("serviceName: {name}")),
    )
}
