//! Containers that end badly: killed for memory, not startable, or ended by their own error.

use leadsman_ports::cluster::ObjectRef;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::logs::{Decisive, Weight, blames_dependency, decisive, last_line};
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::objects::Objects;
use crate::triage::pod::{Container, Crash, Pod, Role};
use crate::triage::settings;
use crate::triage::view::{condition, list, shorten, text};
use leadsman_ports::quantity;

use super::logged::{self, last_words};
use super::probe::killed_by_probe;
use super::rollout::only_newest_fails;
use super::symptom;

/// What a container runtime says when it cannot execute the command. Runtimes quote the executable differently.
const NOT_EXECUTABLE: [&str; 6] = [
    "executable file not found",
    "executable file `",
    "no such file or directory",
    "permission denied",
    "no command specified",
    "is a directory",
];

/// An init container that runs longer than this does not merely take its time.
const INIT_MINUTES: i64 = 10;

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for pod in n.pods() {
        for container in pod.containers() {
            if let Some(mut crash) = container.crash(pod, n.now) {
                crash.active = crash.active && !superseded(n, pod);
                drafts.push(ended(n, pod, &container, crash));
            } else {
                drafts.push(cannot_start(n, pod, &container));
                drafts.push(init_stuck(n, pod, &container));
            }
        }
    }
    drafts.into_iter().flatten().collect()
}

/// Whether the pod's end no longer matters: a finished run that a later one has made good, or a failed pod that its
/// controller has replaced.
fn superseded(n: &Neighbourhood, pod: Pod<'_>) -> bool {
    if pod.phase() != "Failed" {
        return false;
    }
    let head = n.objects.head(&pod.key());
    if head.kind != "CronJob" && head.kind != "Job" {
        // Controllers other than Jobs replace failed pods and leave them for inspection.
        return head.kind != "Pod" && n.objects.pods_under(&head).any(|other| other.ready());
    }
    let jobs = n.objects.owners(&pod.key());
    let complete = |job: &serde_json::Value| {
        condition(job, "Complete").is_some_and(|complete| text(complete, "/status") == "True")
    };
    if jobs.iter().filter_map(|job| n.objects.get(&job.into())).any(complete) {
        return true;
    }
    head.kind == "CronJob"
        && n.objects
            .pods_under(&head)
            .any(|other| other.created() > pod.created() && other.phase() == "Succeeded")
}

fn ended(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    crash: Crash<'_>,
) -> Option<Draft> {
    let exit = crash.exit;
    let draft = if exit.reason == "OOMKilled" || exit.message.contains("OOM-killed") {
        Some(out_of_memory(n, pod, container, crash))
    } else if let Some(message) = start_error(crash) {
        Some(bad_command(n, pod, container, message))
    } else if killed_by_probe(n, pod, container).is_some() {
        None
    } else if matches!(exit.code, 126 | 127) && !explains_itself(n, pod, container) {
        Some(bad_command(n, pod, container, ""))
    } else {
        own_error(n, pod, container, crash)
    }?;
    Some(draft.active(crash.active).at(exit.finished))
}

/// Whether the log names a cause other than a command that is missing or may not be run.
fn explains_itself(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>) -> bool {
    n.log_of_crash(pod, container).is_some_and(|(_, log)| {
        last_words(n, pod, container, log).is_some_and(|said| {
            !matches!(said.cause, CauseCode::FileMissing | CauseCode::StoragePermission)
        })
    })
}

fn state<'a>(container: &Container<'a>) -> Option<&'a serde_json::Value> {
    ["/state/terminated", "/lastState/terminated"]
        .iter()
        .find_map(|pointer| container.status.pointer(pointer))
}

fn out_of_memory(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    crash: Crash<'_>,
) -> Draft {
    let limit = text(container.spec, "/resources/limits/memory");
    let name = container.name;
    let (bound, first) = if limit.is_empty() {
        let first = format!("Container {name} has no memory limit of its own");
        ("without a limit of its own".to_owned(), first)
    } else {
        (
            format!("at its memory limit of {limit}"),
            format!("Container {name} may use {limit} of memory"),
        )
    };
    let restarts = container.restarts();
    let summary = format!(
        "Container {name} of pod {} was OOM-killed {bound} (exit code {}, {restarts} restarts).",
        pod.name(),
        crash.exit.code
    );
    let heap = heap_above(pod, container, limit);
    let cause = if heap.is_some() { CauseCode::HeapAboveLimit } else { CauseCode::OomKilled };
    let draft = Draft::new(cause, n.fix_target(pod), pod.key(), summary)
        .chain([
            first,
            "It needed more, and the kernel killed it (OOMKilled)".to_owned(),
            symptom(pod, container),
        ])
        .confidence(if limit.is_empty() { 0.85 } else { 0.95 })
        .part(&pod.key(), state(container));
    let draft = match heap {
        Some(heap) => draft
            .step(format!(
                "The runtime's heap setting {heap} leaves no room below the limit of {limit}."
            ))
            .words(&pod.key(), &heap),
        None => draft,
    };
    if limit.is_empty() { draft } else { draft.part(&pod.key(), container.spec.get("resources")) }
}

