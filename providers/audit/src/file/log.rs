//! The log over its rotations: which file to write to, and which events are already in it.

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use leadsman_ports::audit::AuditError;
use uuid::Uuid;

use super::generation::{Generation, unavailable};
use super::recent::Recent;

/// All calls block on the disk.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    current: Generation,
    /// Across rotations, because a batch may come again after one.
    recent: Recent,
}

impl Log {
    /// Opens the file, creating it and its directory if missing.
    pub(super) fn open(path: PathBuf) -> Result<Self, AuditError> {
        let path = prepare(&path).map_err(|error| unavailable(&path, &error))?;
        let mut recent = Recent::default();
        let current = Generation::open(&path, &mut recent)?;
        Ok(Self { path, current, recent })
    }

    /// Appends the lines that were not written lately.
    pub(super) fn append(&mut self, lines: Vec<(Uuid, String)>) -> Result<(), AuditError> {
        self.follow_rotation()?;
        let (mut ids, mut text) = (Vec::new(), String::new());
        let mut in_batch = HashSet::new();
        for (id, line) in lines {
            if !self.recent.holds(id) && in_batch.insert(id) {
                ids.push(id);
                text.push_str(&line);
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        self.current.append(&text).map_err(|error| unavailable(&self.path, &error))?;
        self.recent.extend(ids);
        Ok(())
    }

    /// Goes on in a new file when the old one was renamed, removed or cut. A directory that has gone is
    /// not made again: a volume that is not mounted must not be written around.
    fn follow_rotation(&mut self) -> Result<(), AuditError> {
        if !self.current.is_at(&self.path) {
            self.current = Generation::open(&self.path, &mut self.recent)?;
        } else if !self.current.is_untouched().map_err(|error| unavailable(&self.path, &error))? {
            self.current = self.current.reload(&self.path, &mut self.recent)?;
        }
        Ok(())
    }
}

/// Absolute, because a process may change its working directory between two rotations.
fn prepare(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    if let Some(directory) = path.parent() {
        // Audit events tell what the cluster told: nobody but the owner reads them.
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    Ok(path)
}
