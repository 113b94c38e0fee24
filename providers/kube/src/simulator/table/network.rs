//! Services and what stands before and behind them.

use jiff::Timestamp;
use serde_json::Value;

use super::cells::{
    age, items, joined, label_selector, labels, name, number, or, or_none, plain, shortened, text,
};
use super::{Printer, Text, Wide};

pub(super) fn printer(group: &str, kind: &str) -> Option<Printer> {
    Some(match (group, kind) {
        ("", "Service") => Printer {
            columns: &[
                Text("Name"),
                Text("Type"),
                Text("Cluster-IP"),
                Text("External-IP"),
                Text("Port(s)"),
                Text("Age"),
                Wide("Selector"),
            ],
            cells: service,
        },
        ("", "Endpoints") => Printer {
            columns: &[Text("Name"), Text("Endpoints"), Text("Age")],
            cells: |object, now| vec![name(object), endpoints(object), age(object, now)],
        },
        ("discovery.k8s.io", "EndpointSlice") => Printer {
            columns: &[
                Text("Name"),
                Text("AddressType"),
                Text("Ports"),
                Text("Endpoints"),
                Text("Age"),
            ],
            cells: endpoint_slice,
        },
        ("networking.k8s.io" | "extensions", "Ingress") => Printer {
            columns: &[
                Text("Name"),
                Text("Class"),
                Text("Hosts"),
                Text("Address"),
                Text("Ports"),
                Text("Age"),
            ],
            cells: ingress,
        },
        ("networking.k8s.io", "IngressClass") => Printer {
            columns: &[Text("Name"), Text("Controller"), Text("Parameters"), Text("Age")],
            cells: ingress_class,
        },
        ("networking.k8s.io", "NetworkPolicy") => Printer {
            columns: &[Text("Name"), Text("Pod-Selector"), Text("Age")],
            cells: |object, now| {
                let selector = or_none(label_selector(object, "/spec/podSelector"));
                vec![name(object), selector, age(object, now)]
            },
        },
        _ => return None,
    })
}

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = match text(object, "/spec/type") {
        "" => "ClusterIP",
        kind => kind,
    };
    vec![
        name(object),
        kind.into(),
        or_none(text(object, "/spec/clusterIP")),
        external_ip(object, kind),
        or_none(service_ports(object)),
        age(object, now),
        or_none(labels(object, "/spec/selector")),
    ]
}

fn external_ip(object: &Value, kind: &str) -> Value {
    let fixed = joined(object, "/spec/externalIPs");
    match kind {
        "LoadBalancer" => {
            let mut all: Vec<String> = addresses(object);
            if !fixed.is_empty() {
                all.push(fixed);
            }
            or(all.join(","), "<pending>")
        }
        "ExternalName" => or_none(text(object, "/spec/externalName")),
        _ => or_none(fixed),
    }
}

/// Where a load balancer can be reached.
fn addresses(object: &Value) -> Vec<String> {
    items(object, "/status/loadBalancer/ingress")
        .map(|ingress| match text(ingress, "/ip") {
            "" => text(ingress, "/hostname").to_owned(),
            ip => ip.to_owned(),
        })
        .filter(|address| !address.is_empty())
        .collect()
}

fn protocol(port: &Value) -> &str {
    match text(port, "/protocol") {
        "" => "TCP",
        protocol => protocol,
    }
}

fn service_ports(object: &Value) -> String {
    let ports: Vec<String> = items(object, "/spec/ports")
        .map(|port| match number(port, "/nodePort") {
            0 => format!("{}/{}", number(port, "/port"), protocol(port)),
            node => format!("{}:{node}/{}", number(port, "/port"), protocol(port)),
        })
        .collect();
    ports.join(",")
}

fn endpoints(object: &Value) -> Value {
    let mut found = Vec::new();
    for subset in items(object, "/subsets") {
        let ports: Vec<i64> = items(subset, "/ports").map(|port| number(port, "/port")).collect();
        for address in items(subset, "/addresses") {
            let ip = text(address, "/ip");
            // Without ports the addresses alone are shown.
            if ports.is_empty() {
                found.push(ip.to_owned());
            }
            found.extend(ports.iter().map(|port| host_port(ip, *port)));
        }
    }
    or_none(shortened(&found, found.len()))
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = items(object, "/ports")
        .map(|port| port.get("port").map_or_else(|| "*".to_owned(), plain))
        .collect();
    let addresses: Vec<String> = items(object, "/endpoints")
        .flat_map(|endpoint| items(endpoint, "/addresses"))
        .map(plain)
        .collect();
    let unset = |list: &[String]| or(shortened(list, list.len()), "<unset>");
    vec![
        name(object),
        text(object, "/addressType").into(),
        unset(&ports),
        unset(&addresses),
        age(object, now),
    ]
}

fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<String> = items(object, "/spec/rules")
        .map(|rule| text(rule, "/host").to_owned())
        .filter(|host| !host.is_empty())
        .collect();
    let has_tls = items(object, "/spec/tls").next().is_some();
    vec![
        name(object),
        or_none(text(object, "/spec/ingressClassName")),
        or(shortened(&hosts, hosts.len()), "*"),
        addresses(object).join(",").into(),
        if has_tls { "80, 443" } else { "80" }.into(),
        age(object, now),
    ]
}

fn ingress_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let parameters = match object.pointer("/spec/parameters") {
        Some(parameters) => {
            let kind = match text(parameters, "/apiGroup") {
                "" => text(parameters, "/kind").to_owned(),
                group => format!("{}.{group}", text(parameters, "/kind")),
            };
            format!("{kind}/{}", text(parameters, "/name"))
        }
        None => "<none>".to_owned(),
    };
    vec![name(object), text(object, "/spec/controller").into(), parameters.into(), age(object, now)]
}
