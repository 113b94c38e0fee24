//! What a file suffers: crashes, rotation, other processes, vanished directories.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use leadsman_audit::FileSink;
use leadsman_ports::audit::{AuditError, AuditRecord, AuditSink};
use leadsman_ports::testing::audit_conformance::record;
use serde_json::json;
use tempfile::TempDir;

fn new_path() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    (directory, path)
}

fn lines(records: &[AuditRecord]) -> String {
    records.iter().map(|record| format!("{}\n", record.body)).collect()
}

fn torn(path: &Path) -> PathBuf {
    path.with_extension("jsonl.torn")
}

async fn deliver(path: &Path, batch: &[AuditRecord]) -> Result<(), AuditError> {
    FileSink::open(path).await?.deliver(batch).await
}

fn unavailable(outcome: Result<(), AuditError>) -> String {
    match outcome {
        Err(AuditError::Unavailable(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn recognises_events_of_an_earlier_run() {
    let (_directory, path) = new_path();
    let [a, b, c] = ["a", "b", "c"].map(record);
    deliver(&path, &[a.clone(), b.clone()]).await.unwrap();
    deliver(&path, &[b.clone(), c.clone(), a.clone()]).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(&[a, b, c]));
}

#[tokio::test]
async fn reads_the_end_of_a_long_file_only() {
    let (_directory, path) = new_path();
    // Long enough that the last lines begin far from the start, and in the middle of a block.
    let old: Vec<_> = (0..6_000).map(|number| record(&format!("old {number}"))).collect();
    fs::write(&path, format!("{}{{\"torn", lines(&old))).unwrap();
    let next = record("next");
    let batch = [old[5_999].clone(), old[2_000].clone(), next.clone()];
    deliver(&path, &batch).await.unwrap();
    let expected = [lines(&old), lines(std::slice::from_ref(&next))].concat();
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(fs::read_to_string(torn(&path)).unwrap(), "{\"torn\n");
}

#[tokio::test]
async fn survives_a_crash_at_every_byte_of_the_last_line() {
    let (_directory, path) = new_path();
    let [first, last, next] = ["first", "the läst", "next"].map(record);
    let before = lines(std::slice::from_ref(&first));
    let whole = lines(&[first.clone(), last.clone()]);
    for len in before.len()..=whole.len() {
        fs::write(&path, &whole.as_bytes()[..len]).unwrap();
        // A crashed delivery comes again, from the start.
        deliver(&path, &[first.clone(), last.clone(), next.clone()]).await.unwrap();
        let expected = lines(&[first.clone(), last.clone(), next.clone()]);
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "cut at {len}");
        // Nothing but the newline missing, or nothing of the line there: nothing to move aside.
        let cut = if len < whole.len() - 1 { &whole.as_bytes()[before.len()..len] } else { b"" };
        let moved = fs::read(torn(&path)).unwrap_or_default();
        assert_eq!(moved.strip_suffix(b"\n").unwrap_or_default(), cut, "cut at {len}");
        let _ = fs::remove_file(torn(&path));
    }
}

#[tokio::test]
async fn keeps_every_torn_line() {
    let (_directory, path) = new_path();
    for part in ["{\"one", "{\"two"] {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, part.as_bytes()))
            .unwrap();
        FileSink::open(&path).await.unwrap();
    }
    assert_eq!(fs::read_to_string(torn(&path)).unwrap(), "{\"one\n{\"two\n");
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[tokio::test]
async fn leaves_foreign_lines_alone() {
    let (_directory, path) = new_path();
    let foreign = b"\n# not JSON\n{\"event_data\":{}}\n\xff\xfe\n";
    fs::write(&path, foreign).unwrap();
    let event = record("after them");
    deliver(&path, std::slice::from_ref(&event)).await.unwrap();
    let expected = [foreign.as_slice(), lines(&[event]).as_bytes()].concat();
    assert_eq!(fs::read(&path).unwrap(), expected);
}

#[tokio::test]
async fn follows_a_rotation_by_rename() {
    let (directory, path) = new_path();
    let rotated = directory.path().join("audit.jsonl.1");
    let sink = FileSink::open(&path).await.unwrap();
    let [a, b, c] = ["a", "b", "c"].map(record);
    sink.deliver(std::slice::from_ref(&a)).await.unwrap();
    fs::rename(&path, &rotated).unwrap();
    sink.deliver(&[a.clone(), b.clone()]).await.unwrap();
    assert_eq!(fs::read_to_string(&rotated).unwrap(), lines(std::slice::from_ref(&a)));
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(std::slice::from_ref(&b)));
    // The tool may also put a new file in place by itself.
    fs::rename(&path, &rotated).unwrap();
    fs::write(&path, "").unwrap();
    sink.deliver(&[b, c.clone()]).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(&[c]));
}

