//! Files of a capture.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::fs;

use super::CaptureError;

/// Creates the directory, or makes sure that it is empty.
pub(super) async fn prepare(dir: &Path) -> Result<(), CaptureError> {
    fs::create_dir_all(dir).await.map_err(failed(dir))?;
    let mut entries = fs::read_dir(dir).await.map_err(failed(dir))?;
    match entries.next_entry().await.map_err(failed(dir))? {
        Some(_) => Err(CaptureError::NotEmpty(dir.to_owned())),
        None => Ok(()),
    }
}

/// A JSON List of objects.
pub(super) async fn list(
    dir: &Path,
    segments: &[&str],
    objects: &[&Value],
) -> Result<(), CaptureError> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let text = format!("{list:#}\n");
    file(dir, segments, text.as_bytes()).await
}

/// `snapshot.yaml`
pub(super) async fn settings(dir: &Path, at: Timestamp, version: &str) -> Result<(), CaptureError> {
    let settings =
        crate::render::yaml(&json!({"capturedAt": at.to_string(), "serverVersion": version}));
    file(dir, &["snapshot.yaml"], settings.as_bytes()).await
}

/// Any file; its path's segments come from the cluster and may not lead out of the directory.
pub(super) async fn file(dir: &Path, segments: &[&str], bytes: &[u8]) -> Result<(), CaptureError> {
    let mut path = dir.to_owned();
    for segment in segments {
        if segment.is_empty()
            || *segment == "."
            || *segment == ".."
            || segment.contains(['/', '\\', '\0'])
        {
            let source =
                io::Error::new(io::ErrorKind::InvalidInput, format!("{segment:?} is no file name"));
            return Err(CaptureError::Io { path, source });
        }
        path.push(segment);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).await.map_err(failed(parent))?;
    }
    fs::write(&path, bytes).await.map_err(failed(&path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> CaptureError {
    let path: PathBuf = path.to_owned();
    move |source| CaptureError::Io { path, source }
}
