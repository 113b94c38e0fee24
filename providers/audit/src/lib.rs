//! Where audit events go: [`FileSink`] writes them as JSON Lines to a file.

mod file;

pub use file::FileSink;
