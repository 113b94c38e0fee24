//! The bundled scenarios.

use std::sync::Arc;

use include_dir::{Dir, DirEntry, include_dir};
use leadsman_kube::snapshot::Snapshot;
use serde::Deserialize;

use super::Error;

static BUNDLE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/demos");

/// A cluster at one moment and an incident in it.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) is_default: bool,
    /// The request body.
    pub(super) incident: &'static [u8],
    directory: &'static Dir<'static>,
}

/// What `expected.yaml` says for a listing; the rest is for tests.
#[derive(Debug, Deserialize)]
struct Card {
    title: String,
    #[serde(default)]
    default: bool,
}

/// Every bundled scenario by name.
pub(super) fn bundled() -> Result<Vec<Scenario>, Error> {
    let mut scenarios = Vec::new();
    for directory in BUNDLE.dirs() {
        let name = base_name(directory.path());
        let file = |file: &str| {
            let path = directory.path().join(file);
            directory.get_file(&path).ok_or_else(|| format!("demo {name} has no {file}"))
        };
        let card = file("expected.yaml")?.contents_utf8().unwrap_or_default();
        let Card { title, default } = serde_saphyr::from_str(card)?;
        scenarios.push(Scenario {
            title,
            is_default: default,
            incident: file("incident.json")?.contents(),
            name,
            directory,
        });
    }
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scenarios)
}

/// The named scenario, or the default one.
pub(super) fn pick<'a>(
    scenarios: &'a [Scenario],
    name: Option<&str>,
) -> Result<&'a Scenario, Error> {
    let found = match name {
        Some(name) => scenarios.iter().find(|scenario| scenario.name == name),
        None => scenarios.iter().find(|scenario| scenario.is_default).or(scenarios.first()),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        format!(
            "there is no demo {:?}; choose one of {}",
            name.unwrap_or_default(),
            names.join(", ")
        )
        .into()
    })
}

impl Scenario {
    /// Its cluster.
    pub(super) fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        let root = self.directory.path().join("snapshot");
        let directory = self
            .directory
            .get_dir(&root)
            .ok_or_else(|| format!("demo {} has no snapshot", self.name))?;
        let mut files = Vec::new();
        collect(directory, &root, &mut files);
        Ok(Arc::new(Snapshot::from_files(files)?))
    }
}

/// Files with their paths below the snapshot's root.
fn collect(directory: &Dir<'_>, root: &std::path::Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in directory.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, root, files),
            DirEntry::File(file) => {
                let path = file.path().strip_prefix(root).unwrap_or(file.path());
                files.push((path.to_string_lossy().into_owned(), file.contents().to_vec()));
            }
        }
    }
}

fn base_name(path: &std::path::Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
