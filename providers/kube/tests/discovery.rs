//! How the cluster adapter learns which kinds are served: what that costs, how long it is believed, and that an
//! aggregated API which is out of order holds nothing up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use leadsman_kube::client::KubeCluster;
use leadsman_kube::simulator::Simulator;
use leadsman_kube::snapshot::Snapshot;
use leadsman_ports::cluster::{Cluster, ClusterError, ListQuery};
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

const METRICS: &str = "metrics.k8s.io/v1beta1";

/// How the API server behaves; tests change it as they go.
#[derive(Default)]
struct Behaviour {
    /// Files of the snapshot that it serves.
    objects: Vec<Value>,
    /// Whether it is too old for aggregated discovery.
    plain: bool,
    /// Groups of the plain form whose documents are answered with 503.
    dead: Vec<String>,
    /// Groups of the plain form whose documents are never answered.
    hung: Vec<String>,
    /// Groups that the aggregated form marks as stale, with the kinds that it remembers.
    stale: Vec<String>,
    /// Whether everything is answered with 500.
    broken: bool,
    /// Path and `Accept` of every request.
    seen: Vec<(String, String)>,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Behaviour>>);

impl Server {
    fn new(change: impl FnOnce(&mut Behaviour)) -> Self {
        let server = Self::default();
        server.change(change);
        server
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.0.lock().unwrap());
    }

    /// How often discovery was read.
    fn readings(&self) -> usize {
        self.0.lock().unwrap().seen.iter().filter(|(path, _)| path == "/api").count()
    }

    fn seen(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().seen.clone()
    }

    fn cluster(&self) -> KubeCluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let client = kube::Client::new(service, "default");
        KubeCluster::with_client(client, "test", Duration::from_secs(10))
    }

    async fn answer(&self, mut request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let accept = request.headers().get(ACCEPT).map(|accept| accept.to_str().unwrap());
        let accept = accept.unwrap_or_default().to_owned();
        let is_of = |groups: &[String]| {
            let rest = path.strip_prefix("/apis/").unwrap_or_default();
            groups.iter().any(|group| rest.starts_with(group.as_str()))
        };
        let (simulator, hung, status, plain) = {
            let mut behaviour = self.0.lock().unwrap();
            behaviour.seen.push((path.clone(), accept));
            let status = match () {
                () if behaviour.broken => StatusCode::INTERNAL_SERVER_ERROR,
                () if is_of(&behaviour.dead) => StatusCode::SERVICE_UNAVAILABLE,
                () => StatusCode::OK,
            };
            let list = json!({"apiVersion": "v1", "kind": "List", "items": behaviour.objects});
            let files = [("objects.json".to_owned(), list.to_string().into_bytes())];
            let snapshot = Snapshot::from_files(files).unwrap();
            let simulator = Simulator::new(Arc::new(snapshot));
            (simulator, is_of(&behaviour.hung), status, behaviour.plain)
        };
        if hung {
            std::future::pending::<()>().await;
        }
        if status != StatusCode::OK {
            return Response::builder().status(status).body(Body::empty()).unwrap();
        }
        if plain {
            request.headers_mut().remove(ACCEPT);
        }
        let answer = simulator.respond(request).await;
        let aggregated = answer.headers()[CONTENT_TYPE].to_str().unwrap().contains("apidiscovery");
        let (parts, body) = answer.into_parts();
        let mut bytes = body.collect().await.unwrap().to_bytes().to_vec();
        if path == "/apis" {
            bytes = self.with_groups(serde_json::from_slice(&bytes).unwrap(), aggregated);
        }
        Response::from_parts(parts, Body::from(bytes))
    }

    /// The list of groups, with those that are out of order.
    fn with_groups(&self, mut list: Value, aggregated: bool) -> Vec<u8> {
        let behaviour = self.0.lock().unwrap();
        let groups = list[if aggregated { "items" } else { "groups" }].as_array_mut().unwrap();
        for group in behaviour.stale.iter().filter(|_| aggregated) {
            let known = groups.iter_mut().find(|known| known["metadata"]["name"] == *group);
            match known {
                Some(known) => known["versions"][0]["freshness"] = "Stale".into(),
                None => groups.push(json!({"metadata": {"name": group},
                    "versions": [{"version": "v1beta1", "freshness": "Stale"}]})),
            }
        }
        for group in behaviour.dead.iter().chain(&behaviour.hung).filter(|_| !aggregated) {
            if !groups.iter().any(|known| known["name"] == *group) {
                let version =
                    json!({"groupVersion": format!("{group}/v1beta1"), "version": "v1beta1"});
                groups.push(json!({"name": group, "versions": [version]}));
            }
        }
        list.to_string().into_bytes()
    }
}

