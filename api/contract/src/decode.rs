//! Reads an incident from JSON bytes and names everything that is wrong with it, not only the first thing.
//!
//! Tolerance: unknown keys are ignored, `null` stands for an absent optional field, `resource_api_version` may
//! be missing. Everything else is strict.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::incident::{
    BusinessClassification, EnrichmentResults, IncidentRequest, Severity, SignalMode,
};

/// The longest name, label key or other one-line field, in characters.
pub const MAX_LINE: usize = 1024;
/// The longest message, description, label or annotation value, in characters (the size that Kubernetes allows
/// for all annotations of an object).
pub const MAX_TEXT: usize = 262_144;
/// The most entries of a map and the most items of a list.
pub const MAX_ENTRIES: usize = 1000;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where: `severity`, `signal_labels["app.kubernetes.io/name"]`; `body` for the document itself.
    pub field: String,
    /// What was found.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; expected {}", self.field, self.problem, self.expected)
    }
}

/// Which kind of rule an incident broke; the HTTP status depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The body does not have the documented shape: 400.
    Schema,
    /// The shape is right, but a value that must say something is empty: 422.
    Rule,
}

/// An incident that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidIncident {
    /// See [`Rejection`].
    pub rejection: Rejection,
    /// Everything that is wrong, in field order; never empty.
    pub errors: Vec<FieldError>,
}

impl fmt::Display for InvalidIncident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidIncident {}

impl IncidentRequest {
    /// Reads an incident from JSON.
    ///
    /// # Errors
    /// [`InvalidIncident`] with one entry for every bad field, or a single entry for `body` when the bytes are
    /// not one JSON object.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidIncident> {
        let document = parse(bytes).map_err(InvalidIncident::schema)?;
        let mut errors = Vec::new();
        let incident = read_incident(&document, &mut errors);
        let Some(incident) = incident.filter(|_| errors.is_empty()) else {
            return Err(InvalidIncident { rejection: Rejection::Schema, errors });
        };
        if incident.incident_id.is_empty() {
            let error = FieldError::new("incident_id", "it is empty", "a name for the incident");
            return Err(InvalidIncident { rejection: Rejection::Rule, errors: vec![error] });
        }
        Ok(incident)
    }
}

impl InvalidIncident {
    fn schema(error: FieldError) -> Self {
        Self { rejection: Rejection::Schema, errors: vec![error] }
    }
}

impl FieldError {
    fn new(field: &str, problem: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into(), expected: expected.into() }
    }
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, FieldError> {
    const EXPECTED: &str = "one JSON object that describes an incident";
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(FieldError::new("body", "it is empty", EXPECTED));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(FieldError::new("body", found(&other), EXPECTED)),
        // serde_json's text ends with the line and the column.
        Err(error) => Err(FieldError::new("body", format!("invalid JSON: {error}"), EXPECTED)),
    }
}

/// `None` as soon as a required field could not be read; the reason is in `errors` then.
fn read_incident(
    document: &Map<String, Value>,
    errors: &mut Vec<FieldError>,
) -> Option<IncidentRequest> {
    let mut fields = Fields { object: document, path: "", errors };
    // All fields are read before the first `?`, so that every error is collected.
    let incident_id = fields.line("incident_id");
    let remediation_id = fields.line("remediation_id");
    fields.reject_empty("remediation_id", remediation_id.as_deref());
    let signal_name = fields.line("signal_name");
    let severity = fields.severity();
    let signal_source = fields.line("signal_source");
    let resource_namespace = fields.line("resource_namespace");
    let resource_kind = fields.line("resource_kind");
    let resource_name = fields.line("resource_name");
    let resource_api_version = fields.optional_text("resource_api_version", MAX_LINE);
    let error_message = fields.text("error_message", MAX_TEXT);
    let description = fields.optional_text("description", MAX_TEXT);
    let environment = fields.line("environment");
    let priority = fields.line("priority");
    let risk_tolerance = fields.line("risk_tolerance");
    let business_category = fields.line("business_category");
    let cluster_name = fields.line("cluster_name");
    let is_duplicate = fields.optional_bool("is_duplicate");
    let occurrence_count = fields.optional_integer("occurrence_count");
    let deduplication_window_minutes = fields.optional_integer("deduplication_window_minutes");
    let firing_time = fields.optional_text("firing_time", MAX_LINE);
    let received_time = fields.optional_text("received_time", MAX_LINE);
    let first_seen = fields.optional_text("first_seen", MAX_LINE);
    let last_seen = fields.optional_text("last_seen", MAX_LINE);
    let signal_labels = fields.string_map("signal_labels");
    let signal_annotations = fields.string_map("signal_annotations");
    let enrichment_results = fields.enrichment("enrichment_results");
    let signal_mode = fields.signal_mode();
    let interactive = fields.optional_bool("interactive");
    Some(IncidentRequest {
        incident_id: incident_id?,
        remediation_id: remediation_id?,
        signal_name: signal_name?,
        severity: severity?,
        signal_source: signal_source?,
        resource_namespace: resource_namespace?,
        resource_kind: resource_kind?,
        resource_name: resource_name?,
        resource_api_version: resource_api_version.unwrap_or_default(),
        error_message: error_message?,
        description,
        environment: environment?,
        priority: priority?,
        risk_tolerance: risk_tolerance?,
        business_category: business_category?,
        cluster_name: cluster_name?,
        is_duplicate: is_duplicate.unwrap_or(false),
        occurrence_count: occurrence_count.unwrap_or(0),
        deduplication_window_minutes,
        firing_time,
        received_time,
        first_seen,
        last_seen,
        signal_labels,
        signal_annotations,
        enrichment_results,
        signal_mode,
        interactive: interactive.unwrap_or(false),
    })
}

