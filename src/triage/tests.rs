//! Whole runs over clusters in memory.

use serde_json::{Value, json};

use super::causes::CauseCode;
use super::fake_cluster::FakeCluster;
use super::{TriageReport, triage};
use crate::engine::evidence::Ledger;
use crate::engine::incident::Incident;
use leadsman_ports::cluster::{ClusterError, ObjectRef};

const NS: &str = "ns";

fn meta(name: &str, labels: Value, owner: Option<(&str, &str)>) -> Value {
    let owners: Vec<Value> = owner
        .iter()
        .map(|(kind, name)| json!({"kind": kind, "name": name, "controller": true, "apiVersion": "apps/v1"}))
        .collect();
    json!({"name": name, "namespace": NS, "labels": labels, "ownerReferences": owners,
           "creationTimestamp": "2026-01-01T10:00:00Z"})
}

/// A Deployment with its ReplicaSet and one pod; `status` is the container's.
fn workload(name: &str, container: Value, status: Value) -> Vec<Value> {
    let labels = json!({"app": name});
    let ready = status["ready"].as_bool().unwrap_or(false);
    let mut container = container;
    container["name"] = "app".into();
    let mut status = status;
    status["name"] = "app".into();
    vec![
        json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": meta(name, labels.clone(), None),
               "spec": {"replicas": 1, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}),
        json!({"kind": "ReplicaSet", "apiVersion": "apps/v1",
               "metadata": meta(&format!("{name}-1a2b"), labels.clone(), Some(("Deployment", name))), "spec": {"replicas": 1}}),
        json!({"kind": "Pod", "apiVersion": "v1",
               "metadata": meta(&pod_name(name), labels, Some(("ReplicaSet", &format!("{name}-1a2b")))),
               "spec": {"nodeName": "n1", "containers": [container]},
               "status": {"phase": "Running", "containerStatuses": [status],
                          "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}}),
    ]
}

fn pod_name(workload: &str) -> String {
    format!("{workload}-1a2b-c3d4e")
}

fn looping(exit: Value) -> Value {
    json!({"ready": false, "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
           "lastState": {"terminated": exit}})
}

fn oom() -> Value {
    looping(json!({"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T11:59:00Z"}))
}

fn error(code: i64) -> Value {
    looping(json!({"exitCode": code, "reason": "Error", "finishedAt": "2026-01-01T11:59:00Z"}))
}

fn fine() -> Value {
    json!({"ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T10:00:00Z"}}})
}

fn service(name: &str, selects: &str) -> Value {
    json!({"kind": "Service", "apiVersion": "v1", "metadata": meta(name, json!({}), None),
           "spec": {"selector": {"app": selects}, "ports": [{"port": 5432, "targetPort": 8080}]}})
}

fn event(kind: &str, name: &str, reason: &str, message: &str) -> Value {
    json!({"kind": "Event", "apiVersion": "v1", "metadata": {"namespace": NS, "name": format!("{name}.{reason}")},
           "involvedObject": {"kind": kind, "namespace": NS, "name": name}, "type": "Warning", "reason": reason,
           "message": message, "count": 5, "lastTimestamp": "2026-01-01T11:59:30Z"})
}

fn about(kind: &str, name: &str) -> Incident {
    let resource = ObjectRef {
        kind: kind.into(),
        namespace: NS.into(),
        name: name.into(),
        ..Default::default()
    };
    Incident { resource, ..Default::default() }
}

/// Runs triage and checks what must hold for every report.
async fn run(cluster: &FakeCluster, incident: &Incident) -> TriageReport {
    let mut ledger = Ledger::default();
    cluster.lists.lock().unwrap().clear();
    let report = triage(cluster, incident, &mut ledger).await.unwrap();
    let lists = cluster.lists.lock().unwrap().clone();
    for (at, list) in lists.iter().enumerate() {
        assert!(!lists[..at].contains(list), "listed twice: {list:?}");
    }
    for finding in &report.findings {
        assert!(finding.causal_chain.len() >= 2, "{finding:?}");
        assert!(!finding.citations.is_empty(), "{finding:?}");
        assert!((0.0..=1.0).contains(&finding.confidence));
        for citation in &finding.citations {
            assert_eq!(ledger.check(citation), Ok(()), "{finding:?}");
        }
    }
    let entries = ledger.entries();
    for (at, entry) in entries.iter().enumerate() {
        assert!(
            !entries[..at].iter().any(|e| e.tool == entry.tool && e.arguments == entry.arguments),
            "recorded twice: {} {}",
            entry.tool,
            entry.arguments
        );
    }
    report
}

