//! Revisions, memory requests, and what an object stands with.

use std::sync::Arc;

use leadsman_ports::tool::{Tool, ToolError};
use serde_json::{Value, json};

use crate::support::{answer, call_in, tools_on};

const WEB: &str = include_str!("../data/web.yaml");

fn web() -> Vec<Arc<dyn Tool>> {
    tools_on(vec![
        ("snapshot.yaml".to_owned(), b"capturedAt: 2026-01-02T12:00:00Z\n".to_vec()),
        ("web.yaml".to_owned(), WEB.as_bytes().to_vec()),
    ])
}

async fn in_web(name: &str, arguments: Value) -> String {
    call_in(&web(), name, arguments).await.unwrap()
}

#[tokio::test]
async fn revisions_come_with_what_changed() {
    let arguments = json!({"kind": "deploy", "namespace": "shop", "name": "web"});
    let history = in_web("kubectl_rollout_history", arguments).await;
    assert_eq!(
        history,
        "REVISION  OBJECT  AGE   READY/WANTED  CHANGE-CAUSE\n\
         3         web-c   5m    0/2           new image\n\
         2         web-b   120m  2/2           -\n\
         1         web-a   24h   0/0           -\n\
         changed from revision 2 to 3:\n@@\n     - name: DB_HOST\n-      value: db.shop\n-    image: web:1\n\
         +      value: db.shopp\n+    image: web:2\n     name: app\n\
         changed from revision 1 to 2:\n  nothing in the pod template\n"
    );
    let one = json!({"kind": "Deployment", "namespace": "shop", "name": "web", "revisions": "1"});
    let one = in_web("kubectl_rollout_history", one).await;
    assert!(one.ends_with("[1 older changes not shown; raise revisions]\n"), "{one}");
}

#[tokio::test]
async fn controller_revisions_are_read_too() {
    let arguments = json!({"kind": "sts", "namespace": "shop", "name": "db"});
    let history = in_web("kubectl_rollout_history", arguments).await;
    assert!(history.contains("2         db-2    60m"), "{history}");
    assert!(history.contains("-  - image: db:1\n+  - image: db:2\n"), "{history}");
    assert!(history.contains("not rolled out yet, beside revision 2:\n"), "{history}");
    let pod = json!({"kind": "rs", "namespace": "shop", "name": "web-a"});
    let error = call_in(&web(), "kubectl_rollout_history", pod).await.unwrap_err();
    assert!(matches!(error, ToolError::InvalidArgument { field, .. } if field == "kind"));
}

#[tokio::test]
async fn memory_is_counted_as_the_scheduler_counts_it() {
    assert_eq!(
        in_web("kubectl_memory_requests_namespace", json!({"namespace": "shop"})).await,
        "NAMESPACE  POD    NODE  REQUEST  LIMIT\n\
         shop       big    n-1   512Mi    1024Mi\n\
         shop       web-1  n-1   192Mi    -\n\
         shop       idle   -     -        -\n\
         [3 of 3 pods shown; they request 704Mi in all]\n"
    );
    let one = in_web("kubectl_memory_requests_namespace", json!({"limit": 1})).await;
    assert!(one.contains("[1 of 3 pods shown"), "{one}");
    let none = in_web("kubectl_memory_requests_namespace", json!({"namespace": "empty"})).await;
    assert_eq!(none, "No pods that hold memory.\n");
}

#[tokio::test]
async fn an_object_is_shown_with_what_it_stands_with() {
    let arguments = json!({"kind": "pod", "namespace": "shop", "name": "web-1"});
    assert_eq!(
        in_web("get_namespaced_resource_context", arguments).await,
        "Pod shop/web-1 (v1)\n  owned by ReplicaSet shop/web-c (apps/v1)\n    owned by Deployment shop/web (apps/v1)\n\
         root: Deployment shop/web (apps/v1)\n\
         Service: web (80->8080)\n\
         Ingress: front (to web)\n\
         HorizontalPodAutoscaler: web (2 to 5)\n\
         PodDisruptionBudget: web (allows 0 disruptions)\n\
         NetworkPolicy: deny (Ingress)\n\
         refers to ConfigMap gone: MISSING, optional\n\
         refers to ConfigMap settings: exists\n\
         refers to PersistentVolumeClaim data: MISSING\n\
         refers to Secret db: MISSING\n\
         refers to ServiceAccount web: exists\n"
    );
    let service = json!({"kind": "svc", "namespace": "shop", "name": "web"});
    let service = in_web("get_namespaced_resource_context", service).await;
    assert!(
        service.starts_with("Service shop/web (v1)\nroot: Service shop/web (v1)\npods that it selects: 1, ready: 0\n"),
        "{service}"
    );
}

#[tokio::test]
async fn owners_that_are_gone_are_named() {
    let orphan = json!({"kind": "rs", "namespace": "shop", "name": "old-1"});
    let gone = answer("get_namespaced_resource_context", orphan).await;
    assert!(
        gone.contains("root: Deployment old (apps/v1), which does not exist any more\n"),
        "{gone}"
    );
}
