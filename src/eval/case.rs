//! Cases on disk: a directory with a snapshot, an incident and the expected answer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use leadsman_contract::{IncidentRequest, InvalidIncident};
use leadsman_kube::snapshot::SnapshotError;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::judge::{Expected, Target};
use crate::triage::causes::{self, CauseCode};

/// The incident's file in the directory of a case.
const INCIDENT: &str = "incident.json";
/// The expected answer's file.
const EXPECTED: &str = "expected.yaml";
/// The directory that holds the cluster.
pub(super) const SNAPSHOT: &str = "snapshot";
/// What `cause` says where the snapshot does not hold what would decide.
const INCONCLUSIVE: &str = "inconclusive";

/// An incident in a cluster, and the right answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its path below the directory that was searched, with `/` between the parts.
    pub name: String,
    /// What happened; may be empty.
    pub description: String,
    /// The right answer.
    pub expected: Expected,
    pub(super) directory: PathBuf,
    pub(super) incident: IncidentRequest,
}

/// Why a case has no answer. Every message names the file and the fix.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file or directory cannot be read.
    #[error("{}: {source}; make it readable for this user", .path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cases cannot be searched for.
    #[error("{} is not a directory; name the one that holds the cases", .path.display())]
    NotADirectory {
        /// As given.
        path: PathBuf,
    },
    /// A part of a case is not there.
    #[error("{} is missing; add {fix}", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// What should be there.
        fix: &'static str,
    },
    /// An expected answer that cannot be used.
    #[error("{}: {problem}", .path.display())]
    Expected {
        /// The file.
        path: PathBuf,
        /// The field and the fix.
        problem: String,
    },
    /// An incident that the API would refuse.
    #[error("{}: {source}", .path.display())]
    Incident {
        /// The file.
        path: PathBuf,
        /// Every bad field.
        source: InvalidIncident,
    },
    /// A snapshot that cannot be served.
    #[error("{}: {source}", .path.display())]
    Snapshot {
        /// The directory.
        path: PathBuf,
        /// The file in it and the fix.
        source: Box<SnapshotError>,
    },
    /// There is nothing to do.
    #[error("{}: no case is here{selected}; a case is a directory with {INCIDENT}, {EXPECTED} and {SNAPSHOT}/", .directory.display())]
    NoCase {
        /// The directory that was searched.
        directory: PathBuf,
        /// What was asked for, in words.
        selected: &'static str,
    },
    /// The investigation did not come to its end.
    #[error(
        "case {name}: the investigation broke off: {problem}; please report this with the case"
    )]
    Stopped {
        /// The case.
        name: String,
        /// What happened.
        problem: String,
    },
}

/// Which cases to take.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names of directories to leave out, at any depth.
    pub exclude: Vec<String>,
    /// Take only cases with one of these texts in their name; every case if there is none.
    pub filter: Vec<String>,
}

/// The cases below a directory.
#[derive(Debug)]
pub struct Loaded {
    /// By name.
    pub cases: Vec<Case>,
    /// Those that cannot be used, by name.
    pub broken: Vec<CaseError>,
}

impl Loaded {
    /// Finds and reads the selected cases at any depth below a directory, which may itself be one. Symbolic
    /// links are not followed. Snapshots are not read yet.
    ///
    /// # Errors
    /// [`CaseError`] when a directory cannot be read or no case is found.
    pub fn below(root: &Path, selection: &Selection) -> Result<Self, CaseError> {
        if !root.is_dir() {
            return Err(CaseError::NotADirectory { path: root.to_owned() });
        }
        let mut places = Vec::new();
        if is_case(root) {
            let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy();
            places.push((name.into_owned(), root.to_owned()));
        } else {
            search(root, "", &selection.exclude, &mut places)?;
        }
        places.retain(|(name, _)| {
            selection.filter.is_empty() || selection.filter.iter().any(|text| name.contains(text))
        });
        if places.is_empty() {
            let all = selection.filter.is_empty() && selection.exclude.is_empty();
            let selected = if all { "" } else { " that --filter and --exclude leave" };
            return Err(CaseError::NoCase { directory: root.to_owned(), selected });
        }
        places.sort();
        let mut loaded = Self { cases: Vec::new(), broken: Vec::new() };
        for (name, directory) in places {
            match Case::read(name, directory) {
                Ok(case) => loaded.cases.push(case),
                Err(error) => loaded.broken.push(error),
            }
        }
        Ok(loaded)
    }
}

