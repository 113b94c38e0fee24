//! Metrics under the names that Kubernaut's dashboards know, plus our own where those stop.
//!
//! Each app has its own recorder, so that several of them in one process do not count each other's sessions.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Unit;
use leadsman_ports::chat::TokenUsage;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString,
};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use leadsman_server::metrics::{HTTP_DURATION, HTTP_DURATION_BUCKETS};

use crate::engine::events::{Event, ToolOutcome};
use crate::engine::incident::Severity;
use crate::sessions::{State, View};

const STARTED: &str = "aiagent_sessions_started_total";
const COMPLETED: &str = "aiagent_sessions_completed_total";
const ACTIVE: &str = "aiagent_sessions_active";
const DURATION: &str = "aiagent_session_duration_seconds";
const AUDIT: &str = "aiagent_audit_events_emitted_total";
const AUDIT_REFUSED: &str = "leadsman_audit_events_refused_total";
const UNREADABLE: &str = "leadsman_sessions_unreadable";
const LLM_REQUESTS: &str = "aiagent_api_llm_requests_total";
const LLM_DURATION: &str = "aiagent_api_llm_request_duration_seconds";
const LLM_TOKENS: &str = "aiagent_api_llm_tokens_total";
const TOOL_CALLS: &str = "leadsman_tool_calls_total";
const VERDICTS: &str = "leadsman_verdicts_total";

/// The longest signal name that becomes a label, in characters.
const MAX_LABEL: usize = 128;
/// The most signal names that become labels of their own.
const MAX_SIGNALS: usize = 200;
/// The label of all further signal names: clients make them up.
const OTHER_SIGNALS: &str = "(other)";

const METADATA: Metadata<'static> = Metadata::new("leadsman", Level::INFO, None);

