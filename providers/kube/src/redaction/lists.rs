//! Files that are nothing but a list of passwords, one a line.

use std::borrow::Cow;

use super::spans::Masking;
use super::{Redactor, names};

/// Masks the password of `host:port:database:user:password`, as `.pgpass` has it. Such a line holds no blank.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let mut masking = Masking::new(redactor, text);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        if let Some(password) = password(content) {
            masking.mask(start + content.len() - password.len()..start + content.len());
        }
        start += line.len();
    }
    masking.finish()
}

fn password(line: &str) -> Option<&str> {
    let (host, rest) = line.split_once(':')?;
    let (port, rest) = rest.split_once(':')?;
    let is_port = port == "*"
        || ((2..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_port || host.is_empty() || host.starts_with('#') || line.contains(char::is_whitespace) {
        return None;
    }
    let mut fields = rest.splitn(3, ':');
    let (database, user, password) = (fields.next()?, fields.next()?, fields.next()?);
    let is_whole = !database.is_empty() && !user.is_empty() && !password.contains(':');
    (is_whole && !names::is_harmless_value(password)).then_some(password)
}