/// The runtime's heap setting, if it is at or above the container's memory limit.
fn heap_above(pod: Pod<'_>, container: &Container<'_>, limit: &str) -> Option<String> {
    let limit = quantity::parse(limit)?;
    let settings = settings::of(&Objects::default(), pod.0.get("spec")?, &pod.key());
    let own: Vec<&str> =
        list(container.spec, "/env").iter().map(|variable| text(variable, "/name")).collect();
    settings
        .iter()
        .filter(|setting| own.contains(&setting.name.as_str()) || setting.name.starts_with('-'))
        .flat_map(|setting| {
            let go = (setting.name == "GOMEMLIMIT")
                .then(|| (setting.value.clone(), setting.value.trim_end_matches('B').to_owned()));
            setting.line.split_whitespace().filter_map(heap_word).chain(go).collect::<Vec<_>>()
        })
        .find(|(_, size)| quantity::parse(size).is_some_and(|heap| heap >= limit))
        .map(|(words, _)| words)
}

/// `-Xmx2g` and `--max-old-space-size=2048`, with the size as a quantity.
fn heap_word(word: &str) -> Option<(String, String)> {
    let size = if let Some(size) = word.strip_prefix("-Xmx") {
        let unit = size.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = size.strip_suffix(unit)?;
        match unit {
            "g" | "G" => format!("{number}Gi"),
            "m" | "M" => format!("{number}Mi"),
            "k" | "K" => format!("{number}Ki"),
            _ => number.to_owned(),
        }
    } else {
        format!("{}Mi", word.strip_prefix("--max-old-space-size=")?)
    };
    Some((word.to_owned(), size))
}

/// The runtime's message when it could not execute the command.
fn start_error(crash: Crash<'_>) -> Option<&str> {
    let exit = crash.exit;
    let reported = matches!(exit.reason, "StartError" | "ContainerCannotRun" | "RunContainerError");
    (reported && NOT_EXECUTABLE.iter().any(|words| exit.message.contains(words)))
        .then_some(exit.message)
}

/// An init container that runs on and on, most often because it waits for something.
fn init_stuck(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>) -> Option<Draft> {
    let since = container.running_since().filter(|_| container.role == Role::Init)?;
    let minutes = since.map(|since| n.now.duration_since(since).as_mins())?;
    if minutes < INIT_MINUTES || pod.phase() != "Pending" {
        return None;
    }
    let name = container.name;
    let log = n.log_now(pod, container);
    let line = log.as_ref().and_then(|(_, log)| last_line(log));
    let said = line.map_or_else(|| "its log is empty".to_owned(), |line| line.brief());
    let summary =
        format!("Init container {name} of pod {} runs for {minutes} minutes: {said}", pod.name());
    let draft = Draft::new(CauseCode::InitStuck, n.fix_target(pod), pod.key(), summary)
        .chain([
            format!("Init container {name} does not end: {said}"),
            "The other containers start only after it".to_owned(),
            symptom(pod, container),
        ])
        .confidence(0.82)
        .at(since)
        .victim(true)
        .part(&pod.key(), container.status.pointer("/state/running"));
    Some(match (log, line) {
        (Some((key, _)), Some(line)) => draft.log(key, line.quote()),
        _ => draft,
    })
}

/// A container that never came so far as to end.
fn cannot_start(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>) -> Option<Draft> {
    let (reason, message) = container.waiting()?;
    let reported = matches!(reason, "RunContainerError" | "CreateContainerError");
    (reported && NOT_EXECUTABLE.iter().any(|words| message.contains(words)))
        .then(|| bad_command(n, pod, container, message))
}

fn bad_command(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>, message: &str) -> Draft {
    let name = container.name;
    let command: Vec<&str> = ["/command", "/args"]
        .iter()
        .flat_map(|pointer| list(container.spec, pointer))
        .filter_map(serde_json::Value::as_str)
        .collect();
    let log = n.log_of_crash(pod, container);
    let line = log.as_ref().and_then(|(_, log)| decisive(log).or_else(|| last_line(log)));
    let said = match (message.is_empty(), line) {
        (false, _) => message.rsplit("process: ").next().unwrap_or(message).to_owned(),
        (true, Some(line)) => line.brief(),
        (true, None) => "the command was not found or cannot be executed".to_owned(),
    };
    let what = if command.is_empty() {
        format!("the entrypoint of image {}", container.image())
    } else {
        format!("the command `{}`", shorten(&command.join(" "), 80))
    };
    let summary = format!(
        "Container {name} cannot execute {what}: {}.",
        shorten(said.trim_end_matches('.'), 160)
    );
    let event = n
        .objects
        .events_of(&pod.key())
        .find(|event| NOT_EXECUTABLE.iter().any(|words| event.message.contains(words)))
        .cloned();
    let mut draft = Draft::new(CauseCode::BadCommand, n.fix_target(pod), pod.key(), summary)
        .chain([
            format!("Container {name} is to run {what}"),
            shorten(&said, 200),
            symptom(pod, container),
        ])
        .confidence(if message.is_empty() && line.is_none() { 0.8 } else { 0.93 })
        .part(&pod.key(), state(container).or_else(|| container.status.pointer("/state/waiting")));
    if let (Some((key, _)), Some(line), true) = (log, line, message.is_empty()) {
        draft = draft.log(key, line.quote());
    }
    if !command.is_empty() {
        let field = if container.spec.get("command").is_some() { "command" } else { "args" };
        draft = draft.part(&pod.key(), container.spec.get(field));
    }
    draft.event(event.as_ref())
}

