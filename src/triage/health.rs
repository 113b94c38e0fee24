//! Judges whether all is well, where no rule finds a fault.

use super::causes::CauseCode;
use super::collect::LogKey;
use super::draft::Draft;
use super::extensions::is_ready;
use super::graph::Scope;
use super::logs::{Weight, weigh};
use super::neighbourhood::Neighbourhood;
use super::pod::Pod;
use super::view::{Key, condition, shorten, text};

/// So many errors …
const DOUBTS: usize = 3;
/// … among the last so many lines of a log make one doubt that all is well.
const DOUBT_LINES: usize = 20;

/// All is well if everything near the target could be read, there is something to be well, and it is.
pub(super) fn judge(n: &Neighbourhood) -> Option<Draft> {
    let target = Key::from(&n.target);
    let pods: Vec<Pod<'_>> =
        n.pods().filter(|pod| matches!(n.graph.scope(&pod.key()), Scope::Own(_))).collect();
    let fine = pods.iter().filter(|pod| pod.fine()).count();
    let object = n.objects.get(&target)?;
    let says_so = is_ready(object) || text(object, "/status/health/status") == "Healthy";
    let alone =
        says_so || matches!(target.kind.as_str(), "PersistentVolumeClaim" | "PersistentVolume");
    let wanting = |pod: &Pod<'_>| !pod.fine() && !pod.ended() && !pod.starts_up(n.now);
    if n.blind || (pods.is_empty() && !alone) || pods.iter().any(wanting) {
        return None;
    }
    let summary =
        format!("{} is healthy: {fine} of {} pods are ready or done.", n.target, pods.len());
    let home = n.objects.reference(&n.objects.head(&target));
    let draft = Draft::new(CauseCode::Healthy, home, target.clone(), summary)
        .chain([
            "The target, its owners, pods, Services, claims and nodes were looked at".to_owned(),
            "No rule finds a fault".to_owned(),
        ])
        .confidence(0.8);
    let draft = match pods.first() {
        Some(pod) => draft.part(&pod.key(), condition(pod.0, "Ready")),
        None => draft.part(&target, object.pointer("/status/conditions").or(object.get("status"))),
    };
    Some(match complaint(n, &target) {
        Some((log, line)) => doubted(draft, log, line),
        None => draft,
    })
}

/// A complaint that comes back in a log of the target's own until now, and that no rule explains.
fn complaint<'n>(n: &'n Neighbourhood, target: &Key) -> Option<(LogKey, &'n str)> {
    let head = n.objects.head(target);
    let own = n.logs.iter().filter(|(log, _)| {
        !log.previous && n.objects.head(&Key::new("Pod", &log.namespace, &log.pod)) == head
    });
    own.into_iter().find_map(|(key, log)| {
        let mut serious = log
            .lines()
            .rev()
            .take(DOUBT_LINES)
            .filter(|line| weigh(line).is_some_and(|weight| weight >= Weight::Error));
        let newest = serious.next()?;
        (serious.count() + 1 >= DOUBTS).then(|| (key.clone(), newest))
    })
}

/// The finding that all is well, of somebody who has read a log that says otherwise.
fn doubted(draft: Draft, log: LogKey, line: &str) -> Draft {
    let said = shorten(line.trim(), 160);
    let mut draft = draft.confidence(0.6).step(format!(
        "Read the log of pod {}: errors come back in it that no rule explains.",
        log.pod
    ));
    draft.chain.push(format!("The log of pod {} complains all the same: {said}", log.pod));
    draft.log(log, line.trim().chars().take(300).collect())
}
