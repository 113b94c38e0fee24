//! What a reading of discovery found.

use leadsman_ports::cluster::{ResourceType, UnavailableGroup};

/// A kind in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) struct ServedKind {
    pub(in crate::client) resource: ResourceType,
    pub(in crate::client) singular: String,
    pub(in crate::client) short_names: Vec<String>,
    pub(in crate::client) listable: bool,
    /// Whether no version that the group prefers to this one has the kind.
    pub(in crate::client) preferred: bool,
}

/// Everything that is served, in the server's order of groups.
#[derive(Debug, Default)]
pub(in crate::client) struct Catalogue {
    pub(in crate::client) kinds: Vec<ServedKind>,
    /// The groups that are offered and cannot be served. Their kinds, as far as they are known, stand in `kinds`.
    pub(in crate::client) unavailable: Vec<UnavailableGroup>,
}

impl Catalogue {
    /// Why a kind cannot be read, if the server of its group is down.
    pub(in crate::client) fn outage(&self, resource: &ResourceType) -> Option<&UnavailableGroup> {
        self.unavailable
            .iter()
            .find(|gap| gap.group == resource.group && gap.version == resource.version)
    }

    /// What can be read, preferred versions only.
    pub(in crate::client) fn readable(&self) -> impl Iterator<Item = &ServedKind> {
        self.kinds.iter().filter(|kind| kind.preferred && self.outage(&kind.resource).is_none())
    }

    /// Takes in the kinds of a group's version; versions come in the group's order of preference.
    pub(super) fn add(&mut self, kinds: impl IntoIterator<Item = ServedKind>) {
        for kind in kinds {
            let known = self.kinds.iter().any(|other| {
                other.resource.group == kind.resource.group
                    && other.resource.plural == kind.resource.plural
            });
            self.kinds.push(ServedKind { preferred: !known, ..kind });
        }
    }

    /// Notes that a group's version cannot be served. Its kinds are those that the server remembers or, failing
    /// that, those that an older reading knew.
    pub(super) fn add_unavailable(
        &mut self,
        gap: UnavailableGroup,
        remembered: Vec<ServedKind>,
        older: Option<&Self>,
    ) {
        if older.is_none_or(|older| !older.unavailable.contains(&gap)) {
            tracing::warn!(group = %gap.group, version = %gap.version, why = %gap.why, "API group is not available");
        }
        let of_gap = |kind: &&ServedKind| {
            kind.resource.group == gap.group && kind.resource.version == gap.version
        };
        if remembered.is_empty() {
            let known = older.into_iter().flat_map(|older| &older.kinds).filter(of_gap);
            self.add(known.cloned());
        } else {
            self.add(remembered);
        }
        self.unavailable.push(gap);
    }
}
