//! Turns what was collected into evidence: each object, event list and log goes into the ledger once, when it is needed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::engine::evidence::{Citation, EvidenceId, Ledger};

use super::draft::{Proof, Source};
use super::neighbourhood::Neighbourhood;
use super::view::{Event, Key, shorten, squeeze, text};

/// A longer string value is cut in an object's text.
const MAX_VALUE: usize = 4096;
/// A longer object is cut.
const MAX_OBJECT: usize = 32 * 1024;
/// At most so many events about one object.
const MAX_EVENTS: usize = 50;
const MAX_LOG: usize = 64 * 1024;
/// A fallback quote must keep at least so many words of the original.
const MIN_WORDS: usize = 3;

/// Metadata that identifies nothing and explains nothing.
const NOISE: [&str; 6] =
    ["uid", "resourceVersion", "generation", "managedFields", "selfLink", "generateName"];

/// Puts evidence into a ledger.
pub(super) struct Exhibits<'a> {
    ledger: &'a mut Ledger,
    neighbourhood: &'a Neighbourhood,
    shown: BTreeMap<Source, Option<EvidenceId>>,
}

impl<'a> Exhibits<'a> {
    pub(super) fn new(ledger: &'a mut Ledger, neighbourhood: &'a Neighbourhood) -> Self {
        Self { ledger, neighbourhood, shown: BTreeMap::new() }
    }

    /// Records a source unless that was done before; `None` when there is nothing to record.
    pub(super) fn show(&mut self, source: &Source) -> Option<EvidenceId> {
        if let Some(shown) = self.shown.get(source) {
            return shown.clone();
        }
        let id = self.render(source).map(|(tool, arguments, text)| {
            let known = self.ledger.entries().iter().find(|known| {
                known.tool == tool && known.arguments == arguments && known.text == text
            });
            match known {
                Some(known) => known.id.clone(),
                None => self.ledger.record(tool, arguments, text),
            }
        });
        self.shown.insert(source.clone(), id.clone());
        id
    }

    fn render(&self, source: &Source) -> Option<(&'static str, Value, String)> {
        let n = self.neighbourhood;
        match source {
            Source::Object(key) => {
                let object = n.objects.get(key)?;
                Some(("kubectl_get_by_name", named(key), object_text(object)))
            }
            Source::Events(key) => {
                let lines = event_lines(n.objects.events_of(key));
                (!lines.is_empty()).then_some(("kubectl_events", named(key), lines))
            }
            Source::Names(kind) => {
                let lines: Vec<String> = n.objects.kind(kind).map(name_line).collect();
                (!lines.is_empty()).then(|| {
                    ("kubectl_get_by_kind_in_cluster", json!({"kind": kind}), lines.join("\n"))
                })
            }
            Source::Log(key) => {
                let log = n.logs.get(key)?;
                let arguments = json!({
                    "name": key.pod, "namespace": key.namespace,
                    "container": key.container, "previous": key.previous,
                });
                Some(("kubectl_logs", arguments, newest(log, MAX_LOG).to_owned()))
            }
        }
    }

    /// Turns a proof into a citation that holds, or drops it.
    pub(super) fn cite(&mut self, proof: &Proof) -> Option<Citation> {
        let evidence = self.show(&proof.source)?;
        let text = squeeze(&self.ledger.get(&evidence)?.text);
        let quote = verbatim(&text, &squeeze(&proof.quote))?;
        let citation = Citation { evidence, quote };
        self.ledger.check(&citation).is_ok().then_some(citation)
    }
}

/// A line of a list: name and phase.
pub(super) fn name_line(object: &Value) -> String {
    format!("{} {}", text(object, "/metadata/name"), text(object, "/status/phase"))
}

/// The arguments by which the tools name an object.
fn named(key: &Key) -> Value {
    if key.namespace.is_empty() {
        json!({"kind": key.kind, "name": key.name})
    } else {
        json!({"kind": key.kind, "name": key.name, "namespace": key.namespace})
    }
}

/// The wanted words as they occur in the text: all of them, or, where rendering changed some (quotes within quotes,
/// a cut), the longest run of words that does occur.
fn verbatim(text: &str, wanted: &str) -> Option<String> {
    if text.contains(wanted) {
        return Some(wanted.to_owned());
    }
    let words: Vec<&str> = wanted.split(' ').collect();
    let mut best = String::new();
    let mut start = 0;
    let mut end = 0;
    // Two pointers: the run from `start` only ever has to grow while it still occurs.
    while start < words.len() {
        end = end.max(start + 1);
        while end <= words.len() && text.contains(&words[start..end].join(" ")) {
            end += 1;
        }
        let run = words[start..end - 1].join(" ");
        if run.len() > best.len() && end - 1 - start >= MIN_WORDS {
            best = run;
        }
        start += 1;
    }
    (!best.is_empty()).then_some(best)
}