fn first(report: &TriageReport) -> (CauseCode, String) {
    let finding = report.findings.first().unwrap_or_else(|| panic!("no finding: {report:?}"));
    (finding.cause, finding.target.to_string())
}

#[tokio::test]
async fn an_oom_kill_is_found_from_pod_owner_label_or_prose() {
    let container = json!({"resources": {"limits": {"memory": "64Mi"}}});
    let mut objects = workload("cart", container, oom());
    objects.push(service("cart", "cart"));
    let cluster = FakeCluster::new(objects);
    let mut by_label = about("", "");
    by_label.labels.insert("pod".into(), pod_name("cart"));
    let mut by_prose = about("", "");
    by_prose.error_message = format!("Pod ns/{} keeps restarting", pod_name("cart"));
    let mut without_namespace = about("Deployment", "cart");
    without_namespace.resource.namespace.clear();
    for incident in [
        about("Pod", &pod_name("cart")),
        about("pod", "cart-1a2b-gone1"),
        about("Deployment", "cart"),
        about("Service", "cart"),
        about("", "cart"),
        about("Namespace", NS),
        by_label,
        by_prose,
        without_namespace,
    ] {
        let report = run(&cluster, &incident).await;
        let expected = (CauseCode::OomKilled, "Deployment ns/cart".to_owned());
        assert_eq!(first(&report), expected, "{:?}", incident.resource);
    }
}

#[tokio::test]
async fn words_alone_lead_to_the_workload() {
    let mut objects = workload("cart-api", json!({}), oom());
    objects.push(json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": NS}}));
    let cluster = FakeCluster::new(objects);
    for said in [
        "cart-api in ns keeps restarting",
        "Pod cart-api-1a2b-gone7 was restarted",
        "something is wrong with cart-api",
    ] {
        let incident = Incident { error_message: said.to_owned(), ..Incident::default() };
        let report = run(&cluster, &incident).await;
        let expected = (CauseCode::OomKilled, "Deployment ns/cart-api".to_owned());
        assert_eq!(first(&report), expected, "{said}");
    }
}

#[tokio::test]
async fn the_change_just_before_is_part_of_the_chain() {
    let container = json!({"image": "cart:2", "resources": {"limits": {"memory": "64Mi"}}});
    let mut objects = workload("cart", container, oom());
    let set = |name: &str, revision: &str, image: &str| {
        let mut set = json!({"kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": meta(name, json!({"app": "cart"}), Some(("Deployment", "cart"))),
            "spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}});
        set["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": revision});
        set
    };
    objects[1] = set("cart-1a2b", "8", "cart:2");
    objects.push(set("cart-0f0f", "7", "cart:1"));
    let report = run(&FakeCluster::new(objects), &about("Deployment", "cart")).await;
    let chain = &report.findings[0].causal_chain[0];
    assert!(chain.contains("Revision 8") && chain.contains("from cart:1 to cart:2"), "{chain}");
    assert!(report.findings[0].citations.iter().any(|citation| citation.quote == "image: cart:1"));
}

#[tokio::test]
async fn each_kind_is_listed_once_however_the_incident_leads_there() {
    let mut objects = workload("cart-api", json!({}), oom());
    objects.extend(workload("web", json!({}), fine()));
    objects[5]["spec"]["nodeName"] = json!("");
    objects[5]["status"]["phase"] = json!("Pending");
    objects.push(service("cart-api", "cart-api"));
    objects.push(json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": NS}}));
    let cluster = FakeCluster::new(objects);
    let said = "something is wrong with cart-api";
    let by_words = Incident { error_message: said.to_owned(), ..Incident::default() };
    for incident in [about("Namespace", NS), about("Deployment", "cart-api"), by_words] {
        run(&cluster, &incident).await;
        let mut kinds: Vec<String> =
            cluster.lists.lock().unwrap().iter().map(|(kind, ..)| kind.clone()).collect();
        let asked = kinds.len();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), asked, "{:?}", cluster.lists);
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_is_looked_for_once() {
    let mut objects =
        workload("web", json!({"env": [{"name": "API_HOST", "value": "api"}]}), error(1));
    objects.extend(workload("api", json!({"env": [{"name": "DB_HOST", "value": "db"}]}), error(1)));
    objects.extend(workload("db", json!({}), fine()));
    objects.push(service("api", "api"));
    objects.push(service("db", "db"));
    let log = "fatal: dial tcp 10.9.9.9:5432: connect: connection refused\n";
    let cluster = FakeCluster::new(objects)
        .log("ns/web-1a2b-c3d4e/app/previous", log)
        .log("ns/api-1a2b-c3d4e/app/previous", log);
    run(&cluster, &about("Deployment", "web")).await;
    let everywhere = cluster.lists.lock().unwrap();
    let searches = everywhere.iter().filter(|(kind, ns, _)| kind == "Service" && ns.is_empty());
    assert_eq!(searches.count(), 1, "{everywhere:?}");
}

#[tokio::test]
async fn a_namespace_that_does_not_exist_is_said_to_be_missing() {
    let mut objects = workload("cart", json!({}), fine());
    objects.push(json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "payments"},
                        "status": {"phase": "Active"}}));
    let mut incident = about("Deployment", "cart");
    incident.resource.namespace = "paymnts".into();
    let report = run(&FakeCluster::new(objects), &incident).await;
    let expected = (CauseCode::NamespaceMissing, "Namespace paymnts".to_owned());
    assert_eq!(first(&report), expected);
    assert!(report.findings[0].summary.contains("payments does"), "{report:?}");
}

