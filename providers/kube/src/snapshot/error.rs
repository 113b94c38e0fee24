//! Why a snapshot could not be loaded. Every message names the file and what to change.

use std::io;

/// A snapshot that cannot be served. Nothing of it is loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The operating system refused a file or directory.
    #[error("cannot read {path}: {source}; make it readable for this user")]
    Io {
        /// The file or directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The path given is not a directory.
    #[error("{path} is not a directory; name the directory that holds the snapshot's files")]
    NotADirectory {
        /// As given.
        path: String,
    },
    /// Nothing of a cluster is in the directory.
    #[error(
        "{path} holds no API object; name the directory that holds the snapshot's files, or write one with \
         `leadsman snapshot capture`"
    )]
    Empty {
        /// As given.
        path: String,
    },
    /// A symbolic link points out of the snapshot.
    #[error("{path} is a symbolic link that leads out of the snapshot; copy its target into it")]
    SymlinkEscape {
        /// The link.
        path: String,
    },
    /// A path or an object file that is not UTF-8.
    #[error("{path} is not UTF-8; {fix}")]
    NotUtf8 {
        /// The file.
        path: String,
        /// What to do.
        fix: &'static str,
    },
    /// JSON or YAML that cannot be parsed.
    #[error("{path}{}: {message}; {fix}", at_line(*.line))]
    Syntax {
        /// The file.
        path: String,
        /// Counted from 1, where the parser knows it.
        line: Option<u64>,
        /// What the parser said.
        message: String,
        /// What to do.
        fix: &'static str,
    },
    /// An API object with a field that no API server would accept.
    #[error("{path}: object {position}: {field} {problem}; {fix}")]
    Object {
        /// The file.
        path: String,
        /// Which object of the file, counted from 1.
        position: usize,
        /// The field's path.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        fix: &'static str,
    },
    /// The root `snapshot.yaml` says something that is not understood.
    #[error("snapshot.yaml: {field} {problem}; {fix}")]
    Settings {
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        fix: &'static str,
    },
    /// More or larger files than a snapshot may have.
    #[error(
        "{path}: {what} exceeds the limit of {limit}; split the snapshot or drop what is not needed"
    )]
    TooLarge {
        /// Where the limit was hit.
        path: String,
        /// What was counted.
        what: &'static str,
        /// The limit, in the unit that `what` names.
        limit: u64,
    },
}

fn at_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}
