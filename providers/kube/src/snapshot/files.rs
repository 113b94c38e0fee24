//! Reads the files of a snapshot directory, and nothing outside of it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::SnapshotError;
use super::{Skipped, logs};

/// Deepest directory nesting.
const MAX_DEPTH: usize = 64;
/// Most files a snapshot may hold.
const MAX_FILES: usize = 500_000;
/// Largest sum of all files in bytes.
const MAX_TOTAL_BYTES: u64 = 4 << 30;

/// What was found below the root.
#[derive(Default)]
pub(super) struct Tree {
    /// `/`-separated path below the root, and content.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// What is not part of a snapshot.
    pub(super) skipped: Vec<Skipped>,
    total: u64,
}

/// Whether a file may hold API objects.
pub(super) fn holds_objects(path: &str) -> bool {
    [".json", ".yaml", ".yml"].iter().any(|ending| path.ends_with(ending))
}

/// Reads every file that a snapshot may consist of. Symbolic links to files inside of the root are followed
/// (mounted ConfigMaps consist of them), links to directories inside are not: their files are met anyway.
pub(super) fn read_tree(root: &Path) -> Result<Tree, SnapshotError> {
    let shown = root.display().to_string();
    let root = root.canonicalize().map_err(|source| io_error(&shown, source))?;
    if !root.is_dir() {
        return Err(SnapshotError::NotADirectory { path: shown });
    }
    let mut tree = Tree::default();
    let mut pending = vec![(root.clone(), String::new(), 0_usize)];
    while let Some((dir, prefix, depth)) = pending.pop() {
        let shown = if prefix.is_empty() { shown.clone() } else { prefix.clone() };
        if depth > MAX_DEPTH {
            return Err(too_large(shown, "the depth of directories", MAX_DEPTH as u64));
        }
        for entry in fs::read_dir(&dir).map_err(|source| io_error(&shown, source))? {
            let entry = entry.map_err(|source| io_error(&shown, source))?;
            let name = entry.file_name().into_string().map_err(|name| SnapshotError::NotUtf8 {
                path: format!("{shown}/{}", name.to_string_lossy()),
                fix: "rename it",
            })?;
            // `..data` of a mounted ConfigMap, `.git`, editors' swap files.
            if name.starts_with('.') {
                continue;
            }
            let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let Some((target, meta)) = resolve(&root, entry.path(), &path)? else {
                tree.skip(path, "a link to a directory of the snapshot");
                continue;
            };
            if meta.is_dir() {
                pending.push((target, path, depth + 1));
            } else if !meta.is_file() {
                tree.skip(path, "not a regular file");
            } else if holds_objects(&path) || logs::is_log(&path) {
                tree.read(path, &target)?;
            } else {
                tree.skip(path, "neither JSON nor YAML nor a container's log");
            }
        }
    }
    Ok(tree)
}

/// Follows a link, refuses one that leaves the root; `None` for a link to a directory.
fn resolve(
    root: &Path,
    found: PathBuf,
    path: &str,
) -> Result<Option<(PathBuf, fs::Metadata)>, SnapshotError> {
    let meta = fs::symlink_metadata(&found).map_err(|source| io_error(path, source))?;
    if !meta.is_symlink() {
        return Ok(Some((found, meta)));
    }
    let target = found.canonicalize().map_err(|source| io_error(path, source))?;
    if !target.starts_with(root) {
        return Err(SnapshotError::SymlinkEscape { path: path.to_owned() });
    }
    let meta = fs::metadata(&target).map_err(|source| io_error(path, source))?;
    Ok(if meta.is_dir() { None } else { Some((target, meta)) })
}

impl Tree {
    fn skip(&mut self, path: String, reason: &'static str) {
        self.skipped.push(Skipped { path, reason });
    }

    fn read(&mut self, path: String, target: &Path) -> Result<(), SnapshotError> {
        if self.files.len() >= MAX_FILES {
            return Err(too_large(path, "the number of files", MAX_FILES as u64));
        }
        let file = fs::File::open(target).map_err(|source| io_error(&path, source))?;
        let room = MAX_TOTAL_BYTES - self.total;
        let mut content = Vec::new();
        // One byte more than allowed tells a full snapshot from an oversized one, however the file grows meanwhile.
        let read = file.take(room + 1).read_to_end(&mut content);
        read.map_err(|source| io_error(&path, source))?;
        let size = content.len() as u64;
        if size > room {
            return Err(too_large(path, "the sum of all files in bytes", MAX_TOTAL_BYTES));
        }
        self.total += size;
        self.files.push((path, content));
        Ok(())
    }
}

fn io_error(path: &str, source: std::io::Error) -> SnapshotError {
    SnapshotError::Io { path: path.to_owned(), source }
}

fn too_large(path: String, what: &'static str, limit: u64) -> SnapshotError {
    SnapshotError::TooLarge { path, what, limit }
}
