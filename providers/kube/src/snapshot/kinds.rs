//! Which kinds a snapshot serves: the built-in ones, those its CustomResourceDefinitions define, and guesses for the rest.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::builtin::{METRICS_GROUP, builtin_kinds};

/// A kind in one version, as discovery describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceKind {
    /// API group, `""` for the core group.
    pub group: String,
    /// Version, e.g. `v1`.
    pub version: String,
    /// `Deployment`
    pub kind: String,
    /// `deployments`
    pub plural: String,
    /// `deployment`; empty for the metrics API, as in a real cluster.
    pub singular: String,
    /// `deploy`
    pub short_names: Vec<String>,
    /// `all`
    pub categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Where this description comes from.
    pub origin: KindOrigin,
    /// `additionalPrinterColumns` of a CustomResourceDefinition.
    pub columns: Vec<PrinterColumn>,
    /// `selectableFields` of a CustomResourceDefinition, without the leading dot.
    pub selectable_fields: Vec<String>,
}

impl ResourceKind {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods` or `deployments.apps`, as error messages name it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

/// Where the description of a kind comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindOrigin {
    /// Part of Kubernetes.
    BuiltIn,
    /// A CustomResourceDefinition of the snapshot.
    Defined,
    /// Only objects are there: plural and scope are guessed from them.
    Guessed,
}

/// One column that a CustomResourceDefinition adds to tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrinterColumn {
    /// Heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub value_type: String,
    /// Simple JSONPath, e.g. `.status.phase`.
    pub json_path: String,
    /// Above 0: only in wide output.
    pub priority: i64,
    /// For humans.
    pub description: String,
}

/// Group and kind in every recorded version, with whether any of its objects has a namespace.
pub(super) type Recorded = BTreeMap<(String, String), BTreeMap<String, bool>>;

/// All kinds to serve, groups in the API server's order, preferred versions first.
pub(super) fn served_kinds(recorded: &Recorded, definitions: &[Value]) -> Vec<ResourceKind> {
    let mut known = builtin_kinds();
    known.retain(|kind| {
        kind.group != METRICS_GROUP
            || recorded.contains_key(&(kind.group.clone(), kind.kind.clone()))
    });
    let mut taken: HashSet<ResourceKey> = known.iter().map(resource_key).collect();
    for kind in definitions.iter().flat_map(defined_kinds) {
        if taken.insert(resource_key(&kind)) {
            known.push(kind);
        }
    }
    let mut relatives: HashMap<(&str, &str), Vec<&ResourceKind>> = HashMap::new();
    for kind in &known {
        relatives.entry((&kind.group, &kind.kind)).or_default().push(kind);
    }
    let mut served = Vec::new();
    for kind in &known {
        match recorded.get(&(kind.group.clone(), kind.kind.clone())) {
            // Nothing converts objects here: a version without objects would hide those of another one.
            Some(versions) if !versions.contains_key(&kind.version) => {}
            Some(_) | None => served.push(kind.clone()),
        }
    }
    for ((group, kind), versions) in recorded {
        let known = relatives.get(&(group.as_str(), kind.as_str())).map_or(&[][..], Vec::as_slice);
        for (version, namespaced) in versions {
            if known.iter().any(|known| known.version == *version) {
                continue;
            }
            served.push(match known.first() {
                Some(relative) => ResourceKind { version: version.clone(), ..(*relative).clone() },
                None => guess(group, version, kind, *namespaced, &mut taken),
            });
        }
    }
    sort_like_the_server(&mut served);
    served
}

/// Group, version and plural.
type ResourceKey = (String, String, String);

fn resource_key(kind: &ResourceKind) -> ResourceKey {
    (kind.group.clone(), kind.version.clone(), kind.plural.clone())
}

/// Core first, then groups as they were met, then the best version.
fn sort_like_the_server(kinds: &mut [ResourceKind]) {
    let mut ranks: HashMap<String, usize> = HashMap::new();
    for kind in kinds.iter() {
        let next = ranks.len();
        ranks.entry(kind.group.clone()).or_insert(next);
    }
    let rank = |kind: &ResourceKind| ranks.get(&kind.group);
    kinds.sort_by(|a, b| {
        let by_version = || compare_versions(&b.version, &a.version);
        rank(a).cmp(&rank(b)).then_with(by_version).then_with(|| a.plural.cmp(&b.plural))
    });
}

/// Kubernetes' order of versions: v2 > v1 > v1beta2 > v1beta1 > v1alpha1 > anything else by name, reversed.
fn compare_versions(a: &str, b: &str) -> Ordering {
    match (version_rank(a), version_rank(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => b.cmp(a),
    }
}

fn version_rank(version: &str) -> Option<(u8, u64, u64)> {
    let rest = version.strip_prefix('v')?;
    let (stage, major, minor) = if let Some((major, minor)) = rest.split_once("alpha") {
        (0, major, minor)
    } else if let Some((major, minor)) = rest.split_once("beta") {
        (1, major, minor)
    } else {
        (2, rest, "0")
    };
    Some((stage, major.parse().ok()?, minor.parse().ok()?))
}

/// The served versions of a CustomResourceDefinition.
fn defined_kinds(definition: &Value) -> Vec<ResourceKind> {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str);
    let (Some(group), Some(kind), Some(plural)) =
        (text("/spec/group"), text("/spec/names/kind"), text("/spec/names/plural"))
    else {
        return Vec::new();
    };
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let served = versions
        .into_iter()
        .flatten()
        .filter(|version| version.get("served").and_then(Value::as_bool).unwrap_or(true));
    served
        .filter_map(|version| {
            Some(ResourceKind {
                group: group.to_owned(),
                version: version.get("name")?.as_str()?.to_owned(),
                kind: kind.to_owned(),
                plural: plural.to_owned(),
                singular: text("/spec/names/singular")
                    .map_or_else(|| kind.to_lowercase(), str::to_owned),
                short_names: strings(definition.pointer("/spec/names/shortNames")),
                categories: strings(definition.pointer("/spec/names/categories")),
                namespaced: text("/spec/scope") != Some("Cluster"),
                origin: KindOrigin::Defined,
                columns: printer_columns(version),
                selectable_fields: selectable_fields(version),
            })
        })
        .collect()
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn printer_columns(version: &Value) -> Vec<PrinterColumn> {
    let columns = version.get("additionalPrinterColumns").and_then(Value::as_array);
    let column = |column: &Value| {
        let text = |field: &str| column.get(field).and_then(Value::as_str);
        Some(PrinterColumn {
            name: text("name")?.to_owned(),
            value_type: text("type").unwrap_or("string").to_owned(),
            json_path: text("jsonPath")?.to_owned(),
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or(0),
            description: text("description").unwrap_or_default().to_owned(),
        })
    };
    columns.into_iter().flatten().filter_map(column).collect()
}

fn selectable_fields(version: &Value) -> Vec<String> {
    let fields = version.get("selectableFields").and_then(Value::as_array);
    let path = |field: &Value| {
        let path = field.get("jsonPath")?.as_str()?;
        Some(path.strip_prefix('.').unwrap_or(path).to_owned())
    };
    fields.into_iter().flatten().filter_map(path).collect()
}

/// Kubernetes' own guess of a plural, made unique within its version.
fn guess(
    group: &str,
    version: &str,
    kind: &str,
    namespaced: bool,
    taken: &mut HashSet<ResourceKey>,
) -> ResourceKind {
    let singular = kind.to_lowercase();
    let mut plural = match singular.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if singular.ends_with('s') => format!("{singular}es"),
        None => format!("{singular}s"),
    };
    while !taken.insert((group.to_owned(), version.to_owned(), plural.clone())) {
        plural.push('s');
    }
    ResourceKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural,
        singular,
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        origin: KindOrigin::Guessed,
        columns: Vec::new(),
        selectable_fields: Vec::new(),
    }
}
