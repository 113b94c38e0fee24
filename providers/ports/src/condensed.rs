//! What the cluster adapter condenses of an object: bulk becomes a line that rules read and people understand.
//!
//! Both types are written into objects with `Display` and read back with `FromStr`, so that the adapter and the
//! product agree on one form.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// Who changed which fields of an object last, and when: one entry of `metadata.managedFields`.
///
/// Stands in `metadata.changes` as `2026-01-02T03:04:05Z kubectl-edit: data.BATCH_SIZE, data.MODE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// When the manager changed its fields last.
    pub at: Timestamp,
    /// The field manager, e.g. `kubectl-edit`, `argocd-controller` or `helm`.
    pub manager: String,
    /// Paths such as `spec.template.spec.containers[app].image`, or how many there are.
    pub fields: String,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.at, self.manager, self.fields)
    }
}

/// Why a text is not the condensed form of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a condensed form")]
pub struct NotCondensed;

impl FromStr for FieldChange {
    type Err = NotCondensed;

    fn from_str(text: &str) -> Result<Self, NotCondensed> {
        let (at, rest) = text.split_once(' ').ok_or(NotCondensed)?;
        let (manager, fields) = rest.split_once(": ").ok_or(NotCondensed)?;
        Ok(Self {
            at: at.parse().map_err(|_| NotCondensed)?,
            manager: manager.to_owned(),
            fields: fields.to_owned(),
        })
    }
}

/// A certificate in a Secret: public, and worth knowing, where the Secret's values are masked.
///
/// Stands in the place of the value as
/// `<certificate:ab12cd34ef56:1164b valid 2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z for shop.example>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Twelve hexadecimal digits and a length, as in a mask: equal certificates have equal ones.
    pub mask: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// DNS names that it is for.
    pub names: Vec<String>,
}

impl Certificate {
    const START: &'static str = "<certificate:";
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mask, not_before, not_after, names } = self;
        write!(f, "{}{mask} valid {not_before} to {not_after}", Self::START)?;
        if !names.is_empty() {
            write!(f, " for {}", names.join(","))?;
        }
        f.write_str(">")
    }
}

/// Strict, so that nothing else passes for a certificate where values are to be masked.
impl FromStr for Certificate {
    type Err = NotCondensed;

    fn from_str(text: &str) -> Result<Self, NotCondensed> {
        let inner = text.strip_prefix(Self::START).and_then(|rest| rest.strip_suffix('>'));
        let mut words = inner.ok_or(NotCondensed)?.split(' ');
        let mut next = || words.next().ok_or(NotCondensed);
        let mask = next()?;
        let is_mask = mask.split_once(':').is_some_and(|(hash, length)| {
            hash.len() == 12
                && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                && length.strip_suffix('b').is_some_and(|n| n.parse::<u32>().is_ok())
        });
        let moment = |text: &str| text.parse::<Timestamp>().map_err(|_| NotCondensed);
        if !is_mask || next()? != "valid" {
            return Err(NotCondensed);
        }
        let not_before = moment(next()?)?;
        if next()? != "to" {
            return Err(NotCondensed);
        }
        let not_after = moment(next()?)?;
        let names: Vec<String> = match (words.next(), words.next(), words.next()) {
            (None, None, None) => Vec::new(),
            (Some("for"), Some(names), None) => names.split(',').map(str::to_owned).collect(),
            _ => return Err(NotCondensed),
        };
        if !names.iter().all(|name| is_dns_name(name)) {
            return Err(NotCondensed);
        }
        Ok(Self { mask: mask.to_owned(), not_before, not_after, names })
    }
}

/// Whether a text can be a DNS name, with a `*` for its first label.
pub fn is_dns_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'*' | b'_'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_change_reads_as_it_was_written() {
        let text = "2026-01-02T03:04:05Z kubectl-edit: data.BATCH_SIZE, data.MODE";
        let change: FieldChange = text.parse().unwrap();
        assert_eq!(change.manager, "kubectl-edit");
        assert_eq!(change.fields, "data.BATCH_SIZE, data.MODE");
        assert_eq!(change.to_string(), text);
        assert_eq!("yesterday somebody: x".parse::<FieldChange>(), Err(NotCondensed));
    }

    #[test]
    fn a_certificate_reads_as_it_was_written_and_nothing_else_does() {
        let text = "<certificate:ab12cd34ef56:1164b valid 2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z \
                    for shop.example,*.shop.example>";
        let certificate: Certificate = text.parse().unwrap();
        assert_eq!(certificate.names, ["shop.example", "*.shop.example"]);
        assert_eq!(certificate.to_string(), text);
        for other in [
            "<certificate:hunter2hunter:1b valid 2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z>",
            "<certificate:ab12cd34ef56:1b valid hunter2 to 2026-04-01T00:00:00Z>",
            "<certificate:ab12cd34ef56:1b valid 2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z for a b>",
            "<certificate:ab12cd34ef56:1b valid 2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z> x",
        ] {
            assert_eq!(other.parse::<Certificate>(), Err(NotCondensed), "{other}");
        }
    }
}
