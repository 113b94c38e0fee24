//! Understands a line of a log: the words of runtimes, libraries and servers, borne out by what is known of the pod.

use std::borrow::Cow;
use std::collections::BTreeSet;

use leadsman_ports::cluster::ObjectRef;
use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::endpoints::{self, Place};
use crate::triage::files::{self, Broken};
use crate::triage::logs::{Decisive, Weight, decisive, is_plain, weigh};
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::{Container, Pod};
use crate::triage::settings::{self, Setting};
use crate::triage::signs;
use crate::triage::structured;
use crate::triage::view::{Key, flag, list, map, selects, text};

/// So many lines from the end are looked through beside the decisive one.
const TAIL: usize = 40;
/// What a log says.
pub(in crate::triage::rules) struct Said<'l> {
    pub(in crate::triage::rules) cause: CauseCode,
    pub(in crate::triage::rules) line: Decisive<'l>,
    /// What to fix, where it is not the workload.
    pub(in crate::triage::rules) target: Option<ObjectRef>,
    /// One clause that says why.
    pub(in crate::triage::rules) why: String,
    /// Where the configuration bears it out, and in what words.
    pub(in crate::triage::rules) held: Option<(Key, String)>,
}

impl Said<'_> {
    /// Adds what bears it out.
    pub(in crate::triage::rules) fn prove(&self, draft: Draft) -> Draft {
        match &self.held {
            Some((key, words)) => draft.words(key, words),
            None => draft,
        }
    }
}

/// Understands the log of a container that struggles.
pub(in crate::triage::rules) fn said<'l>(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    log: &'l str,
) -> Option<Said<'l>> {
    let reader = Reader::new(n, pod, *container);
    weighty(log).find_map(|line| reader.understand(line))
}

/// Understands the log of a container that has ended. Its last words may take several lines, of which only the first says
/// that it is an error.
pub(in crate::triage::rules) fn last_words<'l>(
    n: &Neighbourhood,
    pod: Pod<'_>,
    container: &Container<'_>,
    log: &'l str,
) -> Option<Said<'l>> {
    let mut reader = Reader::new(n, pod, *container);
    reader.broken = files::broken(&n.objects, pod);
    reader.of_files =
        reader.broken.is_some()
            || log.lines().rev().take(TAIL).any(|line| {
                (weigh(line).is_some() || is_plain(line)) && signs::speaks_of_files(line)
            });
    let weight = decisive(log).map_or(Weight::Complaint, |line| line.weight);
    let plain = log
        .lines()
        .rev()
        .take(TAIL)
        .filter(|line| is_plain(line) && weigh(line).is_none())
        .map(|line| Decisive { line, weight });
    weighty(log).chain(plain).find_map(|line| reader.understand(line))
}

/// The decisive line, then the others that weigh anything, newest first.
fn weighty(log: &str) -> impl Iterator<Item = Decisive<'_>> {
    decisive(log).into_iter().chain(weighed(log.lines().rev().take(TAIL)))
}

/// The lines that weigh anything.
pub(super) fn weighed<'l>(
    lines: impl Iterator<Item = &'l str>,
) -> impl Iterator<Item = Decisive<'l>> {
    lines.filter_map(|line| weigh(line).map(|weight| Decisive { line, weight }))
}

/// What a line is read against.
pub(super) struct Reader<'n> {
    n: &'n Neighbourhood,
    pod: Pod<'n>,
    container: Container<'n>,
    told: Vec<Setting>,
    /// Whether the log speaks of a configuration file.
    of_files: bool,
    /// A file of the pod's that does not parse.
    broken: Option<Broken>,
}

impl<'n> Reader<'n> {
    pub(super) fn new(n: &'n Neighbourhood, pod: Pod<'n>, container: Container<'n>) -> Self {
        let told = settings::of(&n.objects, pod.0.get("spec").unwrap_or(&Value::Null), &pod.key());
        Self { n, pod, container, told, of_files: false, broken: None }
    }

    pub(super) fn understand<'l>(&self, line: Decisive<'l>) -> Option<Said<'l>> {
        understand(self, line, &words_of(line.line))
    }
}

