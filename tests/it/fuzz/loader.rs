//! The snapshot loader: arbitrary bytes, arbitrary pieces of its formats, and real files with damage.

use std::path::Path;
use std::sync::LazyLock;

use leadsman_kube::snapshot::Snapshot;
use proptest::prelude::*;

use super::{change, changed, pieces};

/// The files of every demo, as a snapshot holds them.
static REAL_FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut files = Vec::new();
    let demos = Path::new(env!("CARGO_MANIFEST_DIR")).join("demos");
    for demo in std::fs::read_dir(demos).unwrap() {
        let snapshot = demo.unwrap().path().join("snapshot");
        collect(&snapshot, &snapshot, &mut files);
    }
    files.sort();
    assert!(files.len() > 10, "the demos are missing");
    files
});

fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read(&path).unwrap()));
        }
    }
}

fn file_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}\\.(json|yaml|yml|log|txt)",
        "[a-z]{1,4}/[a-z]{1,4}/(app\\.log|app\\.previous\\.log|logs\\.txt|o\\.yaml)",
        Just("snapshot.yaml".to_owned()),
        ".{0,12}",
    ]
}

/// A loaded snapshot can be read; a refused one says which file is at fault.
fn check_load(files: Vec<(String, Vec<u8>)>) -> Result<(), TestCaseError> {
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    match Snapshot::from_files(files) {
        Ok(snapshot) => {
            let listed: usize =
                snapshot.kinds().iter().map(|kind| snapshot.objects(kind, None).len()).sum();
            prop_assert!(listed >= snapshot.object_count());
        }
        Err(error) => {
            let message = error.to_string();
            prop_assert!(names.iter().any(|name| message.contains(name.as_str())), "{}", message);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_loader_survives_any_bytes(
        files in prop::collection::vec((file_name(), prop::collection::vec(any::<u8>(), 0..200)), 0..4),
    ) {
        check_load(files)?;
    }

    #[test]
    fn the_loader_survives_any_pieces(files in prop::collection::vec((file_name(), pieces()), 0..4)) {
        check_load(files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect())?;
    }

    #[test]
    fn the_loader_survives_damaged_files(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let (name, bytes) = file.get(REAL_FILES.as_slice()).clone();
        check_load(vec![(name, changed(bytes, &changes))])?;
    }
}
