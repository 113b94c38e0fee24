//! Counts over many answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use leadsman_contract::Verdict;
use serde::Serialize;

use super::judge::Judged;
use crate::triage::causes::CauseCode;

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many it holds for.
    pub count: usize,
    /// How many it could hold for.
    pub of: usize,
    /// 0..1; none of none has no rate.
    pub rate: Option<f64>,
}

impl Share {
    #[allow(clippy::cast_precision_loss)] // nobody has 2^52 cases
    fn new(count: usize, of: usize) -> Self {
        Self { count, of, rate: (of > 0).then(|| count as f64 / of as f64) }
    }

    fn among<'a>(cases: &[&'a Judged], holds: impl Fn(&'a Judged) -> bool) -> Self {
        Self::new(cases.iter().filter(|case| holds(case)).count(), cases.len())
    }

    /// Whether the rate reaches a threshold; none of none does.
    pub fn reaches(&self, threshold: f64) -> bool {
        self.rate.is_none_or(|rate| rate >= threshold)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rate {
            Some(rate) => write!(f, "{} of {} ({:.1} %)", self.count, self.of, rate * 100.0),
            None => write!(f, "0 of 0"),
        }
    }
}

/// One row of a table: the cases of one family or of one set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The family, or the set's directory.
    pub name: String,
    /// How many cases.
    pub cases: usize,
    /// Cause right.
    pub cause: Share,
    /// Target right.
    pub target: Share,
    /// Both right.
    pub both: Share,
}

/// What it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// Milliseconds from the first case to the end of the last.
    pub total_ms: u64,
    /// Milliseconds that half of the cases stayed within.
    pub case_p50_ms: u64,
    /// Milliseconds that 95 of 100 cases stayed within.
    pub case_p95_ms: u64,
    /// Tokens sent to the model, cached ones included.
    pub prompt_tokens: u64,
    /// Tokens that the model wrote.
    pub completion_tokens: u64,
    /// Sent tokens that the provider had cached.
    pub cached_tokens: u64,
    /// Model turns.
    pub model_turns: u64,
    /// Tool calls by the model.
    pub tool_calls: u64,
}

/// The figures of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many cases were answered.
    pub cases: usize,
    /// Cause right.
    pub cause: Share,
    /// Target right.
    pub target: Share,
    /// Both right.
    pub both: Share,
    /// Faults claimed, among cases where all is well.
    pub false_alarms: Share,
    /// Wrong, among answers with the verdict `confirmed`.
    pub over_claimed: Share,
    /// Said that the evidence does not decide, among cases with a cause.
    pub over_escalated: Share,
    /// Named a cause that it must not be taken for.
    pub forbidden: Share,
    /// Answered by the rules alone.
    pub degraded: Share,
    /// See [`Cost`].
    pub cost: Cost,
    /// By family.
    pub families: Vec<Row>,
    /// By the directory above the case.
    pub sets: Vec<Row>,
}

impl Summary {
    /// Counts over answers that took `wall` altogether.
    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Judged>, wall: Duration) -> Self {
        let cases: Vec<&Judged> = judged.into_iter().collect();
        let only = |holds: fn(&Judged) -> bool| -> Vec<&Judged> {
            cases.iter().copied().filter(|case| holds(case)).collect()
        };
        let healthy = only(|case| case.expected.cause == Some(CauseCode::Healthy));
        let confirmed = only(|case| case.found.verdict == Some(Verdict::Confirmed));
        let decidable = only(|case| case.expected.cause.is_some());
        Self {
            cases: cases.len(),
            cause: Share::among(&cases, |case| case.cause_right),
            target: Share::among(&cases, |case| case.target_right),
            both: Share::among(&cases, Judged::right),
            false_alarms: Share::among(&healthy, |case| case.false_alarm),
            over_claimed: Share::among(&confirmed, |case| case.over_claimed),
            over_escalated: Share::among(&decidable, |case| case.over_escalated),
            forbidden: Share::among(&cases, |case| case.forbidden),
            degraded: Share::among(&cases, |case| case.found.degraded),
            cost: Cost::of(&cases, wall),
            families: rows(&cases, |case| &case.family),
            sets: rows(&cases, Judged::set),
        }
    }

    /// Cause and target reach the threshold and there is no false alarm.
    pub fn passes(&self, threshold: f64) -> bool {
        self.cause.reaches(threshold)
            && self.target.reaches(threshold)
            && self.false_alarms.count == 0
    }

    /// What was counted, in words and figures, without time and tokens.
    pub fn figures(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Cause right", self.cause.to_string()),
            ("Target right", self.target.to_string()),
            ("Both right", self.both.to_string()),
            ("False alarms where all is well", self.false_alarms.to_string()),
            ("Confirmed, but wrong (over-claiming)", self.over_claimed.to_string()),
            ("Undecided, but decidable (over-escalating)", self.over_escalated.to_string()),
            ("Named a cause that it must not be taken for", self.forbidden.to_string()),
        ]
    }
}

impl Cost {
    fn of(cases: &[&Judged], wall: Duration) -> Self {
        let mut times: Vec<u64> = cases.iter().map(|case| case.time_ms).collect();
        times.sort_unstable();
        let mut cost = Self {
            total_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            case_p50_ms: percentile(&times, 50),
            case_p95_ms: percentile(&times, 95),
            ..Self::default()
        };
        for usage in cases.iter().map(|case| &case.usage) {
            cost.prompt_tokens += usage.prompt_tokens;
            cost.completion_tokens += usage.completion_tokens;
            cost.cached_tokens += usage.cached_tokens;
            cost.model_turns += u64::from(usage.model_turns);
            cost.tool_calls += u64::from(usage.tool_calls);
        }
        cost
    }
}

/// The nearest-rank percentile of sorted values; 0 of none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

fn rows<'a>(cases: &[&'a Judged], key: impl Fn(&'a Judged) -> &'a str) -> Vec<Row> {
    let mut groups: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for case in cases {
        groups.entry(key(case)).or_default().push(case);
    }
    let row = |(name, cases): (&str, Vec<&Judged>)| Row {
        name: name.to_owned(),
        cases: cases.len(),
        cause: Share::among(&cases, |case| case.cause_right),
        target: Share::among(&cases, |case| case.target_right),
        both: Share::among(&cases, Judged::right),
    };
    groups.into_iter().map(row).collect()
}