fn understand<'l>(reader: &Reader<'_>, line: Decisive<'l>, words: &str) -> Option<Said<'l>> {
    let Reader { n, pod, container, told, of_files, broken } = reader;
    let pod = *pod;
    signs::read(words, *of_files).find_map(|cause| {
        let plain = |why: &str| Some((None, why.to_owned(), None));
        let (target, why, held) = match cause {
            CauseCode::EnvMissing => {
                let name = missing_variable(n, container, told, words)?;
                let why = format!("it demands the variable {name}, which nothing sets");
                (None, why, None)
            }
            CauseCode::InvalidValue => {
                let setting = refused_setting(told, words)?;
                let why = format!(
                    "it refuses the setting {} of {} {}",
                    named(setting),
                    setting.source.kind,
                    setting.source.name
                );
                (None, why, Some((setting.source.clone(), setting.line.clone())))
            }
            CauseCode::StoragePermission => {
                let (path, mount) = mounted(container, words)?;
                let why = format!("it may not use {path} on its volume at {mount}");
                (None, why, Some((pod.key(), format!("mountPath: {mount}"))))
            }
            CauseCode::DiskFull => {
                let claim = claim_of(pod, container, words);
                let why = match &claim {
                    Some(claim) => {
                        format!("the volume of PersistentVolumeClaim {} is full", claim.name)
                    }
                    None => "its file system is full".to_owned(),
                };
                (claim.map(|claim| n.objects.reference(&claim)), why, None)
            }
            CauseCode::ReadOnlyFilesystem => {
                let root = flag(container.spec, "/securityContext/readOnlyRootFilesystem");
                let held = root.then(|| (pod.key(), "readOnlyRootFilesystem: true".to_owned()));
                (None, "it writes to a read-only file system".to_owned(), held)
            }
            CauseCode::FileMissing => {
                let path = signs::paths(words).next()?;
                (None, format!("the file {path} is not there"), None)
            }
            CauseCode::ClockSkew => {
                let node = Key::new("Node", "", pod.node());
                let why = format!("the clock of node {} is wrong", pod.node());
                (Some(n.objects.reference(&node)).filter(|node| !node.name.is_empty()), why, None)
            }
            CauseCode::MalformedFile => match broken {
                Some(broken) => {
                    let why = format!(
                        "its file {} of ConfigMap {} cannot be parsed ({})",
                        broken.name, broken.config.name, broken.error
                    );
                    (None, why, Some((broken.config.clone(), broken.shown.clone())))
                }
                None => plain("a configuration file cannot be parsed")?,
            },
            CauseCode::RbacForbidden => plain("its ServiceAccount may not do what it asks for")?,
            CauseCode::TokenMissing => plain("it has no valid ServiceAccount token")?,
            CauseCode::CertificateExpired => {
                let why = "a certificate has expired".to_owned();
                (serving_side(n, pod, words), why, None)
            }
            CauseCode::CertificateUntrusted => plain("a certificate is not trusted")?,
            CauseCode::CredentialsRejected => plain("its credentials are rejected")?,
            CauseCode::PortInUse => plain("its port is taken already")?,
            CauseCode::ChildOomKilled => plain("a child process was killed for memory")?,
            CauseCode::HeapExhausted => plain("the runtime's heap is exhausted")?,
            CauseCode::MissingLibrary => plain("a library or module is missing in the image")?,
            _ => return None,
        };
        Some(Said { cause, line, target, why, held })
    })
}

/// Who serves the certificate that a client complains of: the Service that the line names, or the workload upstream whose
/// own log tells of the same.
fn serving_side(n: &Neighbourhood, pod: Pod<'_>, line: &str) -> Option<ObjectRef> {
    let behind = |service: &Key| {
        let selector = map(n.objects.get(service)?, "/spec/selector");
        n.objects
            .families()
            .map(|(head, _)| head)
            .find(|head| {
                head.namespace == service.namespace && selects(selector, n.objects.pod_labels(head))
            })
            .map(|head| n.objects.reference(head))
    };
    let named = endpoints::read(line).into_iter().find_map(|endpoint| {
        match endpoints::place(endpoint.host, pod.namespace()) {
            Place::Service(key) | Place::Either(key) => behind(&key),
            Place::Address(_) | Place::External => None,
        }
    });
    named.or_else(|| {
        let tells = |head: &Key| {
            n.logs.iter().any(|(key, log)| {
                n.objects.head(&Key::new("Pod", &key.namespace, &key.pod)) == *head
                    && log.to_lowercase().contains("certificate expired")
            })
        };
        n.graph
            .upstream_heads(&n.objects)
            .iter()
            .find(|head| tells(head))
            .map(|head| n.objects.reference(head))
    })
}

fn named(setting: &Setting) -> String {
    match (setting.name.as_str(), setting.value.as_str()) {
        (name, "") => name.to_owned(),
        ("", value) => format!("{value:?}"),
        (name, value) => format!("{name}={value}"),
    }
}

