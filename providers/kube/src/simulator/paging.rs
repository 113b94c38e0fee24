//! `limit` and `continue`.

use std::fmt::Write;

use super::status::ApiError;
use crate::snapshot::StoredObject;

/// The last object of a page; the next page begins after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    namespace: String,
    name: String,
}

impl Cursor {
    pub(super) fn after(object: &StoredObject) -> Self {
        Self { namespace: object.namespace.clone(), name: object.name.clone() }
    }

    /// Whether an object belongs to the following pages.
    pub(super) fn precedes(&self, object: &StoredObject) -> bool {
        (object.namespace.as_str(), object.name.as_str())
            > (self.namespace.as_str(), self.name.as_str())
    }

    /// An opaque token that is good for this version of the snapshot only.
    pub(super) fn encode(&self, resource_version: u64) -> String {
        let plain = format!("{resource_version}/{}/{}", self.namespace, self.name);
        plain.bytes().fold(String::with_capacity(plain.len() * 2), |mut token, byte| {
            // Writing to a String cannot fail.
            let _ = write!(token, "{byte:02x}");
            token
        })
    }

    /// Reads a token back; one of another snapshot has expired.
    pub(super) fn decode(token: &str, resource_version: u64) -> Result<Self, ApiError> {
        Self::parse(token, resource_version).ok_or_else(ApiError::expired_continue)
    }

    fn parse(token: &str, resource_version: u64) -> Option<Self> {
        let digits: Option<Vec<u8>> = token
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits?;
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let bytes = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        let plain = String::from_utf8(bytes).ok()?;
        let mut parts = plain.splitn(3, '/');
        let (version, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
        (version == resource_version.to_string())
            .then(|| Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}
