//! A simulated Kubernetes API server over a [`Snapshot`].
//!
//! It answers discovery, get, list (selectors, paging, tables), watch, logs and the metrics API as a real server
//! does, well enough for kube-rs in process ([`Simulator::client`]) and for an unmodified `kubectl` over HTTP
//! ([`Simulator::serve`]). It is read-only: whatever would change the cluster is refused with 405.

mod access;
mod aggregation;
mod collection;
mod discovery;
mod logs;
mod openapi;
mod paging;
mod query;
mod reply;
mod routing;
mod selectors;
mod serve;
mod status;
mod table;
mod watch;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request};
use hyper::body::Body;
use tokio_util::sync::CancellationToken;

pub use reply::{Reply, ReplyBody};

use crate::snapshot::{ResourceKind, Snapshot};
use query::Query;
use reply::{View, negotiate, ok_json, text_reply};
use routing::{Route, Target, route};
use status::ApiError;

/// Whatever is wrong with the body of a request.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A simulated API server. Cheap to clone; clones serve the same snapshot.
#[derive(Debug, Clone)]
pub struct Simulator {
    snapshot: Arc<Snapshot>,
    /// The version that lists report, from the newest object.
    resource_version: u64,
    /// Versions of groups whose aggregated API servers are down: group, version.
    unavailable: Arc<Vec<(String, String)>>,
    /// Ends open watches.
    shutdown: CancellationToken,
}

impl Simulator {
    /// Serves a snapshot.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        let resource_version = collection::newest_resource_version(&snapshot);
        let unavailable = Arc::new(aggregation::unavailable(&snapshot));
        Self { snapshot, resource_version, unavailable, shutdown: CancellationToken::new() }
    }

    /// Whether the aggregated API server of a group's version is down.
    fn is_down(&self, group: &str, version: &str) -> bool {
        self.unavailable.iter().any(|down| (down.0.as_str(), down.1.as_str()) == (group, version))
    }

    /// The snapshot that is served.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// A kube-rs client that talks to this server in process, without a socket.
    pub fn client(&self, default_namespace: impl Into<String>) -> kube::Client {
        kube::Client::new(self.clone(), default_namespace)
    }

    /// Answers one request. Never fails: whatever is wrong becomes a `Status` document.
    pub async fn respond<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        self.answer(request).await.unwrap_or_else(ApiError::into_reply)
    }

    async fn answer<B>(&self, request: Request<B>) -> Result<Reply, ApiError>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let route = route(parts.uri.path());
        aggregation::refuse(&self.unavailable, &route)?;
        if parts.method == Method::POST && access::is_review(&route) {
            return access::review(&parts.headers, body).await;
        }
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return Err(ApiError::read_only(&format!("{} {}", parts.method, parts.uri.path())));
        }
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let aggregates = matches!(route, Route::CoreVersions | Route::Groups);
        let view = || negotiate(&parts.headers, aggregates);
        match route {
            Route::Root => Ok(ok_json(&discovery::paths(&self.snapshot))),
            Route::Version => Ok(ok_json(&discovery::version(self.snapshot.server_version()))),
            Route::Health => Ok(text_reply("ok")),
            Route::OpenApiV2 => view().map(|_| ok_json(&openapi::v2(&self.snapshot))),
            Route::OpenApiV3 => Ok(ok_json(&openapi::v3_index(&self.snapshot))),
            Route::OpenApiV3Of(path) => openapi::v3(&self.snapshot, &path).map(|doc| ok_json(&doc)),
            Route::CoreVersions => Ok(discovery::core(&self.snapshot, view()?)),
            Route::Groups => Ok(discovery::groups(self, view()?)),
            Route::Group(group) => discovery::group(&self.snapshot, &group),
            Route::Resources { group, version } => {
                discovery::resources(&self.snapshot, &group, &version)
            }
            Route::Resource(target) => self.resource(&target, &query, &view),
            Route::Unknown => Err(ApiError::no_such_path()),
        }
    }

    fn resource(
        &self,
        target: &Target,
        query: &Query,
        view: &dyn Fn() -> Result<View, ApiError>,
    ) -> Result<Reply, ApiError> {
        let kind = self.find_kind(target)?;
        match (&target.name, target.subresource.as_deref()) {
            // Logs are text: what the client accepts does not matter.
            (Some(pod), Some("log")) if kind.group.is_empty() && kind.kind == "Pod" => {
                let namespace = target.namespace.as_deref().unwrap_or_default();
                logs::read(&self.snapshot, kind, namespace, pod, query)
            }
            (Some(name), None | Some("status")) => {
                collection::get(self, kind, target.namespace.as_deref(), name, query, view()?)
            }
            (Some(_), Some("exec" | "attach" | "portforward" | "proxy" | "eviction" | "token")) => {
                let what = format!(
                    "{}/{}",
                    target.plural,
                    target.subresource.as_deref().unwrap_or_default()
                );
                Err(ApiError::read_only(&what))
            }
            (None, None) => {
                let namespace = target.namespace.as_deref();
                if query.flag("watch")? {
                    watch::open(self, kind, namespace, query, view()?)
                } else {
                    collection::list(self, kind, namespace, query, view()?)
                }
            }
            (Some(_) | None, Some(_)) => Err(ApiError::no_such_path()),
        }
    }

    /// The kind that a path names, if the path fits its scope.
    fn find_kind(&self, target: &Target) -> Result<&ResourceKind, ApiError> {
        let kind = self
            .snapshot
            .kind(&target.group, &target.version, &target.plural)
            .ok_or_else(ApiError::no_such_path)?;
        let fits = match (&target.namespace, &target.name) {
            (Some(_), _) => kind.namespaced,
            (None, Some(_)) => !kind.namespaced,
            (None, None) => true,
        };
        if fits { Ok(kind) } else { Err(ApiError::no_such_path()) }
    }
}

/// For `kube::Client::new` and other in-process users.
impl<B> tower::Service<Request<B>> for Simulator
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let simulator = self.clone();
        Box::pin(async move { Ok(simulator.respond(request).await) })
    }
}