#[tokio::test]
async fn an_edit_by_hand_heads_the_chain_of_what_it_broke() {
    let container = json!({"envFrom": [{"configMapRef": {"name": "settings"}}]});
    let mut objects = workload("cart", container, error(1));
    let mut config = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": meta("settings", json!({}), None),
        "data": {"POOL_SIZE": "many", "MODE": "fast"}});
    config["metadata"]["changes"] = json!([
        "2026-01-01T10:00:30Z helm: data.POOL_SIZE, data.MODE",
        "2026-01-01T11:40:00Z kubectl-edit: data.POOL_SIZE",
        "2026-01-01T11:59:55Z kubectl-edit: data.MODE",
    ]);
    objects.push(config);
    let cluster = FakeCluster::new(objects)
        .log("ns/cart-1a2b-c3d4e/app/previous", "fatal: invalid POOL_SIZE: \"many\"\n");
    let report = run(&cluster, &about("Deployment", "cart")).await;
    assert_eq!(first(&report).0, CauseCode::InvalidValue);
    let chain = &report.findings[0].causal_chain[0];
    assert!(chain.contains("kubectl-edit changed data.POOL_SIZE of ConfigMap settings"), "{chain}");
    let refuted: Vec<CauseCode> = report.ruled_out.iter().map(|out| out.cause).collect();
    assert!(refuted.contains(&CauseCode::OomKilled), "{refuted:?}");
}

#[tokio::test]
async fn the_owners_are_nearest_first() {
    let cluster = FakeCluster::new(workload("cart", json!({}), fine()));
    let report = run(&cluster, &about("Pod", &pod_name("cart"))).await;
    let owners: Vec<String> = report.owners.iter().map(ToString::to_string).collect();
    assert_eq!(owners, ["ReplicaSet ns/cart-1a2b", "Deployment ns/cart"]);
    assert_eq!(first(&report).0, CauseCode::Healthy);
}

