//! Reads JSON that a model wrote: fenced, encoded twice, or wrapped in prose.

use serde_json::{Map, Value};

/// Why no JSON object could be read. The text goes back to the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; send one JSON object that follows the tool's schema")]
pub struct Unreadable(String);

/// The most encodings within each other that are unwrapped.
const MAX_ENCODINGS: usize = 3;

/// Reads the arguments of a tool call. Accepted beside a plain object: nothing at all (an empty object), an
/// object that was encoded as a string, an object in a Markdown fence, and an array of exactly one object.
pub fn parse(raw: &str) -> Result<Map<String, Value>, Unreadable> {
    let mut text = raw.trim().to_owned();
    if text.is_empty() || text == "null" {
        return Ok(Map::new());
    }
    for _ in 0..MAX_ENCODINGS {
        match serde_json::from_str::<Value>(unfence(&text)) {
            Ok(Value::Object(object)) => return Ok(object),
            Ok(Value::String(inner)) => text = inner.trim().to_owned(),
            Ok(Value::Array(items)) => {
                return match <[Value; 1]>::try_from(items) {
                    Ok([Value::Object(object)]) => Ok(object),
                    _ => Err(Unreadable("the arguments are an array".to_owned())),
                };
            }
            Ok(_) => return Err(Unreadable("the arguments are not an object".to_owned())),
            Err(error) => return Err(Unreadable(format!("the arguments are not JSON ({error})"))),
        }
    }
    Err(Unreadable("the arguments are encoded too many times".to_owned()))
}

/// Finds the first JSON object in free text: the whole text, a fenced block, or the first balanced braces
/// that parse.
pub fn find_object(text: &str) -> Option<Map<String, Value>> {
    if let Ok(object) = parse(text)
        && !object.is_empty()
    {
        return Some(object);
    }
    text.match_indices('{').take(64).find_map(|(start, _)| {
        let mut stream = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        match stream.next() {
            Some(Ok(Value::Object(object))) if !object.is_empty() => Some(object),
            _ => None,
        }
    })
}

/// The inside of the first Markdown fence, or the text itself.
fn unfence(text: &str) -> &str {
    let Some(open) = text.find("```") else { return text };
    let inside = &text[open + 3..];
    let body = inside.find('\n').map_or(inside, |end| &inside[end + 1..]);
    body.find("```").map_or(body, |close| &body[..close]).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(raw: &str) -> Option<String> {
        parse(raw).ok()?.get("name")?.as_str().map(str::to_owned)
    }

    #[test]
    fn an_object_is_read_however_it_is_wrapped() {
        let plain = r#"{"name":"a"}"#;
        let twice = serde_json::to_string(plain).unwrap();
        let thrice = serde_json::to_string(&twice).unwrap();
        for raw in [
            plain,
            &twice,
            &thrice,
            "```json\n{\"name\":\"a\"}\n```",
            "```\n{\"name\":\"a\"}",
            r#"[{"name":"a"}]"#,
        ] {
            assert_eq!(name(raw).as_deref(), Some("a"), "{raw}");
        }
        assert!(parse("").unwrap().is_empty());
        assert!(parse("null").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_object_is_explained() {
        for (raw, says) in [("{\"a\":", "not JSON"), ("[1,2]", "array"), ("7", "not an object")] {
            assert!(parse(raw).unwrap_err().to_string().contains(says), "{raw}");
        }
    }

    #[test]
    fn an_object_is_found_in_prose() {
        let found =
            find_object("I think {this} is it: {\"summary\": \"x {y}\"} and so on").unwrap();
        assert_eq!(found["summary"], "x {y}");
        assert!(find_object("no object here {").is_none());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(raw in any::<String>()) {
            let _ = parse(&raw);
            let _ = find_object(&raw);
        }
    }
}
