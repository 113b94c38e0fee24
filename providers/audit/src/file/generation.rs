//! One file between two rotations: opened, locked, its end read for event ids, and repaired after a crash.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::append::append_whole;
use super::event_id;
use super::recent::{REMEMBERED, Recent};
use leadsman_ports::audit::AuditError;

/// An audit file that consists of whole lines.
#[derive(Debug)]
pub(super) struct Generation {
    file: File,
    /// Device and inode: they tell whether the path still names this file.
    identity: (u64, u64),
    /// Length in bytes as this process left it.
    len: u64,
}

/// Bytes that are read at a time while looking for line ends from the back.
const BLOCK: u64 = 1 << 16;

impl Generation {
    /// Opens or creates the file, takes it from other processes, and adds its last events to `recent`.
    pub(super) fn open(path: &Path, recent: &mut Recent) -> Result<Self, AuditError> {
        let fail = |error: io::Error| unavailable(path, &error);
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(fail(io::Error::other("not a regular file")));
        }
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => AuditError::Unavailable(format!(
                "the audit file {} is in use by another process: stop that process, or use another file",
                path.display()
            )),
            TryLockError::Error(error) => fail(error),
        })?;
        Self::load(file, path, recent)
            .and_then(|this| sync_parent(path).map(|()| this))
            .map_err(fail)
    }

    /// Reads and, if need be, repairs the file again, for when its length is not what this process left.
    pub(super) fn reload(&self, path: &Path, recent: &mut Recent) -> Result<Self, AuditError> {
        let file = self.file.try_clone();
        file.and_then(|file| Self::load(file, path, recent))
            .map_err(|error| unavailable(path, &error))
    }

    fn load(file: File, path: &Path, recent: &mut Recent) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let identity = (metadata.dev(), metadata.ino());
        let mut this = Self { file, identity, len: 0 };
        let tail = this.scan(path, recent)?;
        if let Some(id) = event_id(&tail) {
            let whole = this.len + tail.len() as u64;
            append_whole(&mut this.file, whole, b"\n")?;
            this.len = whole + 1;
            recent.add(id);
        } else if !tail.is_empty() {
            move_aside(&tail, path)?;
            this.file.set_len(this.len)?;
        }
        // Lines that a crashed process wrote may not have reached the disk, but count as held from now on.
        this.file.sync_data()?;
        Ok(this)
    }

    /// Learns the ids of the last whole lines; returns what follows the last newline. A file that has grown for months is
    /// not read whole.
    fn scan(&mut self, path: &Path, recent: &mut Recent) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        self.len = last_lines(file, REMEMBERED)?;
        file.seek(SeekFrom::Start(self.len))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        let mut foreign = 0_u64;
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.len += line.len() as u64;
            match event_id(&line) {
                Some(id) => recent.add(id),
                None => foreign += 1,
            }
            line.clear();
        }
        if foreign > 0 {
            tracing::warn!(path = %path.display(), lines = foreign, "the audit file has lines that are no audit events");
        }
        Ok(line)
    }

    /// Whether the path still names this file.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }

    /// Whether nobody else has changed the length.
    pub(super) fn is_untouched(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() == self.len)
    }

    /// Appends whole lines durably; a failure changes nothing.
    pub(super) fn append(&mut self, lines: &str) -> io::Result<()> {
        append_whole(&mut self.file, self.len, lines.as_bytes())?;
        self.len += lines.len() as u64;
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::other("the file was deleted during the write"));
        }
        Ok(())
    }
}

/// Where the last `count` whole lines begin, in bytes from the start.
fn last_lines(mut file: &File, count: usize) -> io::Result<u64> {
    let mut at = file.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    // The end of the line before them is looked for, too.
    let mut ends = 0;
    while at > 0 {
        let start = at.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.take(at - start).read_to_end(&mut block)?;
        for (place, byte) in block.iter().enumerate().rev() {
            if *byte == b'\n' {
                ends += 1;
                if ends > count {
                    return Ok(start + place as u64 + 1);
                }
            }
        }
        at = start;
    }
    Ok(0)
}

/// An I/O error in words that name the file and the fix.
pub(super) fn unavailable(path: &Path, error: &io::Error) -> AuditError {
    AuditError::Unavailable(format!(
        "the audit file {}: {error}; check the path, its permissions and the free space",
        path.display()
    ))
}

fn move_aside(tail: &[u8], path: &Path) -> io::Result<()> {
    let mut name = OsString::from(path);
    name.push(".torn");
    let torn = PathBuf::from(name);
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&torn)?;
    file.write_all(&[tail, b"\n"].concat())?;
    file.sync_data()?;
    sync_parent(&torn)?;
    tracing::warn!(
        path = %path.display(), bytes = tail.len(), moved_to = %torn.display(),
        "the audit file ended in an unfinished line"
    );
    Ok(())
}

/// Makes the directory entry of a new file survive a power cut.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