#[tokio::test]
async fn nobody_is_sure_that_all_is_well_while_a_log_complains() {
    let key = "ns/cart-1a2b-c3d4e/app";
    let quiet = FakeCluster::new(workload("cart", json!({}), fine())).log(key, "serving\n");
    let report = run(&quiet, &about("Deployment", "cart")).await;
    assert!(report.findings[0].cause == CauseCode::Healthy && report.findings[0].confidence > 0.7);

    let log = "level=error msg=\"cannot price the basket\"\n".repeat(4);
    let loud = FakeCluster::new(workload("cart", json!({}), fine())).log(key, &log);
    let report = run(&loud, &about("Deployment", "cart")).await;
    let finding = &report.findings[0];
    assert!(finding.cause == CauseCode::Healthy && finding.confidence < 0.7, "{finding:?}");
    assert!(finding.citations.iter().any(|c| c.quote.contains("cannot price")), "{finding:?}");
}

#[tokio::test]
async fn the_line_of_the_log_that_decides_is_quoted() {
    let cluster = FakeCluster::new(workload("cart", json!({}), error(1)))
        .log("ns/cart-1a2b-c3d4e/app/previous", "starting\nKeyError: 'DATABASE_URL'\n");
    let report = run(&cluster, &about("Deployment", "cart")).await;
    assert_eq!(first(&report).0, CauseCode::EnvMissing);
    assert!(report.findings[0].citations.iter().any(|c| c.quote == "KeyError: 'DATABASE_URL'"));
}

#[tokio::test]
async fn a_fault_upstream_comes_before_its_victim() {
    let container = json!({"env": [{"name": "DB_HOST", "value": "db"}]});
    let mut objects = workload("web", container, error(1));
    objects.extend(workload("db", json!({}), oom()));
    objects.push(service("db", "db"));
    objects.extend(workload("other", json!({}), oom()));
    let cluster = FakeCluster::new(objects).log(
        "ns/web-1a2b-c3d4e/app/previous",
        "fatal: dial tcp: connect to db:5432: connection refused\n",
    );
    let report = run(&cluster, &about("Deployment", "web")).await;
    let found: Vec<String> = report.findings.iter().map(|f| f.target.name.clone()).collect();
    assert_eq!(found, ["db", "web", "other"]);
}

#[tokio::test]
async fn a_workload_with_a_fault_of_its_own_does_not_blame_its_dependency() {
    let container = json!({"env": [{"name": "DB_HOST", "value": "db"}]});
    let mut objects = workload("web", container, error(1));
    objects.extend(workload("db", json!({}), oom()));
    objects.push(service("db", "db"));
    let cluster =
        FakeCluster::new(objects).log("ns/web-1a2b-c3d4e/app/previous", "KeyError: 'TOKEN'\n");
    let report = run(&cluster, &about("Deployment", "web")).await;
    assert_eq!(first(&report), (CauseCode::EnvMissing, "Deployment ns/web".to_owned()));
}

#[tokio::test]
async fn a_probe_that_kills_is_no_error_of_the_application() {
    let mut objects =
        workload("cart", json!({"livenessProbe": {"httpGet": {"port": 8080}}}), error(137));
    let pod = pod_name("cart");
    objects.push(event(
        "Pod",
        &pod,
        "Unhealthy",
        "Liveness probe failed: HTTP probe failed with statuscode: 500",
    ));
    objects.push(event(
        "Pod",
        &pod,
        "Killing",
        "Container app failed liveness probe, will be restarted",
    ));
    let report = run(&FakeCluster::new(objects), &about("Pod", &pod)).await;
    assert_eq!(first(&report).0, CauseCode::LivenessProbeFailing);
}