fn own_error(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    crash: Crash<'_>,
) -> Option<Draft> {
    let name = container.name;
    let code = crash.exit.code;
    let log = n.log_of_crash(pod, container);
    let found = log.as_ref().and_then(|(_, log)| decisive(log));
    let line = found.or_else(|| log.as_ref().and_then(|(_, log)| last_line(log)));
    // The Job itself says as much, where no word of its pods is left.
    if line.is_none() && n.objects.owners(&pod.key()).iter().any(|owner| gave_up(n, owner)) {
        return None;
    }
    let told = log.as_ref().and_then(|(_, log)| last_words(n, pod, container, log));
    let cause = match cause_of_exit(container, crash, told.as_ref().map(|told| told.cause), line) {
        CauseCode::ApplicationError if only_newest_fails(n, pod) => CauseCode::BadRevision,
        cause => cause,
    };
    let line = told.as_ref().filter(|told| told.cause == cause).map(|told| told.line).or(line);
    let said = line.map(|line| line.brief());
    let role = if container.role == Role::Init { "Init container" } else { "Container" };
    let summary = match &said {
        Some(said) => {
            format!("{role} {name} of pod {} ends with exit code {code}: {said}", pod.name())
        }
        None => format!(
            "{role} {name} of pod {} ends with exit code {code}; its log could not be read.",
            pod.name()
        ),
    };
    let confidence = match found.map(|found| found.weight) {
        Some(Weight::Fatal | Weight::Exception) => 0.9,
        Some(Weight::Error) => 0.85,
        Some(Weight::Complaint) => 0.75,
        // An exit code that says nothing, and a log that says nothing, are no cause.
        None if cause == CauseCode::ApplicationError => 0.45,
        None if line.is_some() => 0.6,
        None => 0.45,
    };
    let blames = found.is_some_and(|found| blames_dependency(found.line))
        || log.as_ref().is_some_and(|(_, log)| log.lines().rev().take(20).any(blames_dependency));
    let told = told.filter(|told| told.cause == cause);
    let target = told.as_ref().and_then(|told| told.target.clone());
    let because = told.as_ref().map(|told| format!("{role} {name}: {}", told.why));
    let confidence = told.as_ref().map_or(confidence, |told| logged::confidence(told.line.weight));
    let mut draft =
        Draft::new(cause, target.unwrap_or_else(|| n.fix_target(pod)), pod.key(), summary)
            .chain([
                because.unwrap_or_default(),
                said.map_or_else(
                    || format!("{role} {name} meets an error of its own"),
                    |said| format!("{role} {name} meets an error: {said}"),
                ),
                format!("Its process ends with exit code {code}"),
                symptom(pod, container),
            ])
            .confidence(confidence)
            .victim(blames && told.is_none())
            .part(&pod.key(), state(container));
    if let Some(told) = &told {
        draft = told.prove(draft);
    }
    if let (Some((key, _)), Some(line)) = (log, line) {
        draft = draft.log(key, line.quote());
    }
    Some(draft)
}

fn gave_up(n: &Neighbourhood, owner: &ObjectRef) -> bool {
    owner.kind == "Job"
        && n.objects
            .get(&owner.into())
            .and_then(|job| condition(job, "Failed"))
            .is_some_and(|failed| text(failed, "/status") == "True")
}

/// What ended a process: the sign in its log, or failing that its exit code.
fn cause_of_exit(
    container: &Container<'_>,
    crash: Crash<'_>,
    told: Option<CauseCode>,
    line: Option<Decisive<'_>>,
) -> CauseCode {
    let wrong_platform = line.is_some_and(|line| line.line.contains("exec format error"));
    let silent = line.is_none_or(|line| line.weight <= Weight::Complaint);
    let looping = container.waiting().is_some_and(|(reason, _)| reason == "CrashLoopBackOff");
    match (told, crash.exit.code) {
        _ if wrong_platform => CauseCode::ImagePlatformMismatch,
        (Some(cause), _) => cause,
        (None, 132 | 135 | 136 | 139) => CauseCode::Segfault,
        (None, 134) if silent => CauseCode::Segfault,
        (None, 137 | 143) if silent => CauseCode::KilledBySignal,
        (None, 0) if silent && looping => CauseCode::ExitsCleanly,
        (None, _) => CauseCode::ApplicationError,
    }
}
