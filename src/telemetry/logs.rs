//! Logs: one line an event on standard error, as text or JSON. What a terminal might obey is spelt out, also where
//! it comes from a cluster or a client.

use std::fmt;
use std::io;

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{self, LogConfig, LogFormat};
use crate::readable;

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("configuration setting log.level: {0}")]
    Filter(String),
    /// Something else has started logging before.
    #[error("logging has been started already")]
    Started,
}

/// Starts logging for the process.
///
/// # Errors
/// See [`LogError`].
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    let filter = config::log_filter(&config.level).map_err(LogError::Filter)?;
    let colours = console::colors_enabled_stderr();
    subscriber(config.format, filter, colours, io::stderr).try_init().map_err(|_| LogError::Started)
}

fn subscriber<W: io::Write + 'static>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> Box<dyn Subscriber + Send + Sync> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // An error says that nobody reads the log; telling it to the same place would not help.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => Box::new(
            builder
                .with_ansi(colours)
                .fmt_fields(debug_fn(field).delimited(" "))
                .with_writer(writer)
                .finish(),
        ),
        LogFormat::Json => {
            Box::new(builder.json().with_writer(move || JsonLines(writer())).finish())
        }
    }
}

/// One field of a line of text.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let text = readable::line(&text);
    match field.name() {
        "message" => writer.write_str(&text),
        // Where a crate that logs without tracing says again what stands at the head of the line.
        name if name.starts_with("log.") => Ok(()),
        name => write!(writer, "{name}={text}"),
    }
}

/// JSON leaves characters as they are that a terminal obeys; they have escapes of its own.
struct JsonLines<W>(W);

impl<W: io::Write> io::Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(readable::json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_stays_a_line_and_a_terminal_obeys_nothing_of_it() {
        let hostile = "a\u{1b}[2J\u{202e}b\u{9b}c\nforged";
        for (format, says) in [
            (
                LogFormat::Text,
                "told error=a\\u{1b}[2J\\u{202e}b\\u{9b}c\\nforged quoted=\"a\\u{1b}[2J",
            ),
            (LogFormat::Json, "a\\u001b[2J\\u202eb\\u009bc\\nforged"),
        ] {
            let page = Page::default();
            let written = page.clone();
            let filter = config::log_filter("info").unwrap();
            let subscriber = subscriber(format, filter, false, move || page.clone());
            tracing::subscriber::with_default(subscriber, || {
                tracing::info_span!("run", on = %hostile).in_scope(|| {
                    tracing::info!(error = %hostile, quoted = hostile, "told");
                });
            });
            let page = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert_eq!(page.lines().count(), 1, "{page}");
            assert_eq!(page.trim_end_matches('\n'), readable::line(page.trim_end_matches('\n')));
            assert!(page.contains(says), "{page}");
        }
    }
}
