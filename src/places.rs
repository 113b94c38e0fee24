//! Where the service writes: checks that it can, before it does. Nothing that others see is made.

use std::io;
use std::path::Path;

use crate::config::{Config, StorageConfig};

/// Checks that journals can be kept in the storage directory, which need not exist yet.
///
/// # Errors
/// The directory, the reason and the fix.
pub(crate) fn check_storage(storage: &StorageConfig) -> Result<(), String> {
    if storage.in_memory() {
        return Ok(());
    }
    let directory = storage.directory.as_path();
    let existing = directory.ancestors().find(|path| path.symlink_metadata().is_ok());
    // A relative path whose every part is to be made begins where the program runs.
    let existing = existing.unwrap_or(Path::new("."));
    writable(existing).map_err(|error| {
        let shown = directory.display();
        let about = if existing == directory {
            String::new()
        } else {
            format!(" ({})", existing.display())
        };
        format!(
            "cannot write to {shown}{about}: {error}; name a directory that this user may write to"
        )
    })
}

/// Checks that events can be appended to the audit file, which need not exist yet; its directory must, unless it
/// is the storage directory, which the service makes.
///
/// # Errors
/// The file or directory, the reason and the fix.
pub(crate) fn check_audit_file(config: &Config) -> Result<(), String> {
    let file = config.audit_file();
    let directory = match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(format!("{} is no file; name one", file.display())),
    };
    if !config.storage.in_memory() && directory == config.storage.directory && !directory.exists() {
        return Ok(());
    }
    let shown = directory.display();
    match std::fs::metadata(&file) {
        Ok(found) if !found.is_file() => {
            Err(format!("{} is not a regular file; name one, or one to be made", file.display()))
        }
        Ok(_) => match std::fs::OpenOptions::new().append(true).open(&file) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "cannot append to {}: {error}; make it writable for this user",
                file.display()
            )),
        },
        Err(_) if !directory.exists() => {
            Err(format!("the directory {shown} does not exist; make it, or name another file"))
        }
        Err(_) => writable(directory).map_err(|error| {
            format!("cannot write to {shown}: {error}; name a file in a directory that this user may write to")
        }),
    }
}

/// Makes a file without a name, which is gone when it is closed.
fn writable(directory: &Path) -> io::Result<()> {
    if !std::fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    tempfile::tempfile_in(directory).map(drop)
}
