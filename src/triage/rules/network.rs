//! Services whose wiring leads nowhere.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::endpoints::speaks_of_calls;
use crate::triage::graph::seems_to_mean;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::view::{Key, int, list, map, selects, text};

use super::admission::creation_refused;

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.objects.kind("Service").filter_map(|service| miswired(n, service)).collect()
}

fn miswired(n: &Neighbourhood, service: &Value) -> Option<Draft> {
    let selector = map(service, "/spec/selector").filter(|selector| !selector.is_empty())?;
    let key = Key::of(service);
    if text(service, "/spec/type") == "ExternalName"
        || !n.objects.is_complete("Pod", &key.namespace)
    {
        return None;
    }
    let local = || {
        n.objects.families().map(|(head, _)| head).filter(|head| head.namespace == key.namespace)
    };
    // Operators label pods beyond their template, such as the primary of a database.
    let selected: Vec<&Key> = local()
        .filter(|head| {
            selects(Some(selector), n.objects.pod_labels(head))
                || n.objects
                    .pods_under(head)
                    .any(|pod| selects(Some(selector), map(pod.0, "/metadata/labels")))
        })
        .collect();
    if selected.is_empty() {
        let meant = local()
            .find(|head| seems_to_mean(&key, Some(selector), head, n.objects.pod_labels(head)));
        // The Service of an idle colour or track, beside the one that serves.
        let idle = meant.is_some_and(|head| served_by_another(n, &key, head));
        return (!idle || asked_about(n, &key)).then(|| selects_nothing(n, service, &key, meant));
    }
    let running = selected.iter().any(|head| n.objects.pods_under(head).next().is_some());
    if !running {
        return selected
            .iter()
            .find(|head| !creation_refused(n, head))
            .and_then(|head| scaled_to_zero(n, &key, head));
    }
    too_broad(n, service, &key, &selected).or_else(|| port_mismatch(n, service, &key, &selected))
}

/// Whether the incident is about a Service, by name or by what it says.
fn asked_about(n: &Neighbourhood, key: &Key) -> bool {
    Key::from(&n.target) == *key
        || n.target.kind == "Ingress"
        || n.told.contains(&key.name.to_lowercase())
        || n.graph.accused(&n.objects, key) == Some(true)
}

/// Whether another Service leads to ready pods of a workload.
fn served_by_another(n: &Neighbourhood, service: &Key, head: &Key) -> bool {
    let labels = n.objects.pod_labels(head);
    n.objects.pods_under(head).any(|pod| pod.ready())
        && n.objects.kind("Service").any(|other| {
            let key = Key::of(other);
            key != *service
                && key.namespace == head.namespace
                && selects(map(other, "/spec/selector"), labels)
        })
}

/// Whether the probes of the ready pods behind a Service show that they serve a port which they do not declare.
fn is_probed(n: &Neighbourhood, head: &Key, port: i64) -> bool {
    n.objects.pods_under(head).filter(|pod| pod.ready()).any(|pod| {
        pod.containers().any(|container| {
            ["/readinessProbe/httpGet/port", "/readinessProbe/tcpSocket/port"]
                .iter()
                .any(|pointer| int(container.spec, pointer) == Some(port))
        })
    })
}

/// The ports that a workload's containers declare.
fn declared_ports<'n>(n: &'n Neighbourhood, head: &Key) -> Vec<&'n Value> {
    let Some(spec) = n.objects.pod_spec(head) else { return Vec::new() };
    let sidecars = list(spec, "/initContainers")
        .iter()
        .filter(|init| text(init, "/restartPolicy") == "Always");
    list(spec, "/containers")
        .iter()
        .chain(sidecars)
        .flat_map(|container| list(container, "/ports"))
        .collect()
}

/// Whether a container's port is the one that a Service's port leads to.
fn leads_to(port: &Value, candidate: &Value) -> bool {
    let Some(wanted) = port.get("targetPort").or_else(|| port.get("port")) else { return false };
    match wanted.as_str() {
        Some(name) => text(candidate, "/name") == name,
        None => int(candidate, "/containerPort") == wanted.as_i64(),
    }
}