/// Reads the fields of one object and writes down what is wrong with them.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: &'a str,
    errors: &'a mut Vec<FieldError>,
}

impl Fields<'_> {
    fn path_of(&self, key: &str) -> String {
        join(self.path, key)
    }

    fn complain(&mut self, key: &str, problem: String, expected: impl Into<String>) {
        let field = self.path_of(key);
        self.errors.push(FieldError { field, problem, expected: expected.into() });
    }

    /// The value of an optional field; `null` counts as absent.
    fn optional(&self, key: &str) -> Option<&Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn line(&mut self, key: &str) -> Option<String> {
        self.text(key, MAX_LINE)
    }

    fn text(&mut self, key: &str, limit: usize) -> Option<String> {
        match self.object.get(key) {
            Some(value) => self.bounded(key, value.clone(), limit),
            None => {
                self.complain(key, "it is missing".to_owned(), "a string");
                None
            }
        }
    }

    fn optional_text(&mut self, key: &str, limit: usize) -> Option<String> {
        let value = self.optional(key)?.clone();
        self.bounded(key, value, limit)
    }

    fn bounded(&mut self, key: &str, value: Value, limit: usize) -> Option<String> {
        let field = self.path_of(key);
        bounded_string(field, value, limit).map_err(|error| self.errors.push(error)).ok()
    }

    fn reject_empty(&mut self, key: &str, value: Option<&str>) {
        if value == Some("") {
            self.complain(key, "it is empty".to_owned(), "at least 1 character");
        }
    }

    fn optional_bool(&mut self, key: &str) -> Option<bool> {
        let value = self.optional(key)?;
        let read = value.as_bool();
        if read.is_none() {
            let problem = found(value);
            self.complain(key, problem, "true, false or null");
        }
        read
    }

    fn optional_integer(&mut self, key: &str) -> Option<i64> {
        let value = self.optional(key)?;
        let read = value.as_i64();
        if read.is_none() {
            let problem = found(value);
            self.complain(key, problem, "a whole number of at most 64 bits, or null");
        }
        read
    }

    fn severity(&mut self) -> Option<Severity> {
        let word = self.line("severity")?;
        let read = Severity::from_word(&word);
        if read.is_none() {
            self.reject_word("severity", &word, Severity::WORDS);
        }
        read
    }

    fn signal_mode(&mut self) -> Option<SignalMode> {
        let word = self.optional_text("signal_mode", MAX_LINE)?;
        let read = SignalMode::from_word(&word);
        if read.is_none() {
            self.reject_word("signal_mode", &word, SignalMode::WORDS);
        }
        read
    }

    fn reject_word(&mut self, key: &str, word: &str, allowed: &[&str]) {
        let problem = format!("{} is not allowed", quoted(word));
        self.complain(key, problem, format!("one of {}", allowed.join(", ")));
    }

    /// The object at `key`, or `None` when it is absent or something else.
    fn optional_object(&mut self, key: &str) -> Option<Map<String, Value>> {
        let value = self.optional(key)?;
        match value.as_object() {
            Some(object) if object.len() <= MAX_ENTRIES => Some(object.clone()),
            Some(object) => {
                let problem = format!("it has {} entries", object.len());
                self.complain(key, problem, format!("at most {MAX_ENTRIES} entries"));
                None
            }
            None => {
                let problem = found(value);
                self.complain(key, problem, "an object or null");
                None
            }
        }
    }

    fn string_map(&mut self, key: &str) -> BTreeMap<String, String> {
        let Some(object) = self.optional_object(key) else { return BTreeMap::new() };
        let path = self.path_of(key);
        let mut map = BTreeMap::new();
        for (name, value) in object {
            let field = join(&path, &name);
            match check_key(&field, &name).and_then(|()| bounded_string(field, value, MAX_TEXT)) {
                Ok(text) => {
                    map.insert(name, text);
                }
                Err(error) => self.errors.push(error),
            }
        }
        map
    }

    fn string_lists(&mut self, key: &str) -> Option<BTreeMap<String, Vec<String>>> {
        let object = self.optional_object(key)?;
        let path = self.path_of(key);
        let mut map = BTreeMap::new();
        for (name, value) in object {
            let field = join(&path, &name);
            match check_key(&field, &name).and_then(|()| list(&field, &value)) {
                Ok(items) => {
                    let texts = items.iter().enumerate().filter_map(|(index, item)| {
                        bounded_string(format!("{field}[{index}]"), item.clone(), MAX_TEXT)
                            .map_err(|error| self.errors.push(error))
                            .ok()
                    });
                    map.insert(name, texts.collect());
                }
                Err(error) => self.errors.push(error),
            }
        }
        Some(map)
    }

    fn enrichment(&mut self, key: &str) -> Option<EnrichmentResults> {
        let object = self.optional_object(key)?;
        let path = self.path_of(key);
        let mut inner = Fields { object: &object, path: &path, errors: self.errors };
        Some(EnrichmentResults {
            kubernetes_context: inner.optional_object("kubernetesContext"),
            custom_labels: inner.string_lists("customLabels"),
            business_classification: inner.business("businessClassification"),
        })
    }

    fn business(&mut self, key: &str) -> Option<BusinessClassification> {
        let object = self.optional_object(key)?;
        let path = self.path_of(key);
        let mut inner = Fields { object: &object, path: &path, errors: self.errors };
        Some(BusinessClassification {
            business_unit: inner.optional_text("businessUnit", MAX_LINE),
            service_owner: inner.optional_text("serviceOwner", MAX_LINE),
            criticality: inner.optional_text("criticality", MAX_LINE),
            sla_requirement: inner.optional_text("slaRequirement", MAX_LINE),
        })
    }
}

