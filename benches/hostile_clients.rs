//! Memory and poll latency while clients take what they can and give nothing back.
//!
//! The whole service runs in this process on its real listeners. Two attacks, one after the other: 400 connections
//! that each send 200 requests for the OpenAPI document and read no answer, and 1,050 submissions whose bodies do
//! not arrive. Printed are the resident memory (service and attackers together; the attackers keep their sockets and
//! nothing else) and what polls and a submission get and how long they take: before, during, and when the server has
//! parted from the attackers.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use leadsman::app::App;
use leadsman_client::Client;
use leadsman_contract::IncidentRequest;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

mod common;

const PIPELINING: usize = 400;
const REQUESTS: usize = 200;
const STALLED: usize = 1_050;
const POLLS: usize = 500;
/// Longer than every deadline that the server has for a client.
const PARTED: Duration = Duration::from_secs(25);

/// Starts the service; returns its API's address and an incident.
async fn start(directory: &Path, stop: CancellationToken) -> (SocketAddr, IncidentRequest) {
    let app = App::build(&common::config(directory)).await.unwrap();
    let api = app.api_addr();
    tokio::spawn(app.run(stop));
    (api, common::incident())
}

/// Prints one line of figures.
async fn measure(label: &str, api: SocketAddr, incident: &IncidentRequest) {
    let memory = common::resident_kib();
    let client = Client::new(&format!("http://{api}")).unwrap();
    let started = Instant::now();
    let accepted = client.analyze(incident).await;
    let submitted = started.elapsed();
    let Ok(accepted) = accepted else {
        println!("{label}: resident {memory} KiB; a submission was refused after {submitted:?}");
        return;
    };
    let mut times = Vec::with_capacity(POLLS);
    let mut refused = 0;
    for _ in 0..POLLS {
        let started = Instant::now();
        refused += usize::from(client.session(&accepted.session_id).await.is_err());
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{label}: resident {memory} KiB; submission {submitted:?}; polls p50 {:?} p99 {:?} max {:?}, {refused} refused",
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

/// Opens connections and sends on each as much as the server takes.
async fn attack(api: SocketAddr, connections: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let open = (0..connections).map(|_| async {
        let mut stream = TcpStream::connect(api).await.unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(bytes)).await;
        stream
    });
    join_all(open).await
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let (api, incident) = start(directory.path(), stop.clone()).await;
    measure("before", api, &incident).await;

    let request = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(REQUESTS);
    let unread = attack(api, PIPELINING, request.as_bytes()).await;
    measure("unread answers, at once", api, &incident).await;
    tokio::time::sleep(PARTED).await;
    measure("unread answers, later", api, &incident).await;
    drop(unread);

    let head = "POST /api/v1/incident/analyze HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 1000\r\n\r\n";
    let stalled = attack(api, STALLED, head.as_bytes()).await;
    measure("stalled bodies, at once", api, &incident).await;
    tokio::time::sleep(PARTED).await;
    measure("stalled bodies, later", api, &incident).await;
    drop(stalled);
    stop.cancel();
}
