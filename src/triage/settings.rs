//! What a workload is told: variables, arguments and the lines of its ConfigMaps, each with the place it stands in.

use serde_json::{Value, json};

use super::exhibit::yaml;
use super::graph::references;
use super::objects::Objects;
use super::view::{Key, list, map, text};

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// `PORT`, `--port`; empty where a value stands alone.
    pub(super) name: String,
    /// Empty where it comes from a Secret or from elsewhere.
    pub(super) value: String,
    /// The object that holds it.
    pub(super) source: Key,
    /// The line as it stands there.
    pub(super) line: String,
}

/// The settings that a pod spec gives its containers. `holder` is the object that the spec is part of.
pub(super) fn of(objects: &Objects, spec: &Value, holder: &Key) -> Vec<Setting> {
    let mut found = Vec::new();
    for container in list(spec, "/initContainers").iter().chain(list(spec, "/containers")) {
        for variable in list(container, "/env") {
            let (name, value) = (text(variable, "/name"), text(variable, "/value"));
            let config = text(variable, "/valueFrom/configMapKeyRef/name");
            let key = text(variable, "/valueFrom/configMapKeyRef/key");
            let source = Key::new("ConfigMap", &holder.namespace, config);
            let held =
                objects.get(&source).and_then(|object| map(object, "/data")?.get(key)?.as_str());
            found.push(match held {
                Some(held) => setting(name, held, &source, &field(key, held)),
                None => setting(name, value, holder, &field("value", value)),
            });
        }
        for argument in list(container, "/command").iter().chain(list(container, "/args")) {
            let line = argument.as_str().unwrap_or_default();
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            found.push(setting(name, value, holder, line));
        }
    }
    for key in references(spec, &holder.namespace) {
        let object = objects.get(&key).filter(|_| key.kind == "ConfigMap");
        for (name, value) in object.and_then(|object| map(object, "/data")).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            if value.lines().count() <= 1 {
                found.push(setting(name, value.trim(), &key, &field(name, value)));
            } else {
                found.extend(value.lines().filter_map(|line| of_line(line, &key)));
            }
        }
    }
    found
}

/// A field as the object's text shows it.
fn field(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { yaml(&json!({ name: value })) }
}

fn setting(name: &str, value: &str, source: &Key, line: &str) -> Setting {
    Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        source: source.clone(),
        line: line.to_owned(),
    }
}

/// `name: value`, `name = value` or `name value;`.
fn of_line(line: &str, source: &Key) -> Option<Setting> {
    let plain = line.trim();
    if plain.is_empty() || plain.starts_with(['#', ';']) {
        return None;
    }
    let split = plain.split_once([':', '=', ' '])?;
    let clean =
        |part: &str| part.trim().trim_matches(['"', '\'', ',', ';', '{', '-']).trim().to_owned();
    Some(Setting {
        name: clean(split.0),
        value: clean(split.1.trim_start_matches([' ', ':', '='])),
        source: source.clone(),
        line: plain.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_files_are_taken_apart() {
        let key = Key::new("ConfigMap", "a", "b");
        for (line, name, value) in [
            ("port: \"80a\"", "port", "80a"),
            ("max_connections = 5x", "max_connections", "5x"),
            ("listen 8080;", "listen", "8080"),
        ] {
            let setting = of_line(line, &key).unwrap();
            assert_eq!((setting.name.as_str(), setting.value.as_str()), (name, value));
        }
        assert_eq!(of_line("# a comment", &key), None);
    }
}