#[tokio::test]
async fn a_quota_is_blamed_over_the_rollout_that_it_stops() {
    let mut objects = workload("cart", json!({}), fine());
    objects.truncate(2);
    objects[0]["status"] = json!({"conditions": [{"type": "Progressing", "status": "False",
        "reason": "ProgressDeadlineExceeded", "message": "timed out progressing"}]});
    objects.push(json!({"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "q", "namespace": NS},
        "status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}}));
    objects.push(event("ReplicaSet", "cart-1a2b", "FailedCreate",
        "Error creating: pods \"cart-1a2b-x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"));
    let report = run(&FakeCluster::new(objects), &about("Deployment", "cart")).await;
    assert_eq!(first(&report), (CauseCode::QuotaExceeded, "ResourceQuota ns/q".to_owned()));
    assert_eq!(report.findings[1].cause, CauseCode::RolloutStuck);
}

#[tokio::test]
async fn a_service_that_selects_nothing_is_found_by_its_workload() {
    let mut objects = workload("cart", json!({}), fine());
    objects.push(service("cart", "kart"));
    let cluster = FakeCluster::new(objects);
    for incident in [about("Service", "cart"), about("Deployment", "cart")] {
        let report = run(&cluster, &incident).await;
        let expected = (CauseCode::ServiceSelectorMismatch, "Service ns/cart".to_owned());
        assert_eq!(first(&report), expected);
    }
}

#[tokio::test]
async fn a_service_without_selector_needs_endpoints() {
    let container = json!({"env": [{"name": "DB_HOST", "value": "db"}]});
    let mut objects = workload("web", container, error(1));
    objects.push(
        json!({"kind": "Service", "apiVersion": "v1", "metadata": meta("db", json!({}), None),
                        "spec": {"ports": [{"port": 5432}]}}),
    );
    let log = "fatal: dial tcp: connect to db:5432: connection refused\n";
    let key = "ns/web-1a2b-c3d4e/app/previous";
    let report =
        run(&FakeCluster::new(objects.clone()).log(key, log), &about("Deployment", "web")).await;
    assert_eq!(first(&report), (CauseCode::NoReadyEndpoints, "Service ns/db".to_owned()));

    objects.push(json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
        "metadata": meta("db-1", json!({"kubernetes.io/service-name": "db"}), None),
        "endpoints": [{"addresses": ["192.0.2.7"], "conditions": {"ready": true}}]}));
    let report = run(&FakeCluster::new(objects).log(key, log), &about("Deployment", "web")).await;
    assert!(report.findings.iter().all(|f| f.cause != CauseCode::NoReadyEndpoints), "{report:?}");
}

#[tokio::test]
async fn what_may_not_be_read_is_noted_and_nothing_is_called_healthy() {
    let mut cluster = FakeCluster::new(workload("cart", json!({}), fine()));
    cluster.forbidden = vec!["Event".into()];
    let report = run(&cluster, &about("Deployment", "cart")).await;
    assert_eq!(report.findings, []);
    assert!(report.notes.iter().any(|note| note.contains("Event") && note.contains("forbidden")));
}

#[tokio::test]
async fn a_fault_is_found_without_logs_and_owners() {
    let mut cluster = FakeCluster::new(workload("cart", json!({}), error(1)));
    cluster.forbidden = vec!["Log".into(), "ReplicaSet".into(), "Deployment".into()];
    let report = run(&cluster, &about("Pod", &pod_name("cart"))).await;
    assert_eq!(first(&report).0, CauseCode::ApplicationError);
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_an_error() {
    let mut cluster = FakeCluster::new(Vec::new());
    cluster.down = true;
    let mut ledger = Ledger::default();
    let outcome = triage(&cluster, &about("Pod", "x"), &mut ledger).await;
    assert!(matches!(outcome, Err(ClusterError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_incident_without_any_object_is_inconclusive() {
    let report = run(&FakeCluster::new(Vec::new()), &Incident::default()).await;
    assert_eq!(report.findings, []);
    assert!(!report.notes.is_empty());
}

#[tokio::test]
async fn five_thousand_pods_are_read_and_the_one_fault_is_found() {
    let mut objects: Vec<Value> =
        (0..1_700).flat_map(|number| workload(&format!("w{number}"), json!({}), fine())).collect();
    objects.extend((0..3_400).map(|number| {
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": format!("p{number}"), "namespace": NS},
               "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
    }));
    objects.extend(workload("cart", json!({}), oom()));
    let mut cluster = FakeCluster::new(objects);
    cluster.page = 500;
    let report = run(&cluster, &about("Deployment", "cart")).await;
    assert_eq!(first(&report), (CauseCode::OomKilled, "Deployment ns/cart".to_owned()));
}
