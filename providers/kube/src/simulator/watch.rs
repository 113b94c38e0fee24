//! Watches: what is there, then silence, because a snapshot does not change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};

use super::Simulator;
use super::collection::{Filter, metadata_only};
use super::query::Query;
use super::reply::{Reply, View, stream_reply};
use super::status::ApiError;
use super::table::{self, Include};
use crate::snapshot::ResourceKind;

/// How long a watch stays open if the client does not say; the real server picks 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);
/// Longest time-out that a client may ask for.
const MAX_TIMEOUT: Duration = Duration::from_hours(24);
/// How often a client that wants bookmarks gets one.
const BOOKMARK_INTERVAL: Duration = Duration::from_mins(1);

/// What a watch starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The client has listed before.
    Quiet,
    /// Every object as ADDED.
    Objects,
    /// Every object as ADDED, then a bookmark that says so.
    ObjectsAndBookmark,
}

/// How an event's object is rendered.
struct Rendering<'a> {
    simulator: &'a Simulator,
    kind: &'a ResourceKind,
    view: View,
    include: Include,
}

/// Opens a watch.
pub(super) fn open(
    simulator: &Simulator,
    kind: &ResourceKind,
    namespace: Option<&str>,
    query: &Query,
    view: View,
) -> Result<Reply, ApiError> {
    let filter = Filter::parse(query, kind)?;
    let bookmarks = query.flag("allowWatchBookmarks")?;
    let start = start(query, bookmarks)?;
    let timeout = match query.integer("timeoutSeconds")?.map(u64::try_from) {
        None | Some(Ok(0)) => DEFAULT_TIMEOUT,
        Some(Ok(seconds)) => Duration::from_secs(seconds).min(MAX_TIMEOUT),
        Some(Err(_)) => {
            return Err(ApiError::invalid("ListOptions", "timeoutSeconds", "must not be negative"));
        }
    };
    let rendering = Rendering { simulator, kind, view, include: Include::parse(query)? };
    let mut lines = Vec::new();
    if start != Start::Quiet {
        let stored = simulator.snapshot.objects(kind, namespace).iter();
        for stored in stored.filter(|stored| filter.matches(stored, kind)) {
            let first = lines.is_empty();
            lines.push(rendering.event("ADDED", &stored.object, first));
        }
    }
    if start == Start::ObjectsAndBookmark {
        lines.push(rendering.bookmark(true));
    }
    let bookmark = bookmarks.then(|| rendering.bookmark(false));
    let closing = simulator.shutdown.clone();
    let ends = async move {
        tokio::select! {
            () = tokio::time::sleep(timeout) => {}
            () = closing.cancelled_owned() => {}
        }
    };
    let body = stream::iter(lines).chain(heartbeat(bookmark)).take_until(Box::pin(ends));
    Ok(stream_reply(body))
}

/// Bookmarks for ever, or nothing for ever.
fn heartbeat(bookmark: Option<Bytes>) -> impl Stream<Item = Bytes> + Send {
    match bookmark {
        None => stream::pending().left_stream(),
        Some(bookmark) => stream::unfold(Arc::new(bookmark), |bookmark| async move {
            tokio::time::sleep(BOOKMARK_INTERVAL).await;
            Some(((*bookmark).clone(), bookmark))
        })
        .right_stream(),
    }
}

fn start(query: &Query, bookmarks: bool) -> Result<Start, ApiError> {
    if query.flag("sendInitialEvents")? {
        if query.text("resourceVersionMatch") != Some("NotOlderThan") {
            let problem = "must be NotOlderThan with sendInitialEvents";
            return Err(ApiError::invalid("ListOptions", "resourceVersionMatch", problem));
        }
        return Ok(if bookmarks { Start::ObjectsAndBookmark } else { Start::Objects });
    }
    match query.text("resourceVersion") {
        None => Ok(if query.text("sendInitialEvents").is_some() {
            Start::Quiet
        } else {
            Start::Objects
        }),
        Some(version) => match version.parse::<u64>() {
            Ok(0) => Ok(Start::Objects),
            Ok(_) => Ok(Start::Quiet),
            Err(_) => Err(ApiError::bad_request(format!(
                "Invalid value: {version:?}: it must be a resourceVersion of a list"
            ))),
        },
    }
}

impl Rendering<'_> {
    /// One event; only the first table of a stream has the column definitions.
    fn event(&self, event_type: &str, object: &Value, first: bool) -> Bytes {
        let line = match self.view {
            View::Object | View::Discovery(_) => json!({"type": event_type, "object": object}),
            View::Metadata => json!({"type": event_type, "object": metadata_only(object)}),
            View::Table => {
                let metadata = json!({"resourceVersion": self.version()});
                let now = self.simulator.snapshot.captured_at();
                let table = table::table(self.kind, &[object], now, self.include, metadata, first);
                json!({"type": event_type, "object": table})
            }
        };
        let mut line = line.to_string();
        line.push('\n');
        Bytes::from(line)
    }

    fn bookmark(&self, ends_initial_events: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": self.version(), "creationTimestamp": null});
        if let (true, Some(fields)) = (ends_initial_events, metadata.as_object_mut()) {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            fields.insert("annotations".to_owned(), annotations);
        }
        let object = json!({
            "kind": self.kind.kind,
            "apiVersion": self.kind.api_version(),
            "metadata": metadata,
        });
        self.event("BOOKMARK", &object, true)
    }

    fn version(&self) -> String {
        self.simulator.resource_version.to_string()
    }
}
