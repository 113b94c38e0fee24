//! Redaction: secret values become keyed hashes before anything leaves the cluster adapter.
//!
//! A mask looks like `<redacted:ab12cd34ef56:24b>`: the first 48 bits of an HMAC-SHA256 of the secret and its
//! length in bytes. Under one key equal secrets have equal masks, so "does the pod carry the password that
//! the Secret holds" stays answerable; without the key a mask says nothing. Redaction is idempotent. A certificate in
//! a Secret says when it is valid and for which names, in place of its mask. The values of Secrets that a redactor has
//! seen are masked wherever they occur later.
//!
//! - [`Redactor::redact_object`] works on API objects: valid JSON in, valid JSON out.
//! - [`Redactor::redact_text`] works on log text and messages.

mod arguments;
mod certificate;
mod commands;
mod encoded;
mod entropy;
mod forms;
mod known;
mod lists;
mod names;
mod object;
mod pairs;
mod patterns;
mod prefilter;
mod prose;
mod rules;
mod spans;
mod stems;
mod values;
mod vendors;

use std::fmt;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use known::Known;
use leadsman_ports::condensed::Certificate;
use regex::Regex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What every mask begins with.
pub const MASK_PREFIX: &str = "<redacted:";

static MASK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^<redacted:[0-9a-f]{12}:[0-9]{1,10}b>$").ok());

/// Masks secrets under one key. Clones share the values of Secrets that they have seen.
#[derive(Clone)]
pub struct Redactor {
    key: [u8; 32],
    known: Known,
}

/// The key stays out of logs.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Masks are comparable between redactors with the same key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, known: Known::default() }
    }

    /// A redactor whose key follows from a secret of any length. A short secret can be guessed from a mask.
    pub fn from_secret(secret: &[u8]) -> Self {
        Self::new(Sha256::digest(secret).into())
    }

    /// This process's key, which nobody knows: masks are comparable as long as the process lives.
    pub fn with_random_key() -> Self {
        static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| {
            let mut key = [0; 32];
            key[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
            key[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
            key
        });
        Self::new(*KEY)
    }

    /// An API object or List with its secrets masked. Structure, keys and booleans stay as they are, and numbers but
    /// those that are passwords.
    pub fn redact_object(&self, mut object: Value) -> Value {
        object::remember(self, &object);
        object::redact(self, &mut object, None);
        object
    }

    /// Remembers the values of a Secret, or of each Secret of a List: they are masked wherever they occur from now
    /// on. [`Redactor::redact_object`] does so by itself, but where Secrets stand beside other objects, those that
    /// come first are redacted before the values are known. Values that are short or common are not remembered, and
    /// the oldest are forgotten beyond 1,024 values or 64 KiB.
    pub fn remember(&self, object: &Value) {
        object::remember(self, object);
    }

    /// Text with its secrets masked; the rest stays as it is. Takes time linear in the text's length.
    pub fn redact_text(&self, text: &str) -> String {
        patterns::redact(self, text).into_owned()
    }

    /// The mask of a secret; a mask is its own mask.
    fn mask(&self, secret: &str) -> String {
        if is_mask(secret) { secret.to_owned() } else { self.mask_bytes(secret.as_bytes()) }
    }

    fn mask_bytes(&self, secret: &[u8]) -> String {
        format!("{MASK_PREFIX}{}>", self.fingerprint(secret))
    }

    /// The inside of a mask: a keyed hash and the length.
    fn fingerprint(&self, secret: &[u8]) -> String {
        // HMAC takes a key of any length, so the error cannot occur; were it to, the mask is still a mask.
        let digest = match Hmac::<Sha256>::new_from_slice(&self.key) {
            Ok(mut mac) => {
                mac.update(secret);
                mac.finalize().into_bytes().into()
            }
            Err(_) => [0_u8; 32],
        };
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{hex}:{}b", secret.len())
    }
}

impl leadsman_ports::redact::Redactor for Redactor {
    fn text(&self, text: &str) -> String {
        self.redact_text(text)
    }

    fn value(&self, name: &str, value: &str) -> String {
        let mut value = value.to_owned();
        object::named_value(self, name, &mut value);
        value
    }
}

/// A value of a Secret: a certificate says when it is valid and for whom, anything else becomes a mask.
fn secret_value(redactor: &Redactor, bytes: &[u8]) -> String {
    let certificate = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| certificate::read(text, &redactor.fingerprint(bytes)));
    certificate.map_or_else(|| redactor.mask_bytes(bytes), |certificate| certificate.to_string())
}

/// Whether the whole text is one mask, or a certificate in a mask's place.
fn is_masked(text: &str) -> bool {
    is_mask(text) || text.parse::<Certificate>().is_ok()
}

/// Whether the whole text is one mask.
pub fn is_mask(text: &str) -> bool {
    text.starts_with(MASK_PREFIX) && MASK.as_ref().is_some_and(|mask| mask.is_match(text))
}

#[cfg(test)]
mod tests;
