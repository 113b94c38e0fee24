//! The rule catalogue: one file a family of causes. A rule is a pure function over the collected neighbourhood.

mod admission;
mod aggregation;
mod certificates;
mod config;
mod connect;
mod eviction;
mod gitops;
mod image;
mod jobs;
mod link;
mod logged;
mod network;
mod node;
mod probe;
mod rollout;
mod routes;
mod runtime;
mod scaling;
mod scheduling;
mod services;
mod storage;
mod volumes;

use super::draft::Draft;
use super::neighbourhood::Neighbourhood;
use super::pod::{Container, Pod};

/// A rule looks at everything and says what it finds.
type Rule = fn(&Neighbourhood) -> Vec<Draft>;

const RULES: [Rule; 23] = [
    node::rule,
    runtime::rule,
    probe::rule,
    config::rule,
    image::rule,
    scheduling::rule,
    storage::rule,
    admission::rule,
    aggregation::rule,
    network::rule,
    rollout::rule,
    connect::rule,
    certificates::rule,
    eviction::rule,
    gitops::rule,
    jobs::rule,
    link::rule,
    logged::rule,
    routes::rule,
    scaling::rule,
    services::rule,
    volumes::rule,
    scheduling::unseen,
];

/// Runs every rule.
pub(super) fn run(neighbourhood: &Neighbourhood) -> Vec<Draft> {
    RULES.iter().flat_map(|rule| rule(neighbourhood)).collect()
}

/// The last step of a chain: what one sees of a container in trouble.
fn symptom(pod: Pod<'_>, container: &Container<'_>) -> String {
    let restarts = match container.restarts() {
        0 => String::new(),
        1 => " after 1 restart".to_owned(),
        more => format!(" after {more} restarts"),
    };
    let name = pod.name();
    match container.waiting() {
        Some((reason, _)) if !reason.is_empty() => format!("Pod {name} is in {reason}{restarts}"),
        _ if pod.phase() == "Failed" => format!("Pod {name} has failed{restarts}"),
        _ if pod.ready() => format!("Pod {name} runs again{restarts}"),
        _ => format!("Pod {name} is not ready{restarts}"),
    }
}

/// What stands between two marks of a message.
fn between<'a>(message: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found).filter(|found| !found.is_empty())
}

/// What follows a mark, up to the next blank, comma or quotation mark.
fn word_after<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(before)?;
    let word = rest.trim_start().split([' ', ',', '"', '\'', ';']).next()?;
    Some(word.trim_end_matches(['.', ':'])).filter(|word| !word.is_empty())
}
