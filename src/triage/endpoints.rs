//! Reads from a line of a log which host could not be reached, and how it failed.

use std::net::Ipv4Addr;

use super::dependencies::tokens;
use super::view::Key;

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The name does not resolve.
    Name,
    /// Nothing answers.
    Timeout,
    /// The connection is refused or reset.
    Refused,
}

/// A host that a line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint<'l> {
    pub(super) host: &'l str,
    pub(super) port: Option<i64>,
}

/// What a host name means within the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A Service by its name.
    Service(Key),
    /// Perhaps a Service of another namespace, perhaps a host outside: `db.data`.
    Either(Key),
    /// An address.
    Address(Ipv4Addr),
    /// A host outside.
    External,
}

const NAME: [&str; 17] = [
    "no such host",
    "enotfound",
    "eai_again",
    "name or service not known",
    "could not translate host name",
    "name resolution",
    "unknown host",
    "unknownhost",
    "server misbehaving",
    "nodename nor servname",
    "could not resolve",
    "cannot resolve",
    "failed to resolve",
    "unable to resolve",
    "host not found",
    "nxdomain",
    "server host '",
];
const TIMEOUT: [&str; 6] =
    ["i/o timeout", "timed out", "timeout", "etimedout", "deadline exceeded", "no route to host"];
const REFUSED: [&str; 5] =
    ["connection refused", "econnrefused", "connection reset", "econnreset", "refused to connect"];

/// Words of a connection that was there and broke off, or gave no answer in time.
const BROKEN: [&str; 14] = [
    "connection reset",
    "econnreset",
    "read timed out",
    "i/o timeout",
    "request timeout",
    "client.timeout",
    "httpclient.timeout",
    "connection broken",
    "broken pipe",
    "socket hang up",
    "being disconnected",
    "retransmi",
    "packet loss",
    "unexpected eof",
];

/// Words by which an incident says that calls are slow or fail.
const OF_CALLS: [&str; 21] = [
    "502",
    "503",
    "504",
    "endpoint",
    "unavailable",
    "unreachable",
    "refused",
    "latency",
    "p99",
    "p95",
    "slow",
    "timeout",
    "timed out",
    "5xx",
    "error rat",
    "calls",
    "requests",
    "lag",
    "reset",
    "retr",
    "packet",
];

/// What stands right before a host.
const MARKS: [&str; 24] = [
    "lookup ",
    "enotfound ",
    "eai_again ",
    "unknownhostexception: ",
    "host name \"",
    "resolve '",
    "resolve \"",
    "resolve host: ",
    "resolve host '",
    "resolve host ",
    "resolve: ",
    "server host '",
    "in upstream \"",
    "hostname \"",
    "hostname '",
    "unknown host ",
    "unknown host: ",
    "host='",
    "host=",
    "host \"",
    "server at \"",
    "address for ",
    "//",
    "@",
];

/// File names of programs, which are followed by line numbers.
const SOURCES: [&str; 12] =
    [".go", ".py", ".js", ".ts", ".java", ".rs", ".rb", ".c", ".cc", ".cpp", ".kt", ".php"];

/// Words that stand where hosts stand.
const WORDS: [&str; 14] = [
    "localhost",
    "tcp",
    "udp",
    "http",
    "https",
    "for",
    "host",
    "name",
    "address",
    "on",
    "to",
    "the",
    "is",
    "failed",
];

/// How the line says that a connection failed, if it does.
pub(super) fn failure(line: &str) -> Option<Failure> {
    let lower = line.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // A lookup that times out is a failure of the name.
    if says(&NAME) || (lower.contains("lookup ") && lower.contains(":53")) {
        Some(Failure::Name)
    } else if says(&REFUSED) {
        Some(Failure::Refused)
    } else if says(&TIMEOUT) {
        Some(Failure::Timeout)
    } else {
        None
    }
}

/// Whether a line tells of a connection to somebody else that broke off or gave no answer in time.
pub(super) fn broke_off(line: &str) -> bool {
    let lower = line.to_lowercase();
    let by_client = ["from client", "client connection", "client disconnected", "to client"]
        .iter()
        .any(|words| lower.contains(words));
    !by_client && BROKEN.iter().any(|words| lower.contains(words))
}

