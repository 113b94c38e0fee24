//! The parameters of a request.

use url::form_urlencoded;

use super::status::ApiError;

/// Decoded parameters; the first of several with the same name counts.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// A parameter that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(found, _)| found == name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// `1`, `true`; absent is false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None | Some("false" | "False" | "FALSE" | "f" | "F" | "0") => Ok(false),
            Some("true" | "True" | "TRUE" | "t" | "T" | "1") => Ok(true),
            Some(value) => Err(unparsable(name, value, "true or false")),
        }
    }

    /// An integer of any sign.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.text(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| unparsable(name, value, "an integer"))
    }
}

fn unparsable(name: &str, value: &str, wanted: &str) -> ApiError {
    ApiError::bad_request(format!("parameter {name} is {value:?}; it must be {wanted}"))
}
