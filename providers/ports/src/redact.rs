//! Redaction of text that does not come through the cluster adapter, such as an alert's.

/// Takes secrets out of text. What comes back holds masks in their place, equal ones for equal secrets.
pub trait Redactor: Send + Sync {
    /// Text in which a secret may stand anywhere.
    fn text(&self, text: &str) -> String;

    /// A value whose name may say that all of it is secret, such as a label's or an annotation's.
    fn value(&self, name: &str, value: &str) -> String;
}