/// Whether an incident, in lower case, says that calls are slow or fail.
pub(super) fn speaks_of_calls(told: &str) -> bool {
    OF_CALLS.iter().any(|words| told.contains(words))
}

/// The hosts that the line names.
pub(super) fn read(line: &str) -> Vec<Endpoint<'_>> {
    let lower = line.to_lowercase();
    // Lower case may change lengths; then nothing stands right before a host.
    let aligned = lower.len() == line.len();
    let mut found: Vec<Endpoint<'_>> = Vec::new();
    for (start, host) in tokens(line) {
        let after = line.get(start + host.len()..).unwrap_or_default();
        let port = port_after(after);
        let before = if aligned { lower.get(..start).unwrap_or_default() } else { "" };
        let marked = MARKS.iter().any(|mark| before.ends_with(mark));
        let is_server = before.ends_with(" on ") && port == Some(53);
        let clear = host.contains(".svc.") || host.ends_with(".svc");
        if (port.is_some() || marked || clear) && !is_server && is_host(host) {
            found.push(Endpoint { host, port });
        }
    }
    found
}

fn port_after(after: &str) -> Option<i64> {
    let digits = |text: &str| -> Option<i64> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok().filter(|port| (1..=65_535).contains(port))
    };
    if let Some(rest) = after.strip_prefix(':') {
        return digits(rest);
    }
    let rest = after.strip_prefix(['\'', '"'])?;
    // `host='db', port=5432` and `server at "db" (10.0.0.9), port 5432`.
    let head = rest.get(..rest.len().min(40)).unwrap_or(rest);
    let at = head.find("port=").map(|at| at + 5).or_else(|| head.find("port ").map(|at| at + 5))?;
    digits(rest.get(at..)?)
}

fn is_host(host: &str) -> bool {
    if host.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let lower = host.to_lowercase();
    host.starts_with(|c: char| c.is_ascii_alphabetic())
        && !SOURCES.iter().any(|source| lower.ends_with(source))
        && !WORDS.contains(&lower.as_str())
}

/// What a host means to a pod of a namespace.
pub(super) fn place(host: &str, namespace: &str) -> Place {
    if let Ok(address) = host.parse() {
        return Place::Address(address);
    }
    let service = |name: &str, namespace: &str| Key::new("Service", namespace, name);
    let parts: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    match parts.as_slice() {
        [name] => Place::Service(service(name, namespace)),
        [name, other, "svc", ..] => Place::Service(service(name, other)),
        // A member of a StatefulSet by its governing Service.
        [_, name, other, "svc", ..] => Place::Service(service(name, other)),
        [name, other] => Place::Either(service(name, other)),
        _ => Place::External,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_failures_are_read_in_many_tongues() {
        for (line, host, port, failed) in [
            (
                "dial tcp: lookup db.data.svc on 10.96.0.10:53: no such host",
                "db.data.svc",
                None,
                Failure::Name,
            ),
            ("Error: getaddrinfo ENOTFOUND db", "db", None, Failure::Name),
            ("connect to db:5433: connection refused", "db", Some(5433), Failure::Refused),
            (
                "HTTPConnectionPool(host='pay', port=8080): Max retries: timed out",
                "pay",
                Some(8080),
                Failure::Timeout,
            ),
            ("could not translate host name \"db\" to address", "db", None, Failure::Name),
            (
                "main.go:42 dial tcp 10.1.2.3:5432: i/o timeout",
                "10.1.2.3",
                Some(5432),
                Failure::Timeout,
            ),
        ] {
            assert_eq!(read(line), [Endpoint { host, port }], "{line}");
            assert_eq!(failure(line), Some(failed), "{line}");
        }
    }

    #[test]
    fn names_have_their_place() {
        let service = |name, namespace| Key::new("Service", namespace, name);
        assert_eq!(place("db", "a"), Place::Service(service("db", "a")));
        assert_eq!(place("db-0.db.b.svc.cluster.local", "a"), Place::Service(service("db", "b")));
        assert_eq!(place("api.example.com", "a"), Place::External);
    }
}