#[tokio::test]
async fn follows_a_rotation_by_truncation() {
    let (_directory, path) = new_path();
    let sink = FileSink::open(&path).await.unwrap();
    let [a, b] = ["a", "b"].map(record);
    sink.deliver(std::slice::from_ref(&a)).await.unwrap();
    fs::write(&path, "").unwrap();
    sink.deliver(&[a, b.clone()]).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(&[b]));
}

#[tokio::test]
async fn repairs_what_an_undone_write_left_behind() {
    let (_directory, path) = new_path();
    let sink = FileSink::open(&path).await.unwrap();
    let [a, b] = ["a", "b"].map(record);
    sink.deliver(std::slice::from_ref(&a)).await.unwrap();
    let torn_text = format!("{}{{\"half", lines(std::slice::from_ref(&a)));
    fs::write(&path, torn_text).unwrap();
    sink.deliver(std::slice::from_ref(&b)).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(&[a, b]));
    assert_eq!(fs::read_to_string(torn(&path)).unwrap(), "{\"half\n");
}

#[tokio::test]
async fn belongs_to_one_sink_at_a_time() {
    let (_directory, path) = new_path();
    let sink = FileSink::open(&path).await.unwrap();
    let text = unavailable(FileSink::open(&path).await.map(|_| ()));
    assert!(text.contains("in use by another process"), "{text}");
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    drop(sink);
    FileSink::open(&path).await.expect("free again");
}

#[tokio::test]
async fn waits_for_a_directory_that_has_gone() {
    let (directory, _) = new_path();
    let volume = directory.path().join("volume");
    let path = volume.join("audit.jsonl");
    let sink = FileSink::open(&path).await.unwrap();
    let [a, b] = ["a", "b"].map(record);
    sink.deliver(std::slice::from_ref(&a)).await.unwrap();
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&volume, &elsewhere).unwrap();
    let text = unavailable(sink.deliver(std::slice::from_ref(&b)).await);
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(!volume.exists(), "an unmounted volume is not written around");
    fs::rename(&elsewhere, &volume).unwrap();
    sink.deliver(&[a.clone(), b.clone()]).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(&[a, b]));
}

#[tokio::test]
async fn refuses_what_it_could_not_recognise_again() {
    let (_directory, path) = new_path();
    let sink = FileSink::open(&path).await.unwrap();
    let good = record("good");
    let anonymous = AuditRecord { body: json!({"event_type": "x"}), ..record("") };
    let other = AuditRecord { body: good.body.clone(), ..record("") };
    for bad in [anonymous, other] {
        let id = bad.event_id.to_string();
        match sink.deliver(&[good.clone(), bad]).await {
            Err(AuditError::Refused(text)) => {
                assert!(text.contains(&id) && text.contains("event_data.event_id"), "{text}");
            }
            outcome => panic!("{outcome:?}"),
        }
    }
    assert_eq!(fs::read(&path).unwrap(), b"", "a refused batch is refused whole");
}

#[tokio::test]
async fn cannot_open_what_is_no_file() {
    let (directory, _) = new_path();
    for path in [directory.path(), Path::new("/dev/null"), &directory.path().join("a\0b")] {
        let text = unavailable(FileSink::open(path).await.map(|_| ()));
        assert!(text.contains("check the path"), "{text}");
    }
}