fn pod_metrics() -> Value {
    json!({"apiVersion": METRICS, "kind": "PodMetrics",
        "metadata": {"name": "cart-0", "namespace": "shop"}, "containers": []})
}

fn widget_definition(version: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{"name": version, "served": true, "storage": true}]}})
}

fn is_unavailable(error: &ClusterError) -> bool {
    matches!(error, ClusterError::GroupUnavailable(gap) if gap.api_version() == METRICS)
}

async fn kinds(cluster: &KubeCluster) -> Vec<String> {
    cluster.resource_types().await.unwrap().into_iter().map(|kind| kind.kind).collect()
}

#[tokio::test]
async fn discovery_costs_two_requests() {
    let server = Server::default();
    let cluster = server.cluster();
    for kind in ["Pod", "Deployment", "Ingress"] {
        cluster.resolve(kind, None).await.unwrap();
    }
    let mut seen = server.seen();
    seen.sort();
    let paths: Vec<&str> = seen.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/api", "/apis"]);
    for (_, accept) in &seen {
        let types: Vec<&str> = accept.split(',').map(str::trim).collect();
        assert_eq!(
            types,
            [
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
                "application/json"
            ]
        );
    }
}

#[tokio::test]
async fn both_forms_of_discovery_tell_the_same() {
    let objects = vec![pod_metrics(), widget_definition("v1")];
    let new = Server::new(|server| server.objects.clone_from(&objects)).cluster();
    let old = Server::new(|server| {
        server.objects = objects;
        server.plain = true;
    })
    .cluster();
    let types = new.resource_types().await.unwrap();
    assert_eq!(types, old.resource_types().await.unwrap());
    assert!(types.iter().any(|kind| kind.kind == "Widget"), "{types:?}");
    for name in ["po", "deployment", "podmetrics", "WIDGETS", "ing"] {
        let (new, old) = (new.resolve(name, None).await, old.resolve(name, None).await);
        assert_eq!(new, old, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn groups_that_hang_delay_discovery_by_a_moment_however_many_they_are() {
    for count in [1, 40] {
        let names = (0..count).map(|number| format!("hung{number}.example.com"));
        let server = Server::new(|server| {
            server.plain = true;
            server.hung = names.collect();
        });
        let cluster = server.cluster();
        let began = Instant::now();
        assert_eq!(cluster.resolve("Ingress", None).await.unwrap().plural, "ingresses");
        assert!(began.elapsed() <= Duration::from_secs(2), "{count}: {:?}", began.elapsed());
        assert_eq!(cluster.unavailable_groups().len(), count);
        for _ in 0..5 {
            cluster.resolve("Rollout", None).await.unwrap_err();
        }
        assert!(began.elapsed() <= Duration::from_secs(2), "{count}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_of_a_dead_group_are_refused_at_once_and_come_back_with_it() {
    for plain in [false, true] {
        let server = Server::new(|server| {
            server.plain = plain;
            server.objects = vec![pod_metrics()];
            server.stale = vec!["metrics.k8s.io".into()];
            server.dead = vec!["metrics.k8s.io".into()];
        });
        let cluster = server.cluster();
        let began = Instant::now();
        for group in ["metrics.k8s.io", METRICS] {
            let error = cluster.resolve("PodMetrics", Some(group)).await.unwrap_err();
            assert!(is_unavailable(&error), "{error}");
            assert!(error.to_string().contains(METRICS), "{error}");
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(!kinds(&cluster).await.contains(&"PodMetrics".to_owned()));
        let gaps: Vec<String> =
            cluster.unavailable_groups().iter().map(|gap| gap.api_version()).collect();
        assert_eq!(gaps, [METRICS]);
        server.change(|server| {
            server.stale.clear();
            server.dead.clear();
        });
        advance(Duration::from_secs(30)).await;
        cluster.resolve("PodMetrics", Some("metrics.k8s.io")).await.unwrap();
        assert!(cluster.unavailable_groups().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_kinds_of_a_group_that_dies_stay_known() {
    let server = Server::new(|server| {
        server.plain = true;
        server.objects = vec![pod_metrics()];
    });
    let cluster = server.cluster();
    cluster.resolve("PodMetrics", None).await.unwrap();
    server.change(|server| server.dead = vec!["metrics.k8s.io".into()]);
    advance(Duration::from_secs(600)).await;
    let error = cluster.resolve("PodMetrics", None).await.unwrap_err();
    assert!(is_unavailable(&error), "{error}");
}

#[tokio::test(start_paused = true)]
async fn unknown_kinds_in_a_row_cause_one_reading() {
    let server = Server::default();
    let cluster = server.cluster();
    let unknown = ["Rollout", "Kafka", "Certificate", "Widget", "Rollout"];
    for kind in unknown {
        cluster.resolve(kind, None).await.unwrap_err();
    }
    assert_eq!(server.readings(), 1, "what was read a moment ago is not read again");
    advance(Duration::from_secs(30)).await;
    for kind in unknown {
        cluster.resolve(kind, None).await.unwrap_err();
    }
    assert_eq!(server.readings(), 2);
    server.change(|server| server.objects = vec![widget_definition("v1")]);
    advance(Duration::from_secs(30)).await;
    cluster.resolve("Widget", None).await.unwrap();
    assert_eq!(server.readings(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_catalogue_comes_of_age() {
    let server = Server::default();
    let cluster = server.cluster();
    assert!(!kinds(&cluster).await.contains(&"Widget".to_owned()));
    server.change(|server| server.objects = vec![widget_definition("v1")]);
    advance(Duration::from_secs(599)).await;
    assert!(!kinds(&cluster).await.contains(&"Widget".to_owned()));
    advance(Duration::from_secs(1)).await;
    assert!(kinds(&cluster).await.contains(&"Widget".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_fails_costs_nothing_that_was_known() {
    let server = Server::default();
    let cluster = server.cluster();
    cluster.resolve("Pod", None).await.unwrap();
    server.change(|server| server.broken = true);
    advance(Duration::from_secs(600)).await;
    cluster.resolve("Pod", None).await.unwrap();
    cluster.resolve("Pod", None).await.unwrap();
    let error = cluster.resolve("Widget", None).await.unwrap_err();
    assert!(matches!(error, ClusterError::UnknownKind { .. }), "{error}");
    assert_eq!(server.readings(), 2, "a failed reading is not tried again at once either");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_gone_is_noticed() {
    let server = Server::new(|server| server.objects = vec![widget_definition("v1beta1")]);
    let cluster = server.cluster();
    let old = cluster.resolve("Widget", None).await.unwrap();
    server.change(|server| server.objects = vec![widget_definition("v1")]);
    advance(Duration::from_secs(30)).await;
    let query = ListQuery { namespace: Some("shop".into()), ..ListQuery::default() };
    assert!(matches!(cluster.list(&old, &query).await, Err(ClusterError::NotFound(_))));
    let new = cluster.resolve("Widget", None).await.unwrap();
    assert_eq!(new.version, "v1");
    cluster.list(&new, &query).await.unwrap();
}

fn dead_api_service() -> Value {
    json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {"group": "metrics.k8s.io", "version": "v1beta1",
            "service": {"namespace": "kube-system", "name": "metrics-server"}},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]}})
}

#[tokio::test]
async fn an_api_service_of_a_snapshot_that_is_down_is_down_for_clients_too() {
    for objects in [vec![dead_api_service()], vec![dead_api_service(), pod_metrics()]] {
        for plain in [false, true] {
            let server = Server::new(|server| {
                server.objects.clone_from(&objects);
                server.plain = plain;
            });
            let cluster = server.cluster();
            let error = cluster.resolve("PodMetrics", Some(METRICS)).await.unwrap_err();
            assert!(is_unavailable(&error), "{error}");
            assert_eq!(cluster.resolve("APIService", None).await.unwrap().plural, "apiservices");
            let gaps = cluster.unavailable_groups();
            assert_eq!(gaps.len(), 1, "{gaps:?}");
        }
    }
}
