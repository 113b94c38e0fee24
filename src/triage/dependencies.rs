//! Finds the Services that a workload talks to: those its configuration names, and those its log blames.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::collect::LogKey;
use super::endpoints::{self, Place};
use super::graph::references;
use super::logs::blames_dependency;
use super::objects::Objects;
use super::view::{Key, int, list, map, selects, text};

/// Words in a setting's name that say that its value is a host.
const HOST_WORDS: [&str; 9] =
    ["host", "addr", "url", "uri", "endpoint", "server", "service", "upstream", "broker"];

/// So many lines from the end of a log are read for addresses.
const TAIL: usize = 100;

/// Servers by their names, with the ports that they use.
const SERVERS: [(&str, i64); 12] = [
    ("redis", 6379),
    ("valkey", 6379),
    ("postgres", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("mongo", 27_017),
    ("kafka", 9092),
    ("amqp", 5672),
    ("rabbitmq", 5672),
    ("elasticsearch", 9200),
    ("memcached", 11_211),
    ("nats", 4222),
];

/// What a workload depends on.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// Services that its configuration names.
    pub(super) named: BTreeSet<Key>,
    /// Services that an error in its log names.
    pub(super) blamed: BTreeSet<Key>,
}

/// What one workload depends on, among the Services that are known.
pub(super) fn of(objects: &Objects, logs: &BTreeMap<LogKey, String>, head: &Key) -> Dependencies {
    let mut found = Dependencies::default();
    let labels = objects.pod_labels(head);
    let by_address: BTreeMap<&str, Key> = objects
        .kind("Service")
        .map(|service| (text(service, "/spec/clusterIP"), Key::of(service)))
        .filter(|(address, _)| address.contains('.'))
        .collect();
    let by_host: BTreeMap<&str, Key> = objects
        .kind("Ingress")
        .flat_map(|ingress| hosts_of(ingress).map(move |host| (host, Key::of(ingress))))
        .collect();
    let lookup = |token: &str| -> Option<Key> {
        if let Some(key) = by_address.get(token) {
            return Some(key.clone());
        }
        let mut parts = token.split('.');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let namespace = parts.next().unwrap_or(&head.namespace);
        let key = Key::new("Service", namespace, name);
        let Some(service) = objects.get(&key) else {
            return by_host.get(token).cloned();
        };
        let own =
            key.namespace == head.namespace && selects(map(service, "/spec/selector"), labels);
        (!own).then_some(key)
    };
    for line in settings(objects, head) {
        found.named.extend(hosts(&line).into_iter().filter_map(lookup));
    }
    found
        .blamed
        .extend(webhooks(objects, head).into_iter().filter(|key| objects.get(key).is_some()));
    for (key, log) in logs {
        if key.namespace != head.namespace
            || objects.head(&Key::new("Pod", &key.namespace, &key.pod)) != *head
        {
            continue;
        }
        for line in log.lines().filter(|line| blames_dependency(line)) {
            let before = found.blamed.len();
            found.blamed.extend(tokens(line).map(|(_, token)| token).filter_map(lookup));
            if found.blamed.len() == before && endpoints::read(line).is_empty() {
                found.blamed.extend(by_its_kind(objects, head, line));
            }
        }
    }
    found
}

/// What a line means that names no host but a kind of server: the only Service of the namespace on its usual port.
fn by_its_kind(objects: &Objects, head: &Key, line: &str) -> Option<Key> {
    let lower = line.to_lowercase();
    let (_, port) = SERVERS.iter().find(|(name, _)| lower.contains(name))?;
    let mut found = objects.kind("Service").filter(|service| {
        text(service, "/metadata/namespace") == head.namespace
            && list(service, "/spec/ports")
                .iter()
                .any(|offered| int(offered, "/port") == Some(*port))
    });
    let only = found.next()?;
    found.next().is_none().then(|| Key::of(only))
}

/// The hosts that an Ingress serves.
pub(super) fn hosts_of(ingress: &Value) -> impl Iterator<Item = &str> {
    list(ingress, "/spec/rules").iter().map(|rule| text(rule, "/host")).filter(|h| !h.is_empty())
}

/// The hosts outside of Services that blaming lines of logs name: Ingresses may serve them.
pub(super) fn blamed_hosts(objects: &Objects, logs: &BTreeMap<LogKey, String>) -> BTreeSet<String> {
    let known: BTreeSet<&str> = objects.kind("Ingress").flat_map(hosts_of).collect();
    logs.iter()
        .flat_map(|(key, log)| {
            let lines = log.lines().rev().take(TAIL).filter(|line| blames_dependency(line));
            lines.flat_map(endpoints::read).map(move |endpoint| (key, endpoint.host))
        })
        .filter(|(key, host)| endpoints::place(host, &key.namespace) == Place::External)
        .map(|(_, host)| host.to_owned())
        .filter(|host| !known.contains(host.as_str()))
        .collect()
}

/// The namespaces that the blaming lines of logs name.
pub(super) fn blamed_namespaces(
    objects: &Objects,
    logs: &BTreeMap<LogKey, String>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, log) in logs {
        for line in log.lines().filter(|line| blames_dependency(line)) {
            for endpoint in endpoints::read(line) {
                if let Place::Service(service) = endpoints::place(endpoint.host, &key.namespace)
                    && service.namespace != key.namespace
                    && !objects.is_complete("Service", &service.namespace)
                {
                    found.insert(service.namespace);
                }
            }
        }
    }
    found
}