/// Renders a value as YAML. Long strings are folded at blanks, so that a quote holds whatever the indentation.
pub(super) fn yaml(value: &Value) -> String {
    let mut value = value.clone();
    drop_container_ids(&mut value);
    serde_saphyr::to_string(&value)
        .unwrap_or_else(|_| value.to_string())
        .trim()
        .trim_start_matches("---")
        .to_owned()
}

fn object_text(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        for noise in NOISE {
            metadata.remove(noise);
        }
        for owner in metadata
            .get_mut("ownerReferences")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            owner.remove("uid");
        }
    }
    drop_token_volume(&mut object);
    if text(&object, "/kind") == "Node"
        && let Some(status) = object.pointer_mut("/status").and_then(Value::as_object_mut)
    {
        status.remove("images");
    }
    cut_strings(&mut object);
    let text = yaml(&object);
    match text.char_indices().nth(MAX_OBJECT) {
        Some((cut, _)) => format!("{}\n# cut here", &text[..cut]),
        None => text,
    }
}

/// Every pod has the same mount of its ServiceAccount's token.
fn drop_token_volume(object: &mut Value) {
    let is_token = |volume: &Value| text(volume, "/name").starts_with("kube-api-access-");
    if let Some(volumes) = object.pointer_mut("/spec/volumes").and_then(Value::as_array_mut) {
        volumes.retain(|volume| !is_token(volume));
    }
    for containers in ["/spec/containers", "/spec/initContainers"] {
        let Some(containers) = object.pointer_mut(containers).and_then(Value::as_array_mut) else {
            continue;
        };
        for container in containers {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.retain(|mount| !is_token(mount));
            }
        }
    }
    for statuses in ["/status/containerStatuses", "/status/initContainerStatuses"] {
        let Some(statuses) = object.pointer_mut(statuses).and_then(Value::as_array_mut) else {
            continue;
        };
        for status in statuses.iter_mut().filter_map(Value::as_object_mut) {
            status.remove("volumeMounts");
        }
    }
}

/// A container's id is long, stands in every state and explains nothing.
fn drop_container_ids(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_container_ids),
        Value::Object(fields) => {
            fields.remove("containerID");
            fields.values_mut().for_each(drop_container_ids);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn cut_strings(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > MAX_VALUE => *text = shorten(text, MAX_VALUE),
        Value::Array(items) => items.iter_mut().for_each(cut_strings),
        Value::Object(fields) => fields.values_mut().for_each(cut_strings),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn event_lines<'a>(events: impl Iterator<Item = &'a Event>) -> String {
    let mut lines = String::new();
    for event in events.take(MAX_EVENTS) {
        let seen = event.last.map_or_else(|| "unknown".to_owned(), |last| last.to_string());
        let Key { kind, name, .. } = &event.about;
        let _ = writeln!(
            lines,
            "{seen} {} {} {kind}/{name} {} x{}",
            event.level, event.reason, event.message, event.count
        );
    }
    lines
}

/// The end of a text, cut at a line, within so many bytes.
fn newest(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let start = text.len() - limit;
    let start = (start..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let tail = &text[start..];
    tail.split_once('\n').map_or(tail, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_an_object_occurs_in_the_whole_however_long_and_odd_its_strings() {
        let message = "failed: exec: \"/bin/x\": stat it's \\ gone: ".repeat(6);
        let part = json!({"exitCode": 128, "message": message, "reason": "StartError"});
        let whole = json!({"a": {"b": [{"state": {"terminated": part}}]}});
        let text = squeeze(&object_text(&whole));
        assert!(text.contains(&squeeze(&yaml(&part))), "{text}\n{}", yaml(&part));
    }

    #[test]
    fn a_quote_that_rendering_broke_shrinks_to_what_still_stands() {
        let text = "message: 'it''s broken beyond all repair'";
        assert_eq!(
            verbatim(text, "it's broken beyond all repair").as_deref(),
            Some("broken beyond all repair")
        );
        assert_eq!(verbatim(text, "nothing of the kind at all"), None);
    }

    #[test]
    fn the_newest_part_of_a_log_begins_at_a_line() {
        assert_eq!(newest("ein\nzwei\ndrei\n", 8), "drei\n");
        assert_eq!(newest("kurz", 8), "kurz");
    }
}
