//! Which container a log file belongs to, and the logs found.

use std::collections::BTreeMap;
use std::collections::btree_map::Range;

use bytes::Bytes;

/// Names one container's log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LogKey {
    namespace: String,
    pod: String,
    /// Empty for a `logs.txt` that does not say which container it is from.
    container: String,
    previous: bool,
}

/// All logs of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Logs(BTreeMap<LogKey, Bytes>);

/// Where a log file's lines go.
enum Place {
    Container(LogKey),
    /// A dump's `logs.txt`: all containers of a pod.
    Pod {
        namespace: String,
        pod: String,
    },
}

/// Whether the path is that of a container's log.
pub(super) fn is_log(path: &str) -> bool {
    place(path).is_some()
}

impl Logs {
    /// Takes a file in; false if its path names no container.
    pub(super) fn insert(&mut self, path: &str, content: Vec<u8>) -> bool {
        match place(path) {
            None => false,
            Some(Place::Container(key)) => {
                self.0.insert(key, Bytes::from(content));
                true
            }
            Some(Place::Pod { namespace, pod }) => {
                for (container, log) in split_dump(Bytes::from(content)) {
                    let (namespace, pod) = (namespace.clone(), pod.clone());
                    self.0.insert(LogKey { namespace, pod, container, previous: false }, log);
                }
                true
            }
        }
    }

    /// The log of one container; a log that names no container serves for any.
    pub(super) fn get(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
    ) -> Option<&Bytes> {
        let key = |container: &str| LogKey {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
        };
        self.0.get(&key(container)).or_else(|| self.0.get(&key("")))
    }

    /// Names of the pod's containers that have a log, previous or not.
    pub(super) fn containers(&self, namespace: &str, pod: &str) -> Vec<&str> {
        let start = LogKey {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: String::new(),
            previous: false,
        };
        let of_pod: Range<'_, LogKey, Bytes> = self.0.range(start..);
        let mut names: Vec<&str> = of_pod
            .take_while(|(key, _)| key.namespace == namespace && key.pod == pod)
            .map(|(key, _)| key.container.as_str())
            .filter(|name| !name.is_empty())
            .collect();
        names.dedup();
        names
    }

    /// How many logs there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Reads the last parts of a path: the snapshot's own layout, the dump's, and that of `oc adm inspect`
/// (`pods/<pod>/<container>/<container>/logs/current.log` below `namespaces/<namespace>`).
fn place(path: &str) -> Option<Place> {
    let parts: Vec<&str> = path.split('/').collect();
    if let [.., "namespaces", namespace, "pods", pod, _, container, "logs", file] = parts.as_slice()
    {
        let previous = match *file {
            "current.log" => false,
            "previous.log" => true,
            _ => return None,
        };
        return Some(Place::Container(key(namespace, pod, container, previous)?));
    }
    let [.., namespace, pod, file] = parts.as_slice() else { return None };
    if *file == "logs.txt" {
        let key = key(namespace, pod, "", false)?;
        return Some(Place::Pod { namespace: key.namespace, pod: key.pod });
    }
    let stem = file.strip_suffix(".log")?;
    let (container, previous) = match stem.strip_suffix(".previous") {
        Some(container) => (container, true),
        None => (stem, false),
    };
    if container.is_empty() {
        return None;
    }
    Some(Place::Container(key(namespace, pod, container, previous)?))
}

fn key(namespace: &str, pod: &str, container: &str, previous: bool) -> Option<LogKey> {
    if namespace.is_empty() || pod.is_empty() {
        return None;
    }
    Some(LogKey {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        container: container.to_owned(),
        previous,
    })
}

/// Splits a dump's `logs.txt` at its `==== START logs for container C of pod NS/POD ====` lines; a file without
/// them belongs to the container with the empty name.
fn split_dump(content: Bytes) -> Vec<(String, Bytes)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize)> = None;
    let mut offset = 0;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).unwrap_or_default().trim_end();
        let end = offset;
        offset += line.len();
        match (marker(text, "START"), &open) {
            (Some(container), _) => {
                if let Some((name, start)) = open.take() {
                    found.push((name, content.slice(start..end)));
                }
                open = Some((container.to_owned(), offset));
            }
            (None, Some((name, start))) if marker(text, "END") == Some(name.as_str()) => {
                found.push((name.clone(), content.slice(*start..end)));
                open = None;
            }
            (None, _) => {}
        }
    }
    if let Some((name, start)) = open {
        found.push((name, content.slice(start..)));
    }
    if found.is_empty() {
        found.push((String::new(), content));
    }
    found
}

fn marker<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("==== ")?.strip_prefix(word)?;
    let rest = rest.strip_prefix(" logs for container ")?.strip_suffix(" ====")?;
    rest.split_once(" of pod ").map(|(container, _)| container)
}