/// A selector that takes in running pods of another workload, which do not serve what the Service offers.
fn too_broad(n: &Neighbourhood, service: &Value, key: &Key, selected: &[&Key]) -> Option<Draft> {
    let running =
        |head: &&&Key| n.objects.pods_under(head).any(|pod| pod.ready() && !pod.deleting());
    let ports = list(service, "/spec/ports");
    let serves = |head: &Key| {
        let declared = declared_ports(n, head);
        ports.iter().all(|port| declared.iter().any(|candidate| leads_to(port, candidate)))
    };
    let (right, wrong): (Vec<&Key>, Vec<&Key>) =
        selected.iter().filter(running).copied().partition(|head| serves(head));
    let (right, wrong) = (right.first()?, wrong.first()?);
    let selector = map(service, "/spec/selector").map(labels_text).unwrap_or_default();
    let summary = format!(
        "Service {} selects {selector}, which pods of {} {} carry as well as those of {} {}; the former do not serve \
         its port.",
        key.name, wrong.kind, wrong.name, right.kind, right.name
    );
    let stray = n.objects.pods_under(wrong).find(|pod| pod.ready())?;
    Some(
        Draft::new(
            CauseCode::ServiceSelectorTooBroad,
            n.objects.reference(key),
            key.clone(),
            summary,
        )
        .chain([
            format!("The selector of Service {} is {selector}", key.name),
            format!("Pod {} of {} {} has these labels too", stray.name(), wrong.kind, wrong.name),
            format!("Part of the calls to Service {} reach pods that do not serve them", key.name),
        ])
        .confidence(0.92)
        .part(key, service.pointer("/spec/selector"))
        .part(&stray.key(), stray.0.pointer("/metadata/labels")),
    )
}

fn labels_text(labels: &serde_json::Map<String, Value>) -> String {
    labels
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect::<Vec<_>>()
        .join(",")
}

fn selects_nothing(n: &Neighbourhood, service: &Value, key: &Key, meant: Option<&Key>) -> Draft {
    let selector = map(service, "/spec/selector");
    let wanted = selector.map(labels_text).unwrap_or_default();
    let instead = meant.and_then(|head| {
        let labels = n.objects.pod_labels(head)?;
        Some(format!("; {} {} labels its pods {}", head.kind, head.name, labels_text(labels)))
    });
    let summary = format!(
        "Service {} selects {wanted}, which no pod carries{}.",
        key.name,
        instead.as_deref().unwrap_or_default()
    );
    let mut draft = Draft::new(
        CauseCode::ServiceSelectorMismatch,
        n.objects.reference(key),
        key.clone(),
        summary,
    )
    .chain([
        format!("The selector of Service {} is {wanted}", key.name),
        format!("No pod has these labels{}", instead.unwrap_or_default()),
        format!("Service {} has no endpoints, so its callers are refused", key.name),
    ])
    .confidence(if meant.is_some() { 0.93 } else { 0.8 })
    .part(key, service.pointer("/spec/selector"));
    if let Some(head) = meant {
        let labels = n.objects.get(head).and_then(|object| {
            crate::triage::view::template(object).unwrap_or(object).pointer("/metadata/labels")
        });
        draft = draft.part(head, labels);
    }
    draft
}

fn scaled_to_zero(n: &Neighbourhood, key: &Key, head: &Key) -> Option<Draft> {
    let workload = n.objects.get(head)?;
    if int(workload, "/spec/replicas") != Some(0) {
        return None;
    }
    let summary = format!(
        "{} {} is scaled to 0, so Service {} has no endpoints.",
        head.kind, head.name, key.name
    );
    Some(
        Draft::new(CauseCode::ScaledToZero, n.objects.reference(head), key.clone(), summary)
            .chain([
                format!("{} {} has spec.replicas 0", head.kind, head.name),
                format!("Service {} has no endpoints", key.name),
            ])
            .confidence(0.85)
            .words(head, "replicas: 0"),
    )
}

