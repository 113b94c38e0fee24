//! Connections that fail: the log names the host and how it fails, and the cluster says why.

use std::net::Ipv4Addr;

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::collect::LogKey;
use crate::triage::draft::Draft;
use crate::triage::endpoints::{self, Endpoint, Failure, Place, speaks_of_calls};
use crate::triage::logs::is_serious;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::objects::Presence;
use crate::triage::pod::{Container, Pod};
use crate::triage::policy::{self, End, Port, Side};
use crate::triage::view::{Key, flag, int, list, map, selects, shorten, text};

use super::symptom;

const DNS_NAMESPACE: &str = "kube-system";
/// So many lines from the end are read.
const TAIL: usize = 60;
/// In a pod that is ready, a failure must come back so often.
const RECURRING: usize = 3;

/// A failure and what explains it.
struct Explained {
    cause: CauseCode,
    target: leadsman_ports::cluster::ObjectRef,
    why: String,
    proof: Option<(Key, Value)>,
    confidence: f64,
}

/// One complaint of a log.
struct Complaint<'l> {
    line: &'l str,
    failure: Failure,
    endpoint: Endpoint<'l>,
}

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for pod in n.pods().filter(|pod| pod.phase() != "Succeeded") {
        for container in pod.containers() {
            let log = n.log_of_crash(pod, &container).or_else(|| n.log_now(pod, &container));
            if let Some((key, log)) = log {
                drafts.extend(judged(n, pod, &container, &key, log));
            }
        }
    }
    drafts
}

fn complaints(log: &str) -> Vec<Complaint<'_>> {
    log.lines()
        .rev()
        .take(TAIL)
        .filter_map(|line| Some((line, endpoints::failure(line)?)))
        .flat_map(|(line, failure)| {
            endpoints::read(line).into_iter().map(move |endpoint| Complaint {
                line,
                failure,
                endpoint,
            })
        })
        .collect()
}

fn judged(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    log_key: &LogKey,
    log: &str,
) -> Option<Draft> {
    let mut complaints = complaints(log);
    let calm = pod.ready() && container.ready();
    // A pod that serves copes with what it only warns of, unless somebody feels it.
    complaints.retain(|complaint| {
        let within = || service_key(n, complaint.endpoint.host, pod.namespace()).is_some();
        !calm || is_serious(complaint.line) || (speaks_of_calls(&n.told) && within())
    });
    if complaints.is_empty() || (calm && complaints.len() < RECURRING) {
        return None;
    }
    let (complaint, explained) = complaints
        .iter()
        .find_map(|complaint| Some((complaint, explain(n, pod, complaint)?)))
        .or_else(|| complaints.iter().find_map(|c| Some((c, outside(n, pod, c, &complaints)?))))?;
    let quote: String = complaint.line.trim().chars().take(300).collect();
    let name = container.name;
    let summary = format!("Container {name} of pod {}: {}.", pod.name(), explained.why);
    let mut draft = Draft::new(explained.cause, explained.target, pod.key(), summary)
        .chain([
            explained.why.clone(),
            format!("Container {name} cannot connect: {}", shorten(complaint.line.trim(), 160)),
            symptom(pod, container),
        ])
        .confidence(explained.confidence)
        .log(log_key.clone(), quote);
    if let Some((key, part)) = &explained.proof {
        draft = draft.part(key, Some(part));
    }
    Some(draft)
}

fn explain(n: &Neighbourhood, pod: Pod<'_>, complaint: &Complaint<'_>) -> Option<Explained> {
    match complaint.failure {
        Failure::Name => unresolved(n, pod, complaint),
        Failure::Refused | Failure::Timeout => unreachable(n, pod, complaint),
    }
}

fn service_key(n: &Neighbourhood, host: &str, namespace: &str) -> Option<Key> {
    match endpoints::place(host, namespace) {
        Place::Service(key) => Some(key),
        Place::Either(key) => {
            // A member of a StatefulSet by its governing Service: `db-0.db`.
            let governed = n.objects.kind("StatefulSet").any(|set| {
                text(set, "/metadata/namespace") == namespace
                    && text(set, "/spec/serviceName") == key.namespace
            });
            if governed {
                return Some(Key::new("Service", namespace, &key.namespace));
            }
            n.objects.inhabited(&key.namespace).then_some(key)
        }
        Place::Address(address) => {
            let address = address.to_string();
            n.objects
                .kind("Service")
                .find(|service| text(service, "/spec/clusterIP") == address)
                .map(Key::of)
        }
        Place::External => None,
    }
}

