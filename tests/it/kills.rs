//! `kill -9` again and again under load, also while the service recovers and on a disk that fills up.
//!
//! Takes minutes, so it runs on demand: `cargo test --test it kills -- --ignored --nocapture`. As root the data lie on a
//! small disk of their own, which some rounds fill up; otherwise no round does, and the report says so.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadsman_client::Client;
use leadsman_contract::{IncidentRequest, SessionState};
use leadsman_testkit::FakeModel;
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{good_model, numbered_incident, subject};

const KILLS: u64 = 200;
/// Sessions that are kept unfinished.
const RUNNING: usize = 200;
/// Bytes of the disk of its own.
const DISK: &str = "size=512m";

/// A stream of numbers that is the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A directory on a small disk, where there may be one.
struct Disk {
    path: PathBuf,
    mounted: bool,
}

impl Disk {
    fn new(path: PathBuf) -> Self {
        fs::create_dir_all(&path).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&path).status();
        Self { mounted: mount.is_ok_and(|status| status.success()), path }
    }

    /// Takes all the space that is left.
    fn fill(&self) {
        let mut filler = File::create(self.path.join("filler")).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            if filler.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    fn free(&self) {
        let _ = fs::remove_file(self.path.join("filler"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        }
    }
}

/// What clients have seen of accepted sessions.
#[derive(Default)]
struct Seen {
    submitted: usize,
    open: Vec<Uuid>,
    /// The result of each session that was seen to end.
    ended: HashMap<Uuid, String>,
    /// What should not be, in words, and how often.
    wrong: BTreeMap<String, usize>,
}

impl Seen {
    fn wrong(&mut self, what: &str) {
        *self.wrong.entry(what.to_owned()).or_default() += 1;
    }
}

/// Submits while there are few sessions, and polls the others, until the service goes away.
async fn use_it(api: &Client, seen: &Arc<Mutex<Seen>>, dice: &mut Dice) {
    loop {
        let next = {
            let mut seen = seen.lock().unwrap();
            seen.submitted += usize::from(seen.open.len() < RUNNING);
            (seen.open.len() < RUNNING).then_some(seen.submitted)
        };
        if let Some(number) = next {
            let body = numbered_incident(number).to_string();
            let request = IncidentRequest::decode(body.as_bytes()).unwrap();
            match api.analyze(&request).await {
                Ok(accepted) => seen.lock().unwrap().open.push(accepted.session_id),
                Err(error) if error.problem().is_some() => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(_) => return,
            }
        }
        let (open, old) = {
            let seen = seen.lock().unwrap();
            let pick = |count: usize, dice: &mut Dice| dice.below(count.max(1) as u64) as usize;
            let old = pick(seen.ended.len(), dice);
            let open = seen.open.get(pick(seen.open.len(), dice)).copied();
            (open, seen.ended.keys().nth(old).copied())
        };
        for id in open.into_iter().chain(old) {
            if !look(api, id, seen).await {
                return;
            }
        }
    }
}

/// Looks at one session; false when the service does not answer any more.
async fn look(api: &Client, id: Uuid, seen: &Mutex<Seen>) -> bool {
    let (state, error) = match api.session(id).await {
        Ok(status) => (status.status, status.error.unwrap_or_default()),
        Err(error) => {
            return match error.problem() {
                Some(problem) if problem.status == 404 => {
                    seen.lock().unwrap().wrong("an accepted session is not found");
                    true
                }
                Some(_) => true,
                None => false,
            };
        }
    };
    let known = seen.lock().unwrap().ended.get(&id).cloned();
    if state == SessionState::Completed {
        let Ok(result) = api.result(id).await else { return true };
        let result = serde_json::to_string(&result).unwrap();
        let mut seen = seen.lock().unwrap();
        match known {
            Some(before) if before != result => seen.wrong("a result changed"),
            Some(_) => {}
            None => {
                seen.open.retain(|open| *open != id);
                seen.ended.insert(id, result);
            }
        }
    } else if state.is_terminal() {
        let mut seen = seen.lock().unwrap();
        seen.wrong(&format!("a session is {state}: {error}"));
        seen.open.retain(|open| *open != id);
    } else if known.is_some() {
        seen.lock().unwrap().wrong("a session that had ended runs again");
    }
    true
}

fn start(directory: &Path, model: &FakeModel) -> Child {
    let settings = serde_json::json!({
        "server": {
            "api_address": "127.0.0.1:0", "health_address": "127.0.0.1:0",
            "metrics_address": "127.0.0.1:0"
        },
        "sessions": {"max_concurrent": RUNNING},
        "model": {"endpoint": model.endpoint(), "name": "fake"},
        "cluster": {"snapshot": subject().snapshot},
        "storage": {"directory": directory.join("disk/data")},
        "log": {"format": "json"}
    });
    let file = directory.join("config.yaml");
    fs::write(&file, settings.to_string()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_leadsman"))
        .arg("--config")
        .arg(&file)
        .arg("serve")
        .env_clear()
        .stdout(Stdio::null())
        .stderr(File::create(directory.join("log")).unwrap())
        .spawn()
        .unwrap()
}

/// The API's address, once the log tells it and the time is not up.
async fn serving(directory: &Path, until: Instant) -> Option<Client> {
    while Instant::now() < until {
        let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
        let fields = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let api = fields
            .filter(|line| line["fields"]["message"] == "serving")
            .find_map(|line| line["fields"]["api"].as_str().map(str::to_owned));
        if let Some(api) = api {
            return Client::new(&format!("http://{api}")).ok();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; see the head of the file"]
async fn two_hundred_kills_lose_nothing_and_show_nothing_wrong() {
    let model = good_model();
    let directory = leadsman_testkit::temp_dir().unwrap();
    let directory = directory.path();
    let disk = Disk::new(directory.join("disk"));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut dice = Dice(7);
    let (mut early, mut full) = (0, 0);
    for kill in 0..KILLS {
        // A quarter of the rounds ends while the process starts and recovers, another one on a full disk.
        let life = match kill % 4 {
            0 => dice.below(400),
            _ => 400 + dice.below(2_000),
        };
        let until = Instant::now() + Duration::from_millis(life);
        let mut child = start(directory, &model);
        if let Some(api) = serving(directory, until).await {
            let used = use_it(&api, &seen, &mut dice);
            let fills = async {
                if kill % 4 == 1 && disk.mounted {
                    full += 1;
                    tokio::time::sleep(Duration::from_millis(life / 4)).await;
                    disk.fill();
                    tokio::time::sleep(Duration::from_millis(life / 4)).await;
                    // Half of the full rounds are killed on the full disk.
                    if kill % 8 == 1 {
                        disk.free();
                    }
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = used => {}
                () = fills => {}
                () = tokio::time::sleep_until(until.into()) => {}
            }
        } else {
            early += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        disk.free();
    }

    let mut child = start(directory, &model);
    let patience = Instant::now() + Duration::from_secs(300);
    let api = serving(directory, patience).await.expect("the service starts");
    while Instant::now() < patience {
        let open = seen.lock().unwrap().open.clone();
        if open.is_empty() {
            break;
        }
        for id in open {
            assert!(look(&api, id, &seen).await, "the service answers");
        }
    }
    let accepted = seen.lock().unwrap().ended.keys().copied().collect::<Vec<_>>();
    for id in accepted {
        assert!(look(&api, id, &seen).await, "the service answers");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    report(directory, &seen.lock().unwrap(), early, full);
}

/// Prints the figures and fails on anything that is wrong with them.
fn report(directory: &Path, seen: &Seen, early: u64, full: u64) {
    let audit = fs::read_to_string(directory.join("disk/data/audit.jsonl")).unwrap();
    let mut told: HashMap<Uuid, usize> = HashMap::new();
    for line in audit.lines() {
        let event: Value = serde_json::from_str(line).expect("no torn line");
        let id = event["event_data"]["session_id"].as_str().unwrap().parse().unwrap();
        *told.entry(id).or_default() += 1;
    }
    let twice = told.values().filter(|times| **times > 1).count();
    let untold = seen.ended.keys().filter(|id| !told.contains_key(*id)).count();
    println!(
        "{KILLS} kills, {early} of them before the service served, {full} rounds on a full disk; \
         {} accepted sessions completed, {} did not; {twice} told twice, {untold} not told; wrong: {:?}",
        seen.ended.len(),
        seen.open.len(),
        seen.wrong
    );
    assert!(seen.open.is_empty() && twice == 0 && untold == 0 && seen.wrong.is_empty());
}
