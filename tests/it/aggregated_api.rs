//! An aggregated API whose server is down, hangs or is slow must neither hold an investigation up nor go unsaid.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadsman::app;
use leadsman_contract::IncidentResponse;
use leadsman_kube::simulator::Simulator;
use leadsman_testkit::{ApiRequest, Fault, FaultyApi, FaultyApiOptions};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{self, Harness};

/// By how much an aggregated API may delay an investigation.
const ALLOWED: Duration = Duration::from_secs(2);
const BROKEN: &str = "metrics.k8s.io/v1beta1";

/// The API server of the subject's cluster; it ends with the guard.
async fn api_server() -> (SocketAddr, DropGuard) {
    let simulator = Simulator::new(app::load_snapshot(&harness::subject().snapshot).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(simulator.serve(listener, stop.clone()));
    (address, stop.drop_guard())
}

/// What came of the incidents, one after the other, by one process.
struct Outcome {
    /// How long each took, with its answer.
    answers: Vec<(Duration, IncidentResponse)>,
    requests: Vec<ApiRequest>,
}

async fn investigate(
    upstream: SocketAddr,
    options: FaultyApiOptions,
    incidents: &[Value],
) -> Outcome {
    let server = Arc::new(FaultyApi::start(upstream, options));
    let directory = leadsman_testkit::temp_dir().unwrap();
    let mut config = harness::config(directory.path(), None);
    config.cluster.snapshot = None;
    config.cluster.kubeconfig = Some(server.kubeconfig(directory.path()).unwrap());
    let service = Harness::start(config, directory).await;
    let mut answers = Vec::new();
    for incident in incidents {
        let began = Instant::now();
        let answer = service.investigate(incident).await;
        answers.push((began.elapsed(), answer));
    }
    service.stopped().await;
    Outcome { answers, requests: server.requests() }
}

/// The subject's incident, and one that names kinds which the cluster does not serve.
fn incidents() -> [Value; 2] {
    let mut unserved = harness::numbered_incident(2);
    unserved["resource_kind"] = "Rollout".into();
    unserved["resource_api_version"] = "argoproj.io/v1alpha1".into();
    [harness::numbered_incident(1), unserved]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_aggregated_api_delays_an_investigation_by_two_seconds_at_most_and_is_told() {
    let (upstream, _running) = api_server().await;
    let sound = FaultyApiOptions { fault: Fault::None, aggregated: true };
    let sound = investigate(upstream, sound, &incidents()).await;
    let mut wrong = Vec::new();
    for fault in [Fault::Dead, Fault::Hung, Fault::Slow(Duration::from_secs(5))] {
        for aggregated in [true, false] {
            let options = FaultyApiOptions { fault, aggregated };
            let outcome = investigate(upstream, options, &incidents()).await;
            // A slow API that discovery need not wait for is not in the way.
            let is_down = !(aggregated && matches!(fault, Fault::Slow(_)));
            for ((took, answer), (usual, _)) in outcome.answers.iter().zip(&sound.answers) {
                println!("{options:?}: {took:?} instead of {usual:?}");
                let told = answer.warnings.iter().any(|warning| warning.contains(BROKEN));
                if *took > *usual + ALLOWED || told != is_down {
                    wrong.push((options, *took, answer.warnings.clone()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_says_who_asks() {
    let (upstream, _running) = api_server().await;
    let options = FaultyApiOptions { fault: Fault::None, aggregated: true };
    let outcome = investigate(upstream, options, &incidents()).await;
    let expected = format!("leadsman/{} ", env!("CARGO_PKG_VERSION"));
    assert!(outcome.requests.len() > 5, "{:?}", outcome.requests);
    for request in &outcome.requests {
        assert!(request.user_agent.starts_with(&expected), "{request:?}");
    }
}
