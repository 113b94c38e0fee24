//! The only place that writes to standard output and, beside progress bars, to standard error. A reader of the first
//! that goes away ends the command without a word, as with other tools; any other failure is an error.

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};

use crate::readable;

/// Standard output could not be written.
#[derive(Debug)]
struct Unwritable(io::Error);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output: {}", self.0)
    }
}

impl Error for Unwritable {}

/// Writes a page as it is; what is quoted in it has been made readable before it was laid out.
pub(super) fn page(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| io::Error::new(error.kind(), Unwritable(error)))
}

/// Writes a line, made readable.
pub(super) fn line(text: &str) -> io::Result<()> {
    page(&format!("{}\n", readable::text(text)))
}

/// Whether an error only says that nobody reads standard output any more.
pub(super) fn is_closed(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| {
        error.kind() == io::ErrorKind::BrokenPipe
            && error.get_ref().is_some_and(|inner| inner.is::<Unwritable>())
    })
}

/// Says something on standard error, on one line and made readable. Nobody has to listen.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", readable::line(text));
}

/// Says what is wrong with the command line, in as many lines as it takes.
pub(super) fn usage(text: &str) {
    let _ = write!(io::stderr().lock(), "{}", readable::text(text));
}

/// Says what went wrong.
pub(super) fn complain(error: &dyn fmt::Display) {
    note(&format!("leadsman: {}", error.to_string().trim_end().replace('\n', "; ")));
}
