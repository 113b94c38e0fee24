//! The simulated API server through kube-rs, in process and without a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod simulator_support;

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{Api, DynamicObject, ListParams, LogParams, WatchEvent, WatchParams};
use kube::discovery::{ApiResource, Discovery, Scope};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use simulator_support::{CAPTURED_AT, shop};

fn client() -> Client {
    shop().client("shop")
}

fn pods() -> Api<Pod> {
    Api::namespaced(client(), "shop")
}

/// Sends a raw request; gives status and JSON.
async fn raw(method: Method, path: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path);
    let reply = shop().respond(request.body(Full::<bytes::Bytes>::default()).unwrap()).await;
    let status = reply.status();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn get(path: &str) -> (StatusCode, Value) {
    raw(Method::GET, path).await
}

fn code(error: kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn pages_join_to_the_whole_list() {
    let mut names = Vec::new();
    let mut params = ListParams::default().limit(2);
    loop {
        let page = pods().list(&params).await.unwrap();
        assert!(page.items.len() <= 2);
        assert_eq!(page.metadata.resource_version.as_deref(), Some("4711"));
        names.extend(page.items.iter().map(ResourceExt::name_any));
        let left = page.metadata.remaining_item_count;
        assert_eq!(left.unwrap_or(0), 5 - names.len() as i64);
        match page.metadata.continue_ {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names, ["cart-0", "cart-init", "cart-leaving", "front-0", "report-1"]);
}

#[tokio::test]
async fn a_token_of_another_snapshot_is_gone() {
    for token in ["nonsense", "ff", "312f736f6d652f706f64"] {
        let params = ListParams::default().limit(1).continue_token(token);
        assert_eq!(code(pods().list(&params).await.unwrap_err()), 410, "{token}");
    }
}

#[tokio::test]
async fn selectors_select_and_unknown_fields_are_refused() {
    let names = async |params: ListParams| -> Vec<String> {
        pods().list(&params).await.unwrap().iter().map(ResourceExt::name_any).collect()
    };
    let on_worker = ListParams::default().fields("spec.nodeName=worker-1,status.phase!=Pending");
    assert_eq!(names(on_worker).await, ["cart-0", "cart-leaving"]);
    let labelled = ListParams::default().labels("app,pod notin (cart-0,front-0),!canary");
    assert_eq!(names(labelled).await, ["cart-init", "cart-leaving", "report-1"]);
    for params in [
        ListParams::default().fields("spec.colour=red"),
        ListParams::default().fields("metadata.name"),
        ListParams::default().labels("app in cart"),
    ] {
        assert_eq!(code(pods().list(&params).await.unwrap_err()), 400);
    }
}

#[tokio::test]
async fn events_are_found_by_what_they_are_about() {
    let path = "/api/v1/events?fieldSelector=involvedObject.name%3Dcart-0,type%3DWarning";
    let (status, list) = get(path).await;
    assert_eq!(status, 200);
    assert_eq!(list["kind"], "EventList");
    assert_eq!(list["items"][0]["reason"], "BackOff");
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn plain_and_aggregated_discovery_agree() {
    let describe = |discovery: Discovery| {
        let mut found: Vec<String> = Vec::new();
        for group in discovery.groups() {
            for (resource, capabilities) in group.resources_by_stability() {
                let scope =
                    if capabilities.scope == Scope::Namespaced { "in a namespace" } else { "" };
                found.push(format!(
                    "{} {} {} {scope} {:?}",
                    resource.api_version, resource.kind, resource.plural, capabilities.operations
                ));
            }
        }
        found.sort();
        found
    };
    let plain = describe(Discovery::new(client()).run().await.unwrap());
    let aggregated = describe(Discovery::new(client()).run_aggregated().await.unwrap());
    assert_eq!(plain, aggregated);
    for expected in [
        "v1 Pod pods in a namespace [\"get\", \"list\", \"watch\"]",
        "geo.example.com/v1 Well wells in a namespace [\"get\", \"list\", \"watch\"]",
        "unknown.example.com/v1alpha1 Policy policies  [\"get\", \"list\", \"watch\"]",
        "metrics.k8s.io/v1beta1 PodMetrics pods in a namespace [\"get\", \"list\"]",
    ] {
        assert!(plain.iter().any(|found| found == expected), "{expected}: {plain:#?}");
    }
}

#[tokio::test]
async fn custom_resources_are_read_through_discovery() {
    let discovery = Discovery::new(client()).run_aggregated().await.unwrap();
    let group = discovery.get("geo.example.com").unwrap();
    let (resource, _) = group.recommended_kind("Well").unwrap();
    let wells: Api<DynamicObject> = Api::namespaced_with(client(), "shop", &resource);
    assert_eq!(wells.get("deep").await.unwrap().data["spec"]["depth"], 40);
    let by_field = ListParams::default().fields("spec.depth=40");
    assert_eq!(wells.list(&by_field).await.unwrap().items.len(), 1);
    let nothing = ListParams::default().fields("spec.depth=41");
    assert!(wells.list(&nothing).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn logs_are_cut_and_missing_ones_explained() {
    let log = async |pod: &str, params: LogParams| pods().logs(pod, &params).await;
    let web = |params: LogParams| LogParams { container: Some("web".to_owned()), ..params };
    let tail = log("front-0", web(LogParams { tail_lines: Some(2), ..LogParams::default() })).await;
    assert_eq!(tail.unwrap(), "  more of two\n2026-03-01T11:59:50Z three\n");
    let since = LogParams { since_seconds: Some(60), ..LogParams::default() };
    let expected = "2026-03-01T11:59:00Z two\n  more of two\n2026-03-01T11:59:50Z three\n";
    assert_eq!(log("front-0", web(since)).await.unwrap(), expected);
    let limited = LogParams { limit_bytes: Some(10), ..LogParams::default() };
    assert_eq!(log("front-0", web(limited)).await.unwrap(), "2026-03-01");
    // Between two attempts the last one's log is the current one.
    assert_eq!(log("cart-0", LogParams::default()).await.unwrap(), "out of memory\n");
    assert_eq!(log("gone-7", LogParams::default()).await.unwrap(), "farewell\n");

    let message = async |pod: &str, params: LogParams| match log(pod, params).await.unwrap_err() {
        kube::Error::Api(status) => (status.code, status.message.clone()),
        other => panic!("{other}"),
    };
    let previous = LogParams { previous: true, ..LogParams::default() };
    for (pod, params, code, expected) in [
        (
            "front-0",
            LogParams::default(),
            400,
            "a container name must be specified for pod front-0, choose one of: [web proxy]",
        ),
        (
            "front-0",
            web(previous.clone()),
            400,
            "previous terminated container \"web\" in pod \"front-0\" not found",
        ),
        ("cart-0", web(LogParams::default()), 400, "container web is not valid for pod cart-0"),
        (
            "cart-init",
            LogParams::default(),
            400,
            "container \"cart\" in pod \"cart-init\" is waiting to start: PodInitializing",
        ),
        (
            "report-1",
            LogParams::default(),
            404,
            "the snapshot holds no log of container \"job\" in pod \"report-1\"",
        ),
        ("nobody", LogParams::default(), 404, "pods \"nobody\" not found"),
    ] {
        assert_eq!(message(pod, params).await, (code, expected.to_owned()));
    }
    let (status, _) = get("/api/v1/namespaces/shop/pods/cart-0/log?tailLines=-1").await;
    assert_eq!(status, 422);
}

#[tokio::test(start_paused = true)]
async fn a_watch_sends_what_is_there_and_ends_in_time() {
    let started = tokio::time::Instant::now();
    let params = WatchParams::default().labels("app=cart").timeout(90);
    let events: Vec<_> = pods().watch(&params, "0").await.unwrap().try_collect().await.unwrap();
    let added = events.iter().filter(|event| matches!(event, WatchEvent::Added(_))).count();
    let bookmarks = events.iter().filter(|event| matches!(event, WatchEvent::Bookmark(_))).count();
    assert_eq!((added, bookmarks, events.len()), (5, 1, 6));
    assert!(started.elapsed() >= Duration::from_secs(90));
    let mut quiet = pods().watch(&WatchParams::default(), "4711").await.unwrap().boxed();
    let first = quiet.try_next().await.unwrap();
    assert!(matches!(first, Some(WatchEvent::Bookmark(_))), "{first:?}");
}

#[tokio::test]
async fn tables_and_metadata_are_served_on_request() {
    let api = pods();
    let metadata = api.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(metadata.items.len(), 5);
    let only = api.get_metadata("cart-0").await.unwrap();
    assert_eq!(only.metadata.labels.unwrap()["app"], "cart");
}

#[tokio::test]
async fn typed_and_status_reads_agree() {
    let pod = pods().get("cart-0").await.unwrap();
    let status: PodStatus = pods().get_status("cart-0").await.unwrap().status.unwrap();
    assert_eq!(pod.status.unwrap(), status);
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Node>(&());
    let nodes: Api<DynamicObject> = Api::all_with(client(), &resource);
    assert_eq!(nodes.list(&ListParams::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn errors_are_status_documents() {
    let (status, body) = get("/apis/apps/v1/namespaces/shop/deployments/nobody").await;
    assert_eq!(status, 404);
    assert_eq!(body["message"], "deployments.apps \"nobody\" not found");
    assert_eq!(body["details"], json!({"name": "nobody", "group": "apps", "kind": "deployments"}));
    for path in [
        "/api/v1/unicorns",
        "/api/v1/namespaces/shop/nodes",
        "/apis/none/v1",
        "/x",
        "/api/v1/pods/a%zz",
    ] {
        let (status, body) = get(path).await;
        assert_eq!((status.as_u16(), &body["reason"]), (404, &json!("NotFound")), "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/api/v1/namespaces/shop/pods/cart-0"),
        (Method::POST, "/api/v1/namespaces/shop/pods"),
        (Method::PATCH, "/apis/apps/v1/namespaces/shop/deployments/cart"),
        (Method::GET, "/api/v1/namespaces/shop/pods/cart-0/exec"),
    ] {
        let (status, body) = raw(method, path).await;
        assert_eq!((status.as_u16(), &body["reason"]), (405, &json!("MethodNotAllowed")), "{path}");
        assert!(body["message"].as_str().unwrap().starts_with("the snapshot is read-only"));
    }
    for path in [
        "/api/v1/pods?limit=x",
        "/api/v1/pods?watch=maybe",
        "/api/v1/pods?watch=1&resourceVersion=x",
    ] {
        assert_eq!(get(path).await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn health_version_and_openapi_answer() {
    for path in ["/healthz", "/livez", "/readyz", "/readyz/ping"] {
        assert_eq!(get(path).await.0, 200, "{path}");
    }
    let version = client().apiserver_version().await.unwrap();
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "34"));
    let (_, index) = get("/openapi/v3").await;
    for (path, entry) in index["paths"].as_object().unwrap() {
        let url = entry["serverRelativeURL"].as_str().unwrap();
        let (status, document) = get(url).await;
        assert_eq!((status.as_u16(), &document["openapi"]), (200, &json!("3.0.0")), "{path}");
    }
    assert_eq!(shop().snapshot().captured_at(), CAPTURED_AT.parse().unwrap());
}

#[tokio::test]
async fn reviews_allow_reading_only() {
    for (verb, allowed) in [("list", true), ("delete", false)] {
        let review = json!({"spec": {"resourceAttributes": {"verb": verb, "resource": "pods"}}});
        let request = Request::builder()
            .method(Method::POST)
            .uri("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
            .body(Full::new(bytes::Bytes::from(review.to_string())))
            .unwrap();
        let reply = shop().respond(request).await;
        assert_eq!(reply.status(), 201);
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"]["allowed"], allowed, "{verb}");
    }
}

#[tokio::test]
async fn stopping_the_server_ends_open_watches() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(shop().serve(listener, stop.clone()));
    let client = Client::try_from(kube::Config::new(uri)).unwrap();
    let pods: Api<Pod> = Api::namespaced(client, "shop");
    let mut watch = pods.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    for _ in 0..5 {
        assert!(matches!(watch.try_next().await.unwrap(), Some(WatchEvent::Added(_))));
    }
    stop.cancel();
    assert!(watch.try_next().await.unwrap().is_none());
    drop(watch);
    drop(pods);
    serving.await.unwrap().unwrap();
}
