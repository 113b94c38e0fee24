//! From what someone calls a kind to the kind that is meant.

use leadsman_ports::cluster::{ClusterError, ResourceType, UnavailableGroup};

use super::discovery::{Catalogue, ServedKind};

/// Groups that serve a second view of kinds that a built-in group serves as well. Where such a built-in
/// answers to the same name it is meant.
const SECOND_VIEWS: &[&str] = &[
    "metrics.k8s.io",
    "custom.metrics.k8s.io",
    "external.metrics.k8s.io",
    "events.k8s.io",
    "extensions",
    "authorization.openshift.io",
];
/// How many similar names an error suggests.
const SUGGESTIONS: usize = 3;
/// Jaro-Winkler similarity from which a name counts as similar.
const SIMILAR: f64 = 0.84;

/// Finds a kind by any of its names in any letter case. `group` is a group, an apiVersion or nothing;
/// `deployments.apps` names both at once.
pub(super) fn resolve(
    catalogue: &Catalogue,
    kind: &str,
    group: Option<&str>,
) -> Result<ResourceType, ClusterError> {
    let asked = kind.trim();
    let group = group.map(str::trim).filter(|group| !group.is_empty());
    let found = find(catalogue, asked, group);
    let found = match (found.is_empty(), group, asked.split_once('.')) {
        (true, None, Some((name, group))) => find(catalogue, name, Some(group)),
        _ => found,
    };
    let mut found = without_second_views(found);
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => match catalogue.outage(&only.resource) {
            Some(gap) => Err(ClusterError::GroupUnavailable(gap.clone())),
            None => Ok(only.resource.clone()),
        },
        (Some(last), false) => {
            found.push(last);
            let mut groups: Vec<String> = found.iter().map(|kind| group_label(kind)).collect();
            groups.sort();
            groups.dedup();
            Err(ClusterError::AmbiguousKind { kind: asked.to_owned(), groups })
        }
        (None, _) => Err(match dead_group(catalogue, asked, group) {
            Some(gap) => ClusterError::GroupUnavailable(gap.clone()),
            None => ClusterError::UnknownKind {
                kind: asked.to_owned(),
                similar: similar(catalogue, asked),
            },
        }),
    }
}

/// The group that was asked for, where it cannot be served and it is not known which kinds it has.
fn dead_group<'c>(
    catalogue: &'c Catalogue,
    asked: &str,
    group: Option<&str>,
) -> Option<&'c UnavailableGroup> {
    let group = group.or_else(|| asked.split_once('.').map(|(_, group)| group))?;
    catalogue.unavailable.iter().find(|gap| {
        gap.group.eq_ignore_ascii_case(group) || gap.api_version().eq_ignore_ascii_case(group)
    })
}

fn group_label(kind: &ServedKind) -> String {
    if kind.resource.group.is_empty() { "v1".to_owned() } else { kind.resource.group.clone() }
}

fn find<'c>(catalogue: &'c Catalogue, name: &str, group: Option<&str>) -> Vec<&'c ServedKind> {
    let in_group: Vec<&ServedKind> = match group {
        None => catalogue.kinds.iter().filter(|kind| kind.preferred).collect(),
        Some(group) => in_group(catalogue, group),
    };
    let by_name: Vec<&ServedKind> =
        in_group.iter().copied().filter(|kind| is_named(kind, name)).collect();
    if !by_name.is_empty() {
        return by_name;
    }
    let short =
        |kind: &&ServedKind| kind.short_names.iter().any(|short| short.eq_ignore_ascii_case(name));
    in_group.into_iter().filter(short).collect()
}

/// An apiVersion that is not served any more falls back to what its group prefers.
fn in_group<'c>(catalogue: &'c Catalogue, group: &str) -> Vec<&'c ServedKind> {
    let exact: Vec<&ServedKind> = catalogue
        .kinds
        .iter()
        .filter(|kind| kind.resource.api_version().eq_ignore_ascii_case(group))
        .collect();
    if !exact.is_empty() {
        return exact;
    }
    let name = group.split('/').next().unwrap_or(group);
    let name = if name.eq_ignore_ascii_case("core") { "" } else { name };
    catalogue
        .kinds
        .iter()
        .filter(|kind| kind.preferred && kind.resource.group.eq_ignore_ascii_case(name))
        .collect()
}

fn is_named(kind: &ServedKind, name: &str) -> bool {
    let resource = &kind.resource;
    resource.kind.eq_ignore_ascii_case(name)
        || resource.plural.eq_ignore_ascii_case(name)
        || (!kind.singular.is_empty() && kind.singular.eq_ignore_ascii_case(name))
}

fn without_second_views(found: Vec<&ServedKind>) -> Vec<&ServedKind> {
    let is_second_view = |kind: &&ServedKind| SECOND_VIEWS.contains(&kind.resource.group.as_str());
    if found.iter().all(is_second_view) {
        return found;
    }
    found.into_iter().filter(|kind| !is_second_view(kind)).collect()
}

fn similar(catalogue: &Catalogue, name: &str) -> Vec<String> {
    let name = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = catalogue
        .kinds
        .iter()
        .filter(|kind| kind.preferred)
        .map(|kind| {
            let names = [kind.resource.kind.as_str(), kind.resource.plural.as_str()];
            let score = |other: &str| strsim::jaro_winkler(&name, &other.to_lowercase());
            (names.into_iter().map(score).fold(0.0, f64::max), kind.resource.kind.as_str())
        })
        .filter(|(score, _)| *score >= SIMILAR)
        .collect();
    scored.sort_by(|(a, left), (b, right)| b.total_cmp(a).then(left.cmp(right)));
    scored.dedup_by_key(|(_, kind)| *kind);
    scored.into_iter().take(SUGGESTIONS).map(|(_, kind)| kind.to_owned()).collect()
}
