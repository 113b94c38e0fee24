//! What may be a secret in a URL, masked for those who read settings.

/// Stands where a secret stood.
const MASK: &str = "********";

/// A URL without credentials, query and fragment. It need not be a good one: what stands before the last `@` may
/// be a password, whatever a parser would say, so all of it goes.
pub fn url(url: &str) -> String {
    let letters = |name: &str| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    let (scheme, rest) = match url.find("://") {
        Some(end) if letters(&url[..end]) => url.split_at(end + "://".len()),
        _ => ("", url),
    };
    let query = rest.find(['?', '#']);
    let (user, host) = match rest.rfind('@') {
        // A password with a question mark, or a query with an address: the host cannot be told from either.
        Some(at) if query.is_some_and(|query| query < at) => return format!("{scheme}{MASK}"),
        Some(at) => (MASK, &rest[at..]),
        None => ("", rest),
    };
    match host.find(['?', '#']) {
        Some(end) => format!("{scheme}{user}{}{MASK}", &host[..=end]),
        None => format!("{scheme}{user}{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credentials_query_and_fragment_are_masked_and_the_rest_stays() {
        for (given, shown) in [
            ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("https://api.example.com/llm/v1", "https://api.example.com/llm/v1"),
            ("http://user:pw@host:1/x", "http://********@host:1/x"),
            ("http://user:p@ss/w@host", "http://********@host"),
            ("http://user:p?w@host", "http://********"),
            ("http://host/?key=pw", "http://host/?********"),
            ("http://user:pw@host/?key=pw#f", "http://********@host/?********"),
            ("user:pw@host", "********@host"),
            ("user:http://pw@host", "********@host"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(url(given), shown, "{given}");
        }
    }

    proptest! {
        #[test]
        fn a_password_is_never_shown(user in "\\PC{0,9}", before in "\\PC{0,9}", after in "\\PC{0,9}") {
            for scheme in ["https://", ""] {
                let shown = url(&format!("{scheme}{user}:{before}S3CRET{after}@host.example/path"));
                prop_assert!(!shown.contains("S3CRET"), "{shown}");
            }
        }
    }
}
