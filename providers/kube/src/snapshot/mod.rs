//! A cluster at one moment, read from files.
//!
//! A snapshot is any number of `*.json`, `*.yaml` and `*.yml` files with API objects at any depth, container logs at
//! `<namespace>/<pod>/<container>.log` and `.previous.log`, and an optional root `snapshot.yaml` with `capturedAt` and
//! `serverVersion`. Output of `kubectl get -o json`, `kubectl cluster-info dump --output-directory` and
//! `oc adm inspect` loads as it is. Of an object that is there twice the later path in byte order wins.

mod builtin;
mod decode;
mod error;
mod files;
mod kinds;
mod logs;
mod parallel;
mod settings;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

pub use error::SnapshotError;
pub use kinds::{KindOrigin, PrinterColumn, ResourceKind};

use kinds::Recorded;
use logs::Logs;
use settings::Settings;

/// A loaded snapshot. Immutable; objects are shared, never copied.
#[derive(Debug)]
pub struct Snapshot {
    captured_at: Timestamp,
    server_version: String,
    kinds: Vec<ResourceKind>,
    /// Position in `kinds` and `objects` of (group, version, plural).
    by_plural: HashMap<(String, String, String), usize>,
    /// For every kind its objects, ordered by namespace and name.
    objects: Vec<Vec<StoredObject>>,
    logs: Logs,
    skipped: Vec<Skipped>,
}

/// One object of a snapshot.
#[derive(Debug, Clone)]
pub struct StoredObject {
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// The whole object, as recorded.
    pub object: Arc<Value>,
}

/// A file, or a document of a file, that is not part of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Path below the root.
    pub path: String,
    /// Why it was left out.
    pub reason: &'static str,
}

impl Snapshot {
    /// Loads a directory. Symbolic links may not lead out of it; hidden files are ignored.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, an object without a usable name, a tree beyond the limits, or one
    /// without any object, which is hardly what was meant.
    pub fn load_dir(root: &Path) -> Result<Self, SnapshotError> {
        let tree = files::read_tree(root)?;
        let snapshot = Self::build(tree.files, tree.skipped)?;
        if snapshot.objects.iter().all(Vec::is_empty) {
            return Err(SnapshotError::Empty { path: root.display().to_string() });
        }
        Ok(snapshot)
    }

    /// Loads files from memory; paths are relative and separated by `/`.
    ///
    /// # Errors
    /// As [`Snapshot::load_dir`], except for those of the file system.
    pub fn from_files(
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<Self, SnapshotError> {
        Self::build(files.into_iter().collect(), Vec::new())
    }

    fn build(
        mut files: Vec<(String, Vec<u8>)>,
        mut skipped: Vec<Skipped>,
    ) -> Result<Self, SnapshotError> {
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut logs = Logs::default();
        let mut settings = Settings::default();
        let mut sources = Vec::new();
        for (path, content) in files {
            if path == settings::FILE
                && let Some(found) = settings::read(&content)?
            {
                settings = found;
            } else if files::holds_objects(&path) {
                sources.push((path, content));
            } else if !logs.insert(&path, content) {
                let reason = "neither JSON nor YAML nor a container's log";
                skipped.push(Skipped { path, reason });
            }
        }
        let mut objects = Vec::new();
        for (path, decoded) in parallel::decode_all(sources)? {
            if decoded.others > 0 {
                skipped.push(Skipped { path, reason: "not an API object" });
            }
            objects.extend(decoded.objects);
        }
        skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self::index(objects, settings, logs, skipped))
    }

    fn index(objects: Vec<Value>, settings: Settings, logs: Logs, skipped: Vec<Skipped>) -> Self {
        let captured_at = settings
            .captured_at
            .or_else(|| settings::newest_time(objects.iter()))
            .unwrap_or_else(Timestamp::now);
        let server_version = settings.server_version.unwrap_or_else(|| {
            settings::version_of_nodes(objects.iter().filter(|object| is(object, "v1", "Node")))
        });
        let kinds = kinds::served_kinds(&recorded_kinds(&objects), &definitions(&objects));
        let positions: HashMap<(String, &str), usize> = kinds
            .iter()
            .enumerate()
            .map(|(index, kind)| ((kind.api_version(), kind.kind.as_str()), index))
            .collect();
        let mut sorted: Vec<BTreeMap<(String, String), Value>> = vec![BTreeMap::new(); kinds.len()];
        for mut object in objects {
            let key = (text(&object, "/apiVersion").to_owned(), text(&object, "/kind"));
            if let Some(index) = positions.get(&key).copied()
                && let (Some(kind), Some(place)) = (kinds.get(index), sorted.get_mut(index))
            {
                let namespace = settle_namespace(&mut object, kind.namespaced);
                let name = text(&object, "/metadata/name").to_owned();
                place.insert((namespace, name), object);
            }
        }
        let objects = sorted.into_iter().map(|objects| {
            let stored = objects.into_iter().map(|((namespace, name), object)| StoredObject {
                namespace,
                name,
                object: Arc::new(object),
            });
            stored.collect()
        });
        let objects = objects.collect();
        let key =
            |kind: &ResourceKind| (kind.group.clone(), kind.version.clone(), kind.plural.clone());
        let by_plural = kinds.iter().enumerate().map(|(index, kind)| (key(kind), index)).collect();
        Self { captured_at, server_version, kinds, by_plural, objects, logs, skipped }
    }