fn unresolved(n: &Neighbourhood, pod: Pod<'_>, complaint: &Complaint<'_>) -> Option<Explained> {
    if let Some(down) = dns_down(n) {
        return Some(down);
    }
    let policies: Vec<&Value> = n.objects.kind("NetworkPolicy").collect();
    let port = |protocol| Port { number: 53, name: "dns", protocol };
    let blocked =
        |protocol| policy::blocking(&policies, Side::Egress, end(n, pod), None, port(protocol));
    if let (Some(policy), Some(_)) = (blocked("UDP"), blocked("TCP")) {
        return Some(by_policy(
            n,
            policy,
            CauseCode::PolicyEgressDenied,
            "lookups of names (port 53)",
        ));
    }
    let key = service_key(n, complaint.endpoint.host, pod.namespace())?;
    let target = n.fix_target(pod);
    match n.objects.presence(&key) {
        Presence::Present => {
            let dns = text(pod.0, "/spec/dnsPolicy");
            let blind = match dns {
                "Default" => true,
                "None" => !list(pod.0, "/spec/dnsConfig/searches")
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|search| search.contains("cluster.local")),
                _ => flag(pod.0, "/spec/hostNetwork") && dns == "ClusterFirst",
            };
            blind.then(|| Explained {
                cause: CauseCode::DnsPolicyWrong,
                target,
                why: format!(
                    "its dnsPolicy is {dns}, so cluster names such as {} do not resolve",
                    key.name
                ),
                proof: Some((pod.key(), serde_json::json!({"dnsPolicy": dns}))),
                confidence: 0.93,
            })
        }
        Presence::Absent => Some(no_such_service(n, pod, &key, complaint)),
        Presence::Unknown => None,
    }
}

fn no_such_service(
    n: &Neighbourhood,
    pod: Pod<'_>,
    key: &Key,
    complaint: &Complaint<'_>,
) -> Explained {
    let governed = n.objects.kind("StatefulSet").find(|set| {
        text(set, "/metadata/namespace") == key.namespace
            && text(set, "/spec/serviceName") == key.name
    });
    if let Some(set) = governed {
        let own = Key::of(set);
        return Explained {
            cause: CauseCode::HeadlessMissing,
            target: n.objects.reference(&own),
            why: format!(
                "Service {}, which gives the members of StatefulSet {} their names, does not exist",
                key.name, own.name
            ),
            proof: Some((own, serde_json::json!({"serviceName": key.name}))),
            confidence: 0.94,
        };
    }
    Explained {
        cause: CauseCode::DependencyHostWrong,
        target: n.fix_target(pod),
        why: format!(
            "the host {} does not exist: namespace {} has no Service {}",
            complaint.endpoint.host, key.namespace, key.name
        ),
        proof: None,
        confidence: 0.9,
    }
}

/// The cluster's DNS, if it is known and none of its pods is ready.
fn dns_down(n: &Neighbourhood) -> Option<Explained> {
    let is_dns = |object: &Value| {
        text(object, "/metadata/namespace") == DNS_NAMESPACE
            && map(object, "/metadata/labels")
                .and_then(|labels| labels.get("k8s-app"))
                .is_some_and(|label| label == "kube-dns" || label == "coredns")
    };
    let pods: Vec<Pod<'_>> = n.objects.pods().filter(|pod| is_dns(pod.0)).collect();
    if pods.iter().any(|pod| pod.ready()) || !n.objects.is_complete("Pod", DNS_NAMESPACE) {
        return None;
    }
    let workload = n
        .objects
        .kind("Deployment")
        .find(|object| is_dns(object) || text(object, "/metadata/name") == "coredns")
        .filter(|object| text(object, "/metadata/namespace") == DNS_NAMESPACE);
    let target = match (workload, pods.first()) {
        (Some(workload), _) => n.objects.reference(&Key::of(workload)),
        (None, Some(pod)) => n.fix_target(*pod),
        (None, None) => return None,
    };
    let proof = match (pods.first(), workload) {
        (Some(pod), _) => pod
            .0
            .get("status")
            .and_then(|status| status.get("conditions"))
            .map(|part| (pod.key(), part.clone())),
        (None, Some(workload)) => int(workload, "/spec/replicas")
            .map(|count| (Key::of(workload), serde_json::json!({"replicas": count}))),
        (None, None) => None,
    };
    Some(Explained {
        cause: CauseCode::DnsDown,
        why: format!("the cluster's DNS ({}) has no ready pod", target.name),
        target,
        proof,
        confidence: 0.95,
    })
}

fn unreachable(n: &Neighbourhood, pod: Pod<'_>, complaint: &Complaint<'_>) -> Option<Explained> {
    let key = service_key(n, complaint.endpoint.host, pod.namespace())?;
    let service = n.objects.get(&key)?;
    let headless = text(service, "/spec/clusterIP") == "None";
    let ports = list(service, "/spec/ports");
    let asked = complaint.endpoint.port;
    let offered = ports.iter().find(|port| asked.is_none() || int(port, "/port") == asked);
    if let (Some(asked), None, false) = (asked, offered, headless || ports.is_empty()) {
        let numbers: Vec<String> = ports
            .iter()
            .filter_map(|port| int(port, "/port"))
            .map(|port| port.to_string())
            .collect();
        return Some(Explained {
            cause: CauseCode::DependencyPortWrong,
            target: n.fix_target(pod),
            why: format!(
                "it connects to port {asked} of Service {}, which offers {}",
                key.name,
                numbers.join(", ")
            ),
            proof: service.pointer("/spec/ports").map(|ports| (key.clone(), ports.clone())),
            confidence: 0.94,
        });
    }
    if complaint.failure != Failure::Timeout {
        return None;
    }
    between(n, pod, &key, service, offered.or(ports.first())?)
}

