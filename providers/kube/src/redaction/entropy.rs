//! Tells generated credentials from words, names, digests and identifiers.

use std::borrow::Cow;

use super::Redactor;

/// Shortest word of a longer text that is judged.
const MIN_WORD: usize = 24;
/// Shortest hexadecimal number that is taken for a key where its name suggests one.
const MIN_HEX: usize = 16;
/// Shortest text that is judged at all.
const MIN_LENGTH: usize = 20;
/// Bits a character; 20 random base62 characters have about 4.1.
const MIN_BITS: f64 = 3.5;
/// Share of neighbouring characters of different classes; random base62 has 0.6, CamelCase words 0.25.
const MIN_CHANGES: f64 = 0.4;

/// Whether the whole text looks like a generated secret: one token of mixed case with digits and no word in it.
/// Hex digests, UUIDs, image references and Kubernetes names are not.
pub(super) fn looks_generated(text: &str) -> bool {
    if text.len() < MIN_LENGTH || !text.bytes().all(is_token_byte) {
        return false;
    }
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    if !has(u8::is_ascii_uppercase) || !has(u8::is_ascii_lowercase) || !has(u8::is_ascii_digit) {
        return false;
    }
    bits_per_byte(text.as_bytes()) >= MIN_BITS && class_changes(text.as_bytes()) >= MIN_CHANGES
}

/// Whether the text is a key in hexadecimal. Digests look alike, so ask only where a name suggests a key.
pub(super) fn is_hex_key(text: &str) -> bool {
    text.len() >= MIN_HEX
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Masks the words of a text that look generated.
pub(super) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let mut output = String::new();
    let mut copied = 0;
    let mut mask = |start: usize, word: &str| {
        if word.len() < MIN_WORD || is_symbol(word) || !looks_generated(word) {
            return false;
        }
        output.push_str(&text[copied..start]);
        output.push_str(&redactor.mask(word));
        copied = start + word.len();
        true
    };
    let mut start = 0;
    for run in text.split(|letter: char| !is_word(letter)) {
        if run.len() >= MIN_WORD && !mask(start, run) && run.contains('/') {
            let mut piece_start = start;
            for piece in run.split('/') {
                mask(piece_start, piece);
                piece_start += piece.len() + 1;
            }
        }
        let after = start + run.len();
        start = after + text[after..].chars().next().map_or(0, char::len_utf8);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    output.push_str(&text[copied..]);
    Cow::Owned(output)
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '_' | '-')
}

/// Stack traces hold the mangled names of C++ and Rust.
fn is_symbol(word: &str) -> bool {
    word.starts_with("_Z") || word.starts_with("_R")
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'=' | b'-')
}

pub(super) fn bits_per_byte(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let total = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

pub(super) fn class_changes(text: &[u8]) -> f64 {
    let class = |byte: u8| match byte {
        b'A'..=b'Z' => 0,
        b'a'..=b'z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let changes = text.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    changes as f64 / text.len() as f64
}

#[cfg(test)]
mod tests {
    use super::looks_generated;

    #[test]
    fn generated_credentials_stand_out() {
        for secret in [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "q7Zp2LxV9bTn4RmK8sWd",
            "aB3dE5fG7hJ9kL1mN3pQ",
        ] {
            assert!(looks_generated(secret), "{secret}");
        }
    }

    #[test]
    fn names_digests_and_paths_do_not() {
        for plain in [
            "OpenTelemetryCollectorV2Configuration",
            "/var/lib/kubelet/pods/Volume1/mounts",
            "3f8a9c1d2e4b5a6978c0d1e2f3a4b5c6d7e8f901",
            "6f1c2a52-9e0b-4e7c-8a43-0d6a1f2f9c11",
            "checkout-api-7d9f8c6b54-x2k9q",
            "registry.example.com/shop/API:V1.2.3",
            "short1A",
        ] {
            assert!(!looks_generated(plain), "{plain}");
        }
    }
}