/// A port that the pods serve with another protocol only.
fn protocol_mismatch(
    n: &Neighbourhood,
    service: &Value,
    key: &Key,
    declared: &[&Value],
    protocol: impl Fn(&Value) -> String,
) -> Option<Draft> {
    let (port, other) = list(service, "/spec/ports").iter().find_map(|port| {
        let mut same = declared.iter().filter(|candidate| leads_to(port, candidate));
        let first = *same.clone().next()?;
        same.all(|candidate| protocol(candidate) != protocol(port)).then_some((port, first))
    })?;
    let (wrong, right) = (protocol(port), protocol(other));
    let number = int(other, "/containerPort").unwrap_or_default();
    let summary = format!(
        "Service {} forwards {wrong} to port {number}, which its pods serve with {right}.",
        key.name
    );
    Some(
        Draft::new(
            CauseCode::ServiceProtocolMismatch,
            n.objects.reference(key),
            key.clone(),
            summary,
        )
        .chain([
            format!("The port of Service {} has protocol {wrong}", key.name),
            format!("Its pods declare port {number} with {right}"),
            format!("Connections through Service {} get no answer", key.name),
        ])
        .confidence(0.92)
        .part(key, service.pointer("/spec/ports")),
    )
}

/// Compares each targetPort with the ports that the selected pods declare. Pods that declare none say nothing.
fn port_mismatch(
    n: &Neighbourhood,
    service: &Value,
    key: &Key,
    selected: &[&Key],
) -> Option<Draft> {
    let declared: Vec<&Value> = selected.iter().flat_map(|head| declared_ports(n, head)).collect();
    let protocol = |port: &Value| {
        Some(text(port, "/protocol")).filter(|p| !p.is_empty()).unwrap_or("TCP").to_owned()
    };
    if let Some(draft) = protocol_mismatch(n, service, key, &declared, protocol) {
        return Some(draft);
    }
    let port = list(service, "/spec/ports").iter().find(|port| {
        let served = declared
            .iter()
            .any(|candidate| protocol(candidate) == protocol(port) && leads_to(port, candidate));
        // A name must be declared to be found at all; a number need not be, so it counts only where somebody asks.
        let number = port.get("targetPort").or_else(|| port.get("port")).and_then(Value::as_i64);
        let doubtful = number.is_none_or(|number| {
            let probed = selected.iter().any(|head| is_probed(n, head, number));
            !declared.is_empty() && !probed && (asked_about(n, key) || speaks_of_calls(&n.told))
        });
        !served && doubtful
    })?;
    let wanted = port.get("targetPort").or_else(|| port.get("port"))?;
    let named = wanted.is_string();
    let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
    let offered: Vec<String> = declared
        .iter()
        .map(|port| {
            let number = int(port, "/containerPort").unwrap_or_default();
            match text(port, "/name") {
                "" => number.to_string(),
                name => format!("{name}={number}"),
            }
        })
        .collect();
    let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
    let summary =
        format!("Service {} forwards to port {wanted}, but its pods serve {offered}.", key.name);
    let head = selected.first()?;
    let spec_of = n.objects.get(head).map(|_| (*head).clone());
    let mut draft = Draft::new(
        CauseCode::ServiceTargetPortMismatch,
        n.objects.reference(key),
        key.clone(),
        summary,
    )
    .chain([
        format!("targetPort of Service {} is {wanted}", key.name),
        format!("Its pods declare the ports {offered}"),
        format!("Connections through Service {} are refused", key.name),
    ])
    .confidence(if named { 0.93 } else { 0.8 })
    .part(key, service.pointer("/spec/ports"));
    if let (Some(workload), Some(first)) = (spec_of, declared.first()) {
        draft = draft.part(&workload, Some(first));
    }
    Some(draft)
}