/// The variable that a line demands and that nothing sets.
fn missing_variable<'l>(
    n: &Neighbourhood,
    container: &Container<'_>,
    told: &[Setting],
    line: &'l str,
) -> Option<&'l str> {
    let opaque = list(container.spec, "/envFrom").iter().any(|source| {
        let config = text(source, "/configMapRef/name");
        // What a Secret holds is not read; what a ConfigMap holds may not be known.
        config.is_empty()
            || !n.objects.kind("ConfigMap").any(|c| text(c, "/metadata/name") == config)
    });
    // Whoever asked the environment knows better than the pod's spec.
    let lower = line.to_lowercase();
    let explicit = lower.contains("environment variable");
    // What a library would accept instead is not what is missing.
    if lower.contains("try setting") {
        return None;
    }
    let quoted: BTreeSet<&str> = signs::quoted(line).into_iter().collect();
    let speaks_of_it = |name: &str| {
        let lower = line.to_lowercase();
        name.contains('_') || quoted.contains(name) || lower.contains("env")
    };
    signs::variables(line).find(|name| {
        let set = told.iter().any(|setting| setting.name == **name);
        !set && (explicit || !opaque) && speaks_of_it(name) && !LEVELS.contains(name)
    })
}

/// Words in capitals that are no variables.
const LEVELS: [&str; 10] = [
    "ERROR",
    "FATAL",
    "WARN",
    "INFO",
    "CRITICAL",
    "SEVERE",
    "PANIC",
    "DEBUG",
    "ENOENT",
    "RUST_BACKTRACE",
];

/// The setting that a line refuses: by its value, or by its name.
fn refused_setting<'s>(told: &'s [Setting], line: &str) -> Option<&'s Setting> {
    let quoted = signs::quoted(line);
    let words: BTreeSet<&str> = line
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.len() > 2)
        .collect();
    let by_name = |setting: &&Setting| {
        let name = setting.name.trim_start_matches('-');
        name.len() > 3
            && (name.contains(['_', '-', '.'])
                || setting.name.starts_with('-')
                || name.chars().any(char::is_uppercase))
            && (words.contains(name) || words.contains(setting.name.as_str()))
    };
    let by_value = |setting: &&Setting| {
        let value = setting.value.as_str();
        value.len() > 1
            && !matches!(value, "true" | "false")
            && (quoted.contains(&value) || (value.len() > 4 && words.contains(value)))
    };
    told.iter()
        .find(|setting| by_name(setting) && by_value(setting))
        .or_else(|| told.iter().find(by_name))
        .or_else(|| told.iter().find(by_value))
}

/// The path of a line that lies on a volume of the container, with the volume's mount path.
fn mounted<'a, 'l>(container: &Container<'a>, line: &'l str) -> Option<(&'l str, &'a str)> {
    signs::paths(line).find_map(|path| Some((path, text(mount_of(container, path)?, "/mountPath"))))
}

fn mount_of<'a>(container: &Container<'a>, path: &str) -> Option<&'a Value> {
    list(container.spec, "/volumeMounts")
        .iter()
        .filter(|mount| {
            let at = text(mount, "/mountPath").trim_end_matches('/');
            at.len() > 1
                && path
                    .strip_prefix(at)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|mount| text(mount, "/mountPath").len())
}

/// The claim that a full path lies on; without a path, the only claim that the container mounts.
fn claim_of(pod: Pod<'_>, container: &Container<'_>, line: &str) -> Option<Key> {
    let claim = |mount: &Value| {
        let volume = list(pod.0, "/spec/volumes")
            .iter()
            .find(|volume| text(volume, "/name") == text(mount, "/name"))?;
        let name = text(volume, "/persistentVolumeClaim/claimName");
        (!name.is_empty()).then(|| Key::new("PersistentVolumeClaim", pod.namespace(), name))
    };
    let by_path = signs::paths(line).find_map(|path| claim(mount_of(container, path)?));
    by_path.or_else(|| {
        let mut claims: Vec<Key> =
            list(container.spec, "/volumeMounts").iter().filter_map(claim).collect();
        claims.dedup();
        (claims.len() == 1).then(|| claims.remove(0))
    })
}

/// What a line says: the text of a structured one, else the line.
pub(super) fn words_of(line: &str) -> Cow<'_, str> {
    match structured::read(line) {
        Some(structured) if !structured.text.is_empty() => Cow::Owned(structured.text),
        _ => Cow::Borrowed(line),
    }
}