fn bounded_string(field: String, value: Value, limit: usize) -> Result<String, FieldError> {
    let Value::String(text) = value else {
        return Err(FieldError::new(&field, found(&value), "a string"));
    };
    // Bytes bound characters from above, so short texts need no counting.
    if text.len() > limit {
        let length = text.chars().count();
        if length > limit {
            let expected = format!("at most {limit} characters");
            return Err(FieldError::new(&field, format!("it has {length} characters"), expected));
        }
    }
    Ok(text)
}

fn check_key(field: &str, key: &str) -> Result<(), FieldError> {
    if key.chars().count() <= MAX_LINE {
        return Ok(());
    }
    let expected = format!("a key of at most {MAX_LINE} characters");
    Err(FieldError::new(field, "its key is too long", expected))
}

fn list<'a>(field: &str, value: &'a Value) -> Result<&'a Vec<Value>, FieldError> {
    match value.as_array() {
        Some(items) if items.len() <= MAX_ENTRIES => Ok(items),
        Some(items) => {
            let expected = format!("at most {MAX_ENTRIES} items");
            Err(FieldError::new(field, format!("it has {} items", items.len()), expected))
        }
        None => Err(FieldError::new(field, found(value), "a list of strings")),
    }
}

/// Says what kind of value stands where another was expected, with the value itself when it is short.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "it is null".to_owned(),
        Value::Bool(value) => format!("it is the boolean {value}"),
        Value::Number(value) => format!("it is the number {value}"),
        Value::String(text) => format!("it is the string {}", quoted(text)),
        Value::Array(_) => "it is a list".to_owned(),
        Value::Object(_) => "it is an object".to_owned(),
    }
}

/// Quotes at most 60 characters; control characters come out escaped.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let head: String = text.chars().take(SHOWN).collect();
    if head.len() < text.len() { format!("{head:?}…") } else { format!("{head:?}") }
}

/// Appends a key to a path: dotted when it is a plain word, bracketed otherwise.
fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (true, false) => format!("[{}]", quoted(key)),
        (false, true) => format!("{path}.{key}"),
        (false, false) => format!("{path}[{}]", quoted(key)),
    }
}