/// The addresses that blaming lines of logs name and that belong to nothing that is known.
pub(super) fn blamed_strangers(
    objects: &Objects,
    logs: &BTreeMap<LogKey, String>,
) -> BTreeSet<String> {
    let known: BTreeSet<&str> = objects
        .kind("Service")
        .map(|service| text(service, "/spec/clusterIP"))
        .chain(
            objects
                .pods()
                .flat_map(|pod| [text(pod.0, "/status/podIP"), text(pod.0, "/status/hostIP")]),
        )
        .collect();
    logs.iter()
        .flat_map(|(key, log)| {
            log.lines()
                .rev()
                .take(TAIL)
                .filter(|line| blames_dependency(line))
                .map(move |line| (key, line))
        })
        .flat_map(|(key, line)| {
            endpoints::read(line).into_iter().map(move |endpoint| (key, endpoint))
        })
        .filter_map(|(key, endpoint)| match endpoints::place(endpoint.host, &key.namespace) {
            Place::Address(address) if address.is_private() => Some(address.to_string()),
            _ => None,
        })
        .filter(|address| !known.contains(address.as_str()))
        .collect()
}

/// The Services of admission webhooks that the API server could not call for a workload.
pub(super) fn webhooks(objects: &Objects, head: &Key) -> BTreeSet<Key> {
    objects
        .members(head)
        .iter()
        .flat_map(|member| objects.events_of(member))
        .filter(|event| event.message.contains("failed calling webhook"))
        .flat_map(|event| {
            endpoints::read(&event.message)
                .into_iter()
                .filter_map(|endpoint| match endpoints::place(endpoint.host, &head.namespace) {
                    Place::Service(service) if endpoint.host.contains('.') => Some(service),
                    _ => None,
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What could be a namespace in the two-part host names of a workload's configuration.
pub(super) fn perhaps_namespaces(objects: &Objects, head: &Key) -> BTreeSet<String> {
    settings(objects, head)
        .iter()
        .flat_map(|line| hosts(line).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|host| match endpoints::place(&host, &head.namespace) {
            Place::Either(service) if service.namespace != head.namespace => {
                Some(service.namespace)
            }
            _ => None,
        })
        .filter(|name| {
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
        .collect()
}

/// The namespaces, other than its own, that a workload's configuration names in host names such as `db.data.svc`.
pub(super) fn foreign_namespaces(objects: &Objects, head: &Key) -> BTreeSet<String> {
    settings(objects, head)
        .iter()
        .flat_map(|line| tokens(line).map(|(_, token)| token.to_owned()).collect::<Vec<_>>())
        .filter_map(|token| {
            let parts: Vec<&str> = token.split('.').collect();
            match parts.as_slice() {
                [_, namespace, "svc", ..] if *namespace != head.namespace => {
                    Some((*namespace).to_owned())
                }
                _ => None,
            }
        })
        .collect()
}

/// The lines of a workload's configuration: `NAME=value` for variables, arguments, and the lines of its ConfigMaps.
fn settings(objects: &Objects, head: &Key) -> Vec<String> {
    let Some(spec) = objects.pod_spec(head) else { return Vec::new() };
    let mut lines = Vec::new();
    for container in list(spec, "/initContainers").iter().chain(list(spec, "/containers")) {
        for variable in list(container, "/env") {
            lines.push(format!("{}={}", text(variable, "/name"), text(variable, "/value")));
        }
        for argument in list(container, "/command").iter().chain(list(container, "/args")) {
            lines.push(argument.as_str().unwrap_or_default().to_owned());
        }
    }
    for key in references(spec, &head.namespace) {
        let data = objects.get(&key).filter(|_| key.kind == "ConfigMap");
        for (name, value) in data.and_then(|object| map(object, "/data")).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            if value.lines().count() <= 1 {
                lines.push(format!("{name}={}", value.trim()));
            } else {
                lines.extend(value.lines().map(str::to_owned));
            }
        }
    }
    lines
}

/// The words of a line that stand where a host stands.
fn hosts(line: &str) -> Vec<&str> {
    let lower = line.to_lowercase();
    let named = HOST_WORDS.iter().any(|word| lower.contains(word));
    tokens(line)
        .filter(|(start, token)| {
            let before = &line[..*start];
            let after = &line[start + token.len()..];
            let port = after
                .strip_prefix(':')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            port || named
                || before.ends_with("//")
                || before.ends_with('@')
                || token.contains(".svc")
        })
        .map(|(_, token)| token)
        .collect()
}

/// The parts of a line that could be host names, with their offsets.
pub(super) fn tokens(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    line.split(move |c: char| !is_part(c)).filter(|token| token.len() > 1).map(move |token| {
        let start = token.as_ptr() as usize - line.as_ptr() as usize;
        (start, token.trim_end_matches('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_other_words() {
        assert_eq!(hosts("postgres://user@db:5432/data"), ["user", "db"]);
        assert_eq!(hosts("redis://cache:6379"), ["cache"]);
        assert!(hosts("CACHE_HOST=redis").contains(&"redis"));
        assert_eq!(hosts("hello redis and others"), Vec::<&str>::new());
        assert_eq!(hosts("proxy_pass http://backend;"), ["backend"]);
    }
}