fn is_case(directory: &Path) -> bool {
    directory.join(INCIDENT).exists() || directory.join(EXPECTED).exists()
}

fn search(
    directory: &Path,
    name: &str,
    exclude: &[String],
    found: &mut Vec<(String, PathBuf)>,
) -> Result<(), CaseError> {
    let unreadable = |source| CaseError::Unreadable { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let base = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type().map_err(unreadable)?.is_dir() || exclude.contains(&base) {
            continue;
        }
        let path = entry.path();
        let name = if name.is_empty() { base } else { format!("{name}/{base}") };
        if is_case(&path) {
            found.push((name, path));
        } else {
            search(&path, &name, exclude, found)?;
        }
    }
    Ok(())
}

impl Case {
    fn read(name: String, directory: PathBuf) -> Result<Self, CaseError> {
        let path = directory.join(INCIDENT);
        let body = read(&path, "the body of POST /api/v1/incident/analyze")?;
        let incident = IncidentRequest::decode(&body)
            .map_err(|source| CaseError::Incident { path, source })?;
        let path = directory.join(EXPECTED);
        let text = read(&path, "the expected answer: cause and target")?;
        let (description, expected) =
            expected(&text).map_err(|problem| CaseError::Expected { path, problem })?;
        let snapshot = directory.join(SNAPSHOT);
        if !snapshot.is_dir() {
            let fix =
                "the cluster's objects and logs, or capture them with `leadsman snapshot capture`";
            return Err(CaseError::Missing { path: snapshot, fix });
        }
        Ok(Self { name, description, expected, directory, incident })
    }
}

fn read(path: &Path, fix: &'static str) -> Result<Vec<u8>, CaseError> {
    fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CaseError::Missing { path: path.to_owned(), fix },
        _ => CaseError::Unreadable { path: path.to_owned(), source },
    })
}

/// The file as written; a title and a default mark matter to demos only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    #[serde(rename = "title")]
    _title: Option<IgnoredAny>,
    #[serde(rename = "default")]
    _default: Option<IgnoredAny>,
    #[serde(default)]
    description: String,
    family: Option<String>,
    cause: String,
    target: Option<Target>,
    #[serde(default)]
    not_causes: Vec<String>,
}

fn expected(text: &[u8]) -> Result<(String, Expected), String> {
    let card: Card = serde_saphyr::from_slice(text).map_err(|error| error.to_string())?;
    let cause = match card.cause.as_str() {
        INCONCLUSIVE => None,
        code => Some(known("cause", code)?),
    };
    let target = match (card.target, cause) {
        (Some(target), _) if target.kind.is_empty() || target.name.is_empty() => {
            return Err("target: kind or name is empty; name the object to fix".to_owned());
        }
        (None, Some(_)) => return Err("target: is missing; name the object to fix".to_owned()),
        (target, _) => target,
    };
    let not_causes = card
        .not_causes
        .iter()
        .map(|code| known("not_causes", code))
        .collect::<Result<Vec<CauseCode>, String>>()?;
    if cause.is_some_and(|cause| not_causes.contains(&cause)) {
        return Err(format!("not_causes: holds the expected cause {}; take it out", card.cause));
    }
    let family = card.family.unwrap_or_else(|| {
        let family = card.cause.split_once('.').map_or(card.cause.as_str(), |(family, _)| family);
        family.to_owned()
    });
    Ok((card.description, Expected { family, cause, target, not_causes }))
}

fn known(field: &str, code: &str) -> Result<CauseCode, String> {
    causes::parse(code).ok_or_else(|| {
        format!("{field}: no cause has the code {code:?}; `leadsman causes` lists the codes")
    })
}