const SESSION_BUCKETS: [f64; 8] = [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0];
const LLM_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The product's metrics.
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    signals: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// A recorder with every name described.
    pub fn new() -> Result<Self, BuildError> {
        let buckets = |builder: PrometheusBuilder, name: &str, values: &[f64]| {
            builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), values)
        };
        let builder = buckets(PrometheusBuilder::new(), DURATION, &SESSION_BUCKETS)?;
        let builder = buckets(builder, LLM_DURATION, &LLM_BUCKETS)?;
        let builder = buckets(builder, HTTP_DURATION, &HTTP_DURATION_BUCKETS)?;
        let recorder = Arc::new(builder.build_recorder());
        let handle = recorder.handle();
        let metrics = Self { recorder, handle, signals: Mutex::default() };
        metrics.describe();
        Ok(metrics)
    }

    fn describe(&self) {
        let counter = |name: &'static str, help: &'static str| {
            self.recorder.describe_counter(KeyName::from(name), None, SharedString::from(help));
        };
        counter(STARTED, "Investigations accepted, by signal and severity.");
        counter(COMPLETED, "Investigations ended, by outcome.");
        counter(AUDIT, "Audit events that reached the sink, by type.");
        counter(AUDIT_REFUSED, "Audit events that the sink refuses and the store keeps, by type.");
        counter(LLM_REQUESTS, "Model calls, by status.");
        counter(LLM_TOKENS, "Tokens read from and written by the model.");
        counter(TOOL_CALLS, "Tool calls by the model, by tool and outcome.");
        counter(
            VERDICTS,
            "Verdicts of completed investigations, by verdict, cause and whether a model took part.",
        );
        for (name, help) in [
            (ACTIVE, "Investigations that run or wait for room."),
            (
                UNREADABLE,
                "Unfinished sessions that another version wrote and that are left open for it.",
            ),
        ] {
            self.recorder.describe_gauge(KeyName::from(name), None, SharedString::from(help));
        }
        for (name, help) in [
            (DURATION, "Time from acceptance to end, by outcome."),
            (LLM_DURATION, "Time of a model call with its retries."),
        ] {
            self.recorder.describe_histogram(KeyName::from(name), None, SharedString::from(help));
        }
        // Names without a first value would be missing from a scrape until something happens.
        self.gauge(ACTIVE).set(0.0);
        self.gauge(UNREADABLE).set(0.0);
    }

    /// The recorder, for adapters that count for themselves.
    pub fn recorder(&self) -> Arc<PrometheusRecorder> {
        Arc::clone(&self.recorder)
    }

    /// The page that Prometheus scrapes.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds recent samples into the buckets; call it every few seconds to bound memory.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    fn gauge(&self, name: &'static str) -> Gauge {
        self.recorder.register_gauge(&Key::from_static_name(name), &METADATA)
    }

    fn histogram(&self, name: &'static str, labels: Vec<Label>) -> Histogram {
        self.recorder.register_histogram(&Key::from_parts(name, labels), &METADATA)
    }

    /// An investigation was accepted.
    pub fn session_started(&self, signal: &str, severity: Severity) {
        let labels = vec![
            Label::new("signal_name", self.signal_label(signal)),
            Label::new("severity", severity.as_str()),
        ];
        self.counter(STARTED, labels).increment(1);
    }

    /// The signal's name while there are few of them.
    fn signal_label(&self, signal: &str) -> String {
        let signal: String = signal.chars().take(MAX_LABEL).collect();
        let mut known = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&signal) || (known.len() < MAX_SIGNALS && known.insert(signal.clone())) {
            signal
        } else {
            OTHER_SIGNALS.to_owned()
        }
    }

    /// How many unfinished sessions this version cannot read.
    pub fn sessions_unreadable(&self, count: usize) {
        self.gauge(UNREADABLE).set(count as f64);
    }

    /// Counts an investigation as active until the guard is dropped.
    pub fn session_active(&self) -> ActiveSession {
        let gauge = self.gauge(ACTIVE);
        gauge.increment(1.0);
        ActiveSession(gauge)
    }

    /// An investigation ended.
    pub fn session_ended(&self, view: &View) {
        let outcome = match view.state {
            State::Completed => "completed",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
            State::Pending | State::Investigating => "unknown",
        };
        let labels = || vec![Label::new("outcome", outcome)];
        self.counter(COMPLETED, labels()).increment(1);
        if let Some(finished) = view.finished_at {
            let seconds = (finished - view.created_at).total(Unit::Second).unwrap_or_default();
            self.histogram(DURATION, labels()).record(seconds);
        }
        if let (State::Completed, Some(conclusion)) = (view.state, &view.conclusion) {
            let verdict = crate::wire::verdict(conclusion.verdict).as_str();
            let cause = conclusion.cause.as_ref().map(ToString::to_string).unwrap_or_default();
            let labels = vec![
                Label::new("verdict", verdict),
                Label::new("cause", cause),
                Label::new("degraded", if conclusion.degraded { "true" } else { "false" }),
            ];
            self.counter(VERDICTS, labels).increment(1);
        }
    }

    /// An audit event reached the sink.
    pub fn audit_emitted(&self, kind: &str) {
        self.counter(AUDIT, vec![Label::new("event_type", kind.to_owned())]).increment(1);
    }

    /// The sink refused an audit event for good.
    pub fn audit_refused(&self, kind: &str) {
        self.counter(AUDIT_REFUSED, vec![Label::new("event_type", kind.to_owned())]).increment(1);
    }

    /// Counts what an event of a journal says about the model and the tools.
    pub fn observe(&self, event: &Event) {
        match event {
            Event::ModelAnswered { response, latency_ms } => {
                self.model_called("success");
                self.histogram(LLM_DURATION, Vec::new()).record(*latency_ms as f64 / 1000.0);
                let TokenUsage { prompt, completion, cached: _ } = response.usage;
                for (kind, tokens) in [("prompt", prompt), ("completion", completion)] {
                    self.counter(LLM_TOKENS, vec![Label::new("type", kind)]).increment(tokens);
                }
            }
            Event::ModelFailed { .. } => self.model_called("error"),
            Event::ToolAnswered { tool, outcome, .. } => self.tool_called(tool, *outcome),
            _ => {}
        }
    }

    fn model_called(&self, status: &'static str) {
        self.counter(LLM_REQUESTS, vec![Label::new("status", status)]).increment(1);
    }

    /// Names that no tool has share one label, so that a model cannot make up time series.
    fn tool_called(&self, tool: &str, outcome: ToolOutcome) {
        let (tool, outcome) = match outcome {
            ToolOutcome::Answered => (tool.to_owned(), "answered"),
            ToolOutcome::Failed => ("any".to_owned(), "failed"),
        };
        let labels = vec![Label::new("tool", tool), Label::new("outcome", outcome)];
        self.counter(TOOL_CALLS, labels).increment(1);
    }
}

/// Counts one active investigation while it lives.
#[derive(Debug)]
pub struct ActiveSession(Gauge);

impl Drop for ActiveSession {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_names_that_clients_make_up_share_one_label() {
        let metrics = Metrics::new().unwrap();
        for number in 0..5_000 {
            metrics.session_started(&format!("Signal{number}"), Severity::High);
        }
        metrics.session_started("Signal7", Severity::High);
        let page = metrics.render();
        let series: Vec<&str> = page.lines().filter(|line| line.starts_with(STARTED)).collect();
        assert_eq!(series.len(), MAX_SIGNALS + 1);
        let count = |name: &str| {
            let line = series.iter().find(|line| line.contains(&format!("\"{name}\""))).unwrap();
            line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
        };
        assert_eq!(count("Signal7"), 2);
        assert_eq!(count(OTHER_SIGNALS), 5_000 - MAX_SIGNALS);
    }
}