    /// The moment that ages count from: `capturedAt`, else the newest time that an object remembers, else the time
    /// of loading.
    pub fn captured_at(&self) -> Timestamp {
        self.captured_at
    }

    /// `serverVersion`, else the newest kubelet's version; e.g. `v1.33.4`.
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// Every kind that is served, groups in the API server's order, preferred versions first.
    pub fn kinds(&self) -> &[ResourceKind] {
        &self.kinds
    }

    /// A kind by group, version and plural.
    pub fn kind(&self, group: &str, version: &str, plural: &str) -> Option<&ResourceKind> {
        self.position(group, version, plural).and_then(|index| self.kinds.get(index))
    }

    /// Objects of a kind, ordered by namespace and name; all namespaces if none is given.
    pub fn objects(&self, kind: &ResourceKind, namespace: Option<&str>) -> &[StoredObject] {
        let index = self.position(&kind.group, &kind.version, &kind.plural);
        let objects =
            index.and_then(|index| self.objects.get(index)).map_or(&[][..], Vec::as_slice);
        let Some(namespace) = namespace else { return objects };
        let start = objects.partition_point(|stored| stored.namespace.as_str() < namespace);
        let end = objects.partition_point(|stored| stored.namespace.as_str() <= namespace);
        objects.get(start..end).unwrap_or_default()
    }

    /// One object; `namespace` is empty for cluster-scoped kinds.
    pub fn get(&self, kind: &ResourceKind, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        let objects = self.objects(kind, Some(namespace));
        let index = objects.binary_search_by(|stored| stored.name.as_str().cmp(name)).ok()?;
        objects.get(index).map(|stored| &stored.object)
    }

    /// A container's recorded log.
    pub fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
    ) -> Option<&Bytes> {
        self.logs.get(namespace, pod, container, previous)
    }

    /// Names of a pod's containers that have a recorded log, in byte order.
    pub fn logged_containers(&self, namespace: &str, pod: &str) -> Vec<&str> {
        self.logs.containers(namespace, pod)
    }

    /// What was found but is not served, in path order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// How many objects there are.
    pub fn object_count(&self) -> usize {
        self.objects.iter().map(Vec::len).sum()
    }

    /// How many container logs there are.
    pub fn log_count(&self) -> usize {
        self.logs.len()
    }

    fn position(&self, group: &str, version: &str, plural: &str) -> Option<usize> {
        let key = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.by_plural.get(&key).copied()
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is(object: &Value, api_version: &str, kind: &str) -> bool {
    text(object, "/kind") == kind && text(object, "/apiVersion") == api_version
}

fn definitions(objects: &[Value]) -> Vec<Value> {
    let is_definition =
        |object: &&Value| is(object, "apiextensions.k8s.io/v1", "CustomResourceDefinition");
    // The last of several wins, as it does for objects.
    objects.iter().filter(is_definition).rev().cloned().collect()
}

fn recorded_kinds(objects: &[Value]) -> Recorded {
    let mut recorded = Recorded::new();
    for object in objects {
        let api_version = text(object, "/apiVersion");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let versions =
            recorded.entry((group.to_owned(), text(object, "/kind").to_owned())).or_default();
        let has_namespace = !text(object, "/metadata/namespace").is_empty();
        *versions.entry(version.to_owned()).or_default() |= has_namespace;
    }
    recorded
}

/// Does what the API server does on creation: the namespace `default` where one is needed and none is given, none
/// where the kind has none.
fn settle_namespace(object: &mut Value, namespaced: bool) -> String {
    let given = text(object, "/metadata/namespace").to_owned();
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    match (namespaced, given.is_empty()) {
        (true, false) => given,
        (true, true) => {
            if let Some(metadata) = metadata {
                metadata.insert("namespace".to_owned(), "default".into());
            }
            "default".to_owned()
        }
        (false, _) => {
            if let Some(metadata) = metadata {
                metadata.remove("namespace");
            }
            String::new()
        }
    }
}
