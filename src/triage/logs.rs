//! Reads container logs as a human would: looks for the one line that says why it ended.

use super::structured;
use super::view::shorten;

/// A longer line is cut where it is quoted.
const QUOTE_CHARS: usize = 300;

/// How much a line of a log tells about why a process failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Says that something did not work.
    Complaint,
    /// Is logged as an error.
    Error,
    /// An uncaught exception.
    Exception,
    /// The process says that it gives up.
    Fatal,
}

/// The line that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decisive<'a> {
    pub(super) line: &'a str,
    pub(super) weight: Weight,
}

impl Decisive<'_> {
    /// The line as it can be quoted: without margins and not too long.
    pub(super) fn quote(&self) -> String {
        self.line.trim().chars().take(QUOTE_CHARS).collect()
    }

    /// The line for a sentence.
    pub(super) fn brief(&self) -> String {
        match structured::read(self.line) {
            Some(structured) if !structured.text.is_empty() => shorten(&structured.text, 160),
            _ => shorten(self.line.trim(), 160),
        }
    }
}

const FATAL: [&str; 13] = [
    "panic:",
    "fatal:",
    "fatal error",
    "[fatal]",
    " fatal ",
    "level=fatal",
    "\"level\":\"fatal\"",
    "level=panic",
    "\"level\":\"panic\"",
    "panicked at",
    "[crit]",
    "[emerg]",
    "[alert]",
];

const ERROR: [&str; 11] = [
    "level=error",
    "\"level\":\"error\"",
    "\"severity\":\"error\"",
    "[error]",
    "error:",
    " error ",
    "[err]",
    "severe",
    "critical",
    "err=",
    "error=",
];

const COMPLAINT: [&str; 24] = [
    "cannot ",
    "can't ",
    "could not",
    "couldn't",
    "failed",
    "failure",
    "refused",
    "denied",
    "no such file",
    "not found",
    "unable to",
    "invalid",
    "missing",
    "timed out",
    "timeout",
    "no space left",
    "not set",
    "required",
    "unknown ",
    "exec format error",
    "killed",
    "signal 9",
    "rejected",
    "abort",
];

/// Words by which a process says that something it depends on is not there.
const DEPENDENCY: [&str; 35] = [
    "connection refused",
    "econnrefused",
    "connection reset",
    "econnreset",
    "no route to host",
    "i/o timeout",
    "connection timed out",
    "connect timeout",
    "etimedout",
    "deadline exceeded",
    "no such host",
    "enotfound",
    "name or service not known",
    "could not translate host name",
    "temporary failure in name resolution",
    "unknown host",
    "unknownhostexception",
    "could not connect",
    "cannot connect",
    "can't connect",
    "failed to connect",
    "unable to connect",
    "upstream",
    "service unavailable",
    "bad gateway",
    "gateway timeout",
    "unavailable desc",
    "status 50",
    "status=50",
    "status code 50",
    "\"status\":50",
    "-> 50",
    "not possible to connect",
    ": eof",
    "waiting for",
];

/// Finds the line that best says why the process failed; among equals the last.
pub(super) fn decisive(log: &str) -> Option<Decisive<'_>> {
    log.lines()
        .filter_map(|line| weigh(line).map(|weight| Decisive { line, weight }))
        .max_by_key(|decisive| decisive.weight)
}

/// The last line with any text: what there is to quote when no line says what went wrong.
pub(super) fn last_line(log: &str) -> Option<Decisive<'_>> {
    let line = log.lines().rev().find(|line| line.trim().len() >= 6)?;
    Some(Decisive { line, weight: Weight::Complaint })
}

/// Whether the line blames something that the process depends on.
pub(super) fn blames_dependency(line: &str) -> bool {
    let line = line.to_lowercase();
    DEPENDENCY.iter().any(|word| line.contains(word))
}

