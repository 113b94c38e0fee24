//! Poll latency and memory while 1,000 investigations are live.
//!
//! The whole service runs in this process on its real listeners with journals in SQLite; its model never
//! answers, so every session stays live. Criterion times a poll over HTTP; before that, 5,000 polls over 20
//! connections give the percentiles, and the kernel gives the resident memory of service and client together.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::future::join_all;
use leadsman::app::{self, App};
use leadsman_client::Client;
use leadsman_ports::testing::HangingModel;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod common;

const SESSIONS: usize = 1_000;
const CONNECTIONS: usize = 20;
const POLLS: usize = 250;

async fn start(directory: &Path, stop: CancellationToken) -> (SocketAddr, Vec<Uuid>) {
    let mut config = common::config(directory);
    config.sessions.max_concurrent = SESSIONS;
    let cluster = app::connect_cluster(&config.cluster).await.unwrap();
    let ports = app::ports(cluster, Some(Arc::new(HangingModel)), Vec::new()).unwrap();
    let app = App::build_with(&config, ports).await.unwrap();
    let api = app.api_addr();
    tokio::spawn(app.run(stop));
    let incident = common::incident();
    let client = Client::new(&format!("http://{api}")).unwrap();
    let started = Instant::now();
    let mut ids = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS / CONNECTIONS {
        let batch = join_all((0..CONNECTIONS).map(|_| client.analyze(&incident))).await;
        ids.extend(batch.into_iter().map(|accepted| accepted.unwrap().session_id));
    }
    for id in &ids {
        while client
            .session(id)
            .await
            .unwrap()
            .progress
            .is_none_or(|progress| progress.phase != "rca")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    println!("{SESSIONS} investigations accepted and at the model after {:?}", started.elapsed());
    (api, ids)
}

/// Times `POLLS` polls on each of `CONNECTIONS` connections, paced at 20 a second and connection.
async fn percentiles(api: SocketAddr, ids: &[Uuid]) {
    let polling = (0..CONNECTIONS).map(|connection| async move {
        let client = Client::new(&format!("http://{api}")).unwrap();
        let mut times = Vec::with_capacity(POLLS);
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        for poll in 0..POLLS {
            pace.tick().await;
            let id = ids[(connection * POLLS + poll) % ids.len()];
            let started = Instant::now();
            client.session(id).await.unwrap();
            times.push(started.elapsed());
        }
        times
    });
    let mut times: Vec<Duration> = join_all(polling).await.into_iter().flatten().collect();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("polls: {}  p50 {:?}  p99 {:?}  max {:?}", times.len(), at(0.5), at(0.99), at(1.0));
}

fn live_sessions(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let (api, ids) = runtime.block_on(start(directory.path(), stop.clone()));
    runtime.block_on(percentiles(api, &ids));
    println!("resident memory: {} KiB", common::resident_kib());
    let client = Client::new(&format!("http://{api}")).unwrap();
    let mut next = ids.iter().cycle();
    criterion.bench_function("poll under 1,000 live sessions", |bencher| {
        bencher.to_async(&runtime).iter(|| client.session(next.clone().next().unwrap()));
        next.next();
    });
    stop.cancel();
}

criterion_group!(benches, live_sessions);
criterion_main!(benches);
