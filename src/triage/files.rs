//! Configuration files that a pod gets from ConfigMaps, and whether they parse.

use serde_json::{Value, json};

use super::exhibit::yaml;
use super::graph::references;
use super::objects::Objects;
use super::pod::Pod;
use super::view::{Key, map};

/// A larger file is not parsed.
const MAX_BYTES: usize = 256 * 1024;

/// A file that a parser refuses.
pub(super) struct Broken {
    pub(super) config: Key,
    /// Key of the ConfigMap.
    pub(super) name: String,
    /// What the parser says.
    pub(super) error: String,
    /// The file as the ConfigMap shows it.
    pub(super) shown: String,
}

/// The first JSON or YAML file of the pod's ConfigMaps that does not parse.
pub(super) fn broken(objects: &Objects, pod: Pod<'_>) -> Option<Broken> {
    let spec = pod.0.get("spec")?;
    references(spec, pod.namespace())
        .into_iter()
        .filter(|key| key.kind == "ConfigMap")
        .filter_map(|key| Some((objects.get(&key)?, key)))
        .flat_map(|(object, key)| {
            map(object, "/data")
                .into_iter()
                .flatten()
                .filter_map(|(name, content)| Some((name, content.as_str()?)))
                .filter_map(|(name, content)| {
                    Some(Broken {
                        config: key.clone(),
                        name: name.clone(),
                        error: refusal(name, content)?,
                        shown: yaml(&json!({ name: content })),
                    })
                })
                .collect::<Vec<_>>()
        })
        .next()
}

fn refusal(name: &str, content: &str) -> Option<String> {
    if content.len() > MAX_BYTES {
        return None;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "json" => serde_json::from_str::<Value>(content).err().map(|error| error.to_string()),
        "yaml" | "yml" => serde_saphyr::from_multiple::<Value>(content)
            .err()
            .map(|error| error.to_string().lines().next().unwrap_or_default().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_parsed_by_their_names() {
        assert!(refusal("a.json", "{\"a\": 1,}").is_some());
        assert!(refusal("a.json", "{\"a\": 1}").is_none());
        assert!(refusal("a.yaml", "a: b: c").is_some());
        assert!(refusal("a.yml", "a: 1\n---\nb: 2\n").is_none());
        assert!(refusal("nginx.conf", "{{{").is_none());
    }
}
