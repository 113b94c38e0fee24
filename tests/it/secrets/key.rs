//! The key of the masks: with the same one, alerts and clusters and the services of different processes mask alike.

use std::collections::BTreeSet;
use std::path::Path;

use leadsman_testkit::{FakeModel, Reply};
use serde_json::{Value, json};

use crate::harness::{Harness, config, last_quote, submission_quoting};
use crate::planted::Workload;

const PASSWORD: &str = "mangrove-77-Kx";

/// The password in the cluster and in the alert.
fn planted(directory: &Path) -> Value {
    let mut workload = Workload::new("till");
    workload.config.insert("DB_PASSWORD".to_owned(), PASSWORD.to_owned());
    workload.write(directory);
    let mut incident = workload.incident();
    incident["error_message"] = json!(format!("login failed: password={PASSWORD}"));
    incident
}

/// The masks of the password that the model saw, of a service that masks with this key.
async fn masks(key: Option<&str>, in_file: bool) -> BTreeSet<String> {
    let model = FakeModel::start(leadsman_testkit::investigator(
        |_| {
            let call = json!({"kind": "ConfigMap", "name": "cash-config", "namespace": "till"});
            vec![("kubectl_get_by_name".to_owned(), call)]
        },
        |request| Reply::call("submit_result", &submission_quoting(last_quote(request))),
    ));
    let directory = leadsman_testkit::temp_dir().unwrap();
    let snapshot = directory.path().join("snapshot");
    std::fs::create_dir(&snapshot).unwrap();
    let incident = planted(&snapshot);
    let mut config = config(directory.path(), Some(&model));
    config.cluster.snapshot = Some(snapshot);
    if in_file {
        let file = directory.path().join("key");
        std::fs::write(&file, format!("{}\n", key.unwrap())).unwrap();
        config.redaction.key_file = Some(file);
    } else {
        config.redaction.key = key.map(Into::into);
    }
    let service = Harness::start(config, directory).await;
    service.investigate(&incident).await;
    let mut masks = BTreeSet::new();
    for request in model.requests() {
        let text = String::from_utf8_lossy(&request.raw).into_owned();
        assert!(!text.contains(PASSWORD));
        let found = text.split("<redacted:").skip(1).filter_map(|rest| rest.split_once('>'));
        masks.extend(found.map(|(mask, _)| mask.to_owned()).filter(|mask| mask.ends_with(":14b")));
    }
    masks
}

#[tokio::test(flavor = "multi_thread")]
async fn services_with_the_same_key_mask_equally_and_others_do_not() {
    let key = "0123456789abcdef";
    let one = masks(Some(key), false).await;
    assert_eq!(one.len(), 1, "alert and cluster have the same mask: {one:?}");
    assert_eq!(masks(Some(key), true).await, one, "another service, the key in a file");
    assert_ne!(masks(Some("0123456789abcdeg"), false).await, one);
    assert_ne!(masks(None, false).await, one);
}

#[tokio::test]
async fn a_key_file_that_is_missing_or_short_is_named_with_the_fix() {
    let directory = leadsman_testkit::temp_dir().unwrap();
    let mut config = config(directory.path(), None);
    let file = directory.path().join("key");
    config.redaction.key_file = Some(file.clone());
    let missing = leadsman::app::App::build(&config).await.err().unwrap().to_string();
    assert!(missing.contains("redaction.key_file") && missing.contains("key: "), "{missing}");
    std::fs::write(&file, "short\n").unwrap();
    let short = leadsman::app::App::build(&config).await.err().unwrap().to_string();
    assert!(short.contains("redaction.key_file") && short.contains("at least 16"), "{short}");
}