/// How much a line tells; `None` for what is no complaint.
pub(super) fn weigh(line: &str) -> Option<Weight> {
    let plain = line.trim();
    if plain.len() < 6 || is_stack_frame(plain) {
        return None;
    }
    if let Some(structured) = structured::read(plain)
        && structured.has_level
    {
        return structured.weight;
    }
    let lower = plain.to_lowercase();
    // The package manager only reports that what it started has failed.
    if lower.starts_with("npm err") {
        return Some(Weight::Complaint);
    }
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // An orderly stop is the answer to a signal, never a reason; an informational line is no complaint.
    if lower.contains("sigterm") || lower.contains("shutting down") || is_informational(&lower) {
        return None;
    }
    if is_warning(&lower) {
        (has(&COMPLAINT) || has(&ERROR)).then_some(Weight::Complaint)
    } else if has(&FATAL) || lower.starts_with("fatal") {
        Some(Weight::Fatal)
    } else if is_exception(plain) {
        Some(Weight::Exception)
    } else if has(&ERROR) || lower.starts_with("error") {
        Some(Weight::Error)
    } else if has(&COMPLAINT) {
        Some(Weight::Complaint)
    } else {
        None
    }
}

/// Whether the line is logged as an error, or has no level that would say that it is less.
pub(super) fn is_serious(line: &str) -> bool {
    is_plain(line) || weigh(line).is_some_and(|weight| weight >= Weight::Error)
}

/// Whether the line has words but no level: the continuation of the one before, or the text of a program that knows no
/// levels.
pub(super) fn is_plain(line: &str) -> bool {
    let plain = line.trim();
    let lower = plain.to_lowercase();
    plain.len() >= 6
        && !is_stack_frame(plain)
        && !is_informational(&lower)
        && !is_warning(&lower)
        && structured::read(plain).is_none()
}

fn is_stack_frame(line: &str) -> bool {
    ["at ", "File \"", "goroutine ", "... ", "Traceback (most recent", "created by "]
        .iter()
        .any(|frame| line.starts_with(frame))
}

/// Whether a line, in lower case, is logged below an error.
fn is_warning(lower: &str) -> bool {
    lower.starts_with("warn")
        || [" warn ", " warning ", "[warn", "level=warn", "[notice]", " notice ", " trace "]
            .iter()
            .any(|words| lower.contains(words))
}

fn is_informational(lower: &str) -> bool {
    let words = [
        "level=info",
        "level=debug",
        "\"level\":\"info\"",
        "\"level\":\"debug\"",
        "[info]",
        " info ",
        " debug ",
    ];
    lower.starts_with("info") || words.iter().any(|word| lower.contains(word))
}

/// `Caused by: …`, `Exception in thread …`, or a line that begins with the name of an error type, as stack traces of
/// Java, Python, Node and Ruby do.
fn is_exception(line: &str) -> bool {
    if line.starts_with("Caused by:") || line.starts_with("Exception in thread") {
        return true;
    }
    let name: &str = line.split([':', ' ']).next().unwrap_or_default();
    let is_type = name.ends_with("Error") || name.ends_with("Exception");
    is_type
        && name.len() > "Error".len()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(log: &str) -> &str {
        decisive(log).map(|decisive| decisive.line).unwrap_or_default()
    }

    #[test]
    fn the_deepest_cause_of_a_java_trace_decides() {
        let log = "INFO starting\nException in thread \"main\" java.lang.IllegalStateException: boot\n\
                   \tat a.B.c(D.java:1)\nCaused by: java.net.ConnectException: Connection refused\n\tat x.Y\n";
        assert_eq!(line(log), "Caused by: java.net.ConnectException: Connection refused");
    }

    #[test]
    fn the_last_line_of_a_python_trace_decides() {
        let log = "Traceback (most recent call last):\n  File \"app.py\", line 3, in <module>\n\
                   KeyError: 'DATABASE_URL'\n";
        assert_eq!(line(log), "KeyError: 'DATABASE_URL'");
    }

    #[test]
    fn a_panic_outweighs_earlier_and_later_errors() {
        let log =
            "level=error msg=\"retrying\"\npanic: no config\n\ngoroutine 1 [running]:\nerror: exit";
        assert_eq!(line(log), "panic: no config");
    }

    #[test]
    fn an_orderly_stop_says_nothing() {
        assert_eq!(
            decisive("listening on :8080\nreceived SIGTERM, failed over, shutting down\n"),
            None
        );
        assert_eq!(decisive("level=info msg=\"0 failed\""), None);
        assert_eq!(last_line("one line\n\n").map(|d| d.quote()), Some("one line".to_owned()));
    }

    #[test]
    fn dependencies_are_blamed_in_many_tongues() {
        assert!(blames_dependency("dial tcp 10.0.0.3:5432: connect: connection refused"));
        assert!(blames_dependency("Error: getaddrinfo ENOTFOUND redis"));
        assert!(!blames_dependency("KeyError: 'PORT'"));
    }
}