/// The policy that keeps a pod from a Service whose pods are ready.
fn between(
    n: &Neighbourhood,
    pod: Pod<'_>,
    key: &Key,
    service: &Value,
    port: &Value,
) -> Option<Explained> {
    let selector = map(service, "/spec/selector");
    let callee = n.objects.pods().find(|callee| {
        callee.namespace() == key.namespace
            && callee.ready()
            && selects(selector, map(callee.0, "/metadata/labels"))
    })?;
    let declared: Vec<&Value> = list(callee.0, "/spec/containers")
        .iter()
        .flat_map(|container| list(container, "/ports"))
        .collect();
    let wanted = port.get("targetPort").or_else(|| port.get("port"))?;
    let found = declared.iter().find(|declared| match wanted.as_str() {
        Some(name) => text(declared, "/name") == name,
        None => int(declared, "/containerPort") == wanted.as_i64(),
    });
    let number =
        found.and_then(|found| int(found, "/containerPort")).or(wanted.as_i64()).unwrap_or(0);
    let of = |port: &'_ Value| match text(port, "/protocol") {
        "" => "TCP".to_owned(),
        protocol => protocol.to_owned(),
    };
    let protocol = of(port);
    // Where the Service forwards with the wrong protocol, no policy is to blame.
    if found.is_some_and(|found| of(found) != protocol) {
        return None;
    }
    let port =
        Port { number, name: found.map_or("", |found| text(found, "/name")), protocol: &protocol };
    let policies: Vec<&Value> = n.objects.kind("NetworkPolicy").collect();
    let (caller, callee) = (end(n, pod), end(n, callee));
    if let Some(policy) = policy::blocking(&policies, Side::Egress, caller, Some(callee), port) {
        let what = format!("connections to Service {} (port {number})", key.name);
        return Some(by_policy(n, policy, CauseCode::PolicyEgressDenied, &what));
    }
    let policy = policy::blocking(&policies, Side::Ingress, callee, Some(caller), port)?;
    let what = format!("connections of pod {} to Service {} (port {number})", pod.name(), key.name);
    Some(by_policy(n, policy, CauseCode::PolicyIngressDenied, &what))
}

fn end<'a>(n: &'a Neighbourhood, pod: Pod<'a>) -> End<'a> {
    let namespace = n.objects.get(&Key::new("Namespace", "", pod.namespace()));
    End {
        namespace: pod.namespace(),
        labels: map(pod.0, "/metadata/labels"),
        namespace_labels: namespace.and_then(|namespace| map(namespace, "/metadata/labels")),
        address: text(pod.0, "/status/podIP").parse().ok(),
    }
}

fn by_policy(n: &Neighbourhood, policy: &Value, cause: CauseCode, what: &str) -> Explained {
    let key = Key::of(policy);
    Explained {
        cause,
        target: n.objects.reference(&key),
        why: format!(
            "NetworkPolicy {} of namespace {} does not permit {what}",
            key.name, key.namespace
        ),
        proof: policy.get("spec").map(|spec| (key, spec.clone())),
        confidence: 0.92,
    }
}

/// A host outside the cluster, unless the log also complains of something within it.
fn outside(
    n: &Neighbourhood,
    pod: Pod<'_>,
    complaint: &Complaint<'_>,
    all: &[Complaint<'_>],
) -> Option<Explained> {
    let inside = |complaint: &Complaint<'_>| {
        service_key(n, complaint.endpoint.host, pod.namespace()).is_some_and(|key| {
            n.objects.get(&key).is_some_and(|service| text(service, "/spec/type") != "ExternalName")
        })
    };
    let host = complaint.endpoint.host;
    let external = match endpoints::place(host, pod.namespace()) {
        Place::External => true,
        Place::Either(key) => !n.objects.inhabited(&key.namespace),
        Place::Address(address) => is_foreign(n, address),
        Place::Service(_) => false,
    };
    if !external || all.iter().any(inside) {
        return None;
    }
    let port = complaint.endpoint.port.map_or_else(String::new, |port| format!(":{port}"));
    Some(Explained {
        cause: CauseCode::ExternalUnreachable,
        target: n.fix_target(pod),
        why: format!("{host}{port}, which lies outside the cluster, cannot be reached"),
        proof: None,
        confidence: 0.8,
    })
}

/// Whether an address is neither a pod's, a node's nor a Service's, and not the pod itself.
fn is_foreign(n: &Neighbourhood, address: Ipv4Addr) -> bool {
    let written = address.to_string();
    let known =
        n.objects.pods().any(|pod| {
            text(pod.0, "/status/podIP") == written || text(pod.0, "/status/hostIP") == written
        }) || n.objects.kind("Service").any(|service| text(service, "/spec/clusterIP") == written);
    !known && !address.is_loopback() && !address.is_unspecified() && !address.is_private()
}
