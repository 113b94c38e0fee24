//! Names under which other products offer the same tools: answered when called, never offered.

use serde_json::{Map, Value};

/// What a called alias means: its tool, arguments under another name, and arguments that it implies.
struct Alias {
    names: &'static [&'static str],
    tool: &'static str,
    implies: &'static [(&'static str, bool)],
}

const fn same(names: &'static [&'static str], tool: &'static str) -> Alias {
    Alias { names, tool, implies: &[] }
}

const ALIASES: &[Alias] = &[
    same(&["kubectl_get_yaml", "kubectl_get", "get_pod", "get_resource"], "kubectl_get_by_name"),
    same(
        &["kubectl_get_by_kind", "kubectl_get_by_kind_in_cluster"],
        "kubectl_get_by_kind_in_namespace",
    ),
    same(
        &[
            "kubectl_container_logs",
            "kubectl_logs_all_containers",
            "kubectl_logs_grep",
            "kubectl_logs_all_containers_grep",
            "fetch_pod_logs",
            "get_pod_logs",
        ],
        "kubectl_logs",
    ),
    Alias {
        names: &[
            "kubectl_previous_logs",
            "kubectl_container_previous_logs",
            "kubectl_previous_logs_all_containers",
        ],
        tool: "kubectl_logs",
        implies: &[("previous", true)],
    },
    same(&["kubectl_get_events", "get_events"], "kubectl_events"),
    same(&["kubectl_memory_requests_all_namespaces"], "kubectl_memory_requests_namespace"),
    same(
        &["get_cluster_resource_context", "kubectl_owner_chain"],
        "get_namespaced_resource_context",
    ),
    Alias {
        names: &["kubernetes_count"],
        tool: "kubernetes_jq_query",
        implies: &[("count", true)],
    },
];

/// Arguments of aliases and their names in our tools. The first that is there wins; a name that the tool
/// knows itself is never replaced.
const LOG_ARGUMENTS: &[(&str, &str)] = &[
    ("name", "pod"),
    ("pod_name", "pod"),
    ("tailLines", "tail_lines"),
    ("limit", "tail_lines"),
    ("pattern", "grep"),
    ("filter", "grep"),
    ("exclude_filter", "exclude"),
    ("start_time", "since_seconds"),
];

/// Rewrites a call by another product's name, or with another product's argument names, into a call of the
/// tool that means the same. `None` where the call is one of ours already or nobody's.
pub fn alias(name: &str, arguments: Value) -> Option<(String, Value)> {
    let known = ALIASES.iter().find(|alias| alias.names.contains(&name));
    let mut arguments = match arguments {
        Value::Object(arguments) => arguments,
        Value::Null => Map::new(),
        other => return known.map(|alias| (alias.tool.to_owned(), other)),
    };
    let tool = match (known, name) {
        (Some(alias), _) => {
            for (argument, value) in alias.implies {
                arguments.insert((*argument).to_owned(), Value::Bool(*value));
            }
            alias.tool
        }
        // Searching one object across namespaces is a search for its name.
        (None, "kubectl_get_by_name_in_cluster") => {
            rename(&mut arguments, "name", "keyword");
            "kubectl_find_resource"
        }
        (None, "kubectl_logs") => "kubectl_logs",
        (None, _) => return None,
    };
    let before = arguments.clone();
    if tool == "kubectl_logs" {
        for (from, to) in LOG_ARGUMENTS {
            rename(&mut arguments, from, to);
        }
        seconds(&mut arguments);
        // The ceiling of bytes is the tool's own.
        arguments.remove("limitBytes");
    }
    (tool != name || arguments != before).then(|| (tool.to_owned(), Value::Object(arguments)))
}

fn rename(arguments: &mut Map<String, Value>, from: &str, to: &str) {
    if !arguments.contains_key(to)
        && let Some(value) = arguments.remove(from)
    {
        arguments.insert(to.to_owned(), value);
    }
}

/// `-3600` seconds ago becomes an age. A moment in time has no such form without a clock; it is left to
/// the tool, which refuses it and says what it takes.
fn seconds(arguments: &mut Map<String, Value>) {
    let Some(since) = arguments.get_mut("since_seconds") else { return };
    let number = match &*since {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse::<i64>().ok(),
        _ => None,
    };
    if let Some(number) = number.filter(|number| *number < 0) {
        *since = number.unsigned_abs().into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ALIASES, alias};

    fn rewritten(name: &str, arguments: Value) -> (String, Value) {
        alias(name, arguments).unwrap()
    }

    #[test]
    fn calls_by_other_names_mean_one_of_ours() {
        for (name, arguments, tool, meant) in [
            (
                "kubectl_get_yaml",
                json!({"kind": "Pod", "name": "a", "namespace": "b"}),
                "kubectl_get_by_name",
                json!({"kind": "Pod", "name": "a", "namespace": "b"}),
            ),
            (
                "kubectl_previous_logs",
                json!({"name": "a", "namespace": "b", "tailLines": 5, "limitBytes": 9}),
                "kubectl_logs",
                json!({"pod": "a", "namespace": "b", "tail_lines": 5, "previous": true}),
            ),
            (
                "fetch_pod_logs",
                json!({"pod_name": "a", "namespace": "b", "start_time": "-60", "filter": "x",
                    "exclude_filter": "y", "limit": 7}),
                "kubectl_logs",
                json!({"pod": "a", "namespace": "b", "since_seconds": 60, "grep": "x",
                    "exclude": "y", "tail_lines": 7}),
            ),
            (
                "kubectl_get_by_name_in_cluster",
                json!({"kind": "Pod", "name": "a"}),
                "kubectl_find_resource",
                json!({"kind": "Pod", "keyword": "a"}),
            ),
            (
                "kubernetes_count",
                json!({"kind": "Pod", "jq_expr": ".items[]"}),
                "kubernetes_jq_query",
                json!({"kind": "Pod", "jq_expr": ".items[]", "count": true}),
            ),
            (
                "kubectl_logs",
                json!({"name": "a", "namespace": "b"}),
                "kubectl_logs",
                json!({"pod": "a", "namespace": "b"}),
            ),
            (
                "kubectl_memory_requests_all_namespaces",
                Value::Null,
                "kubectl_memory_requests_namespace",
                json!({}),
            ),
        ] {
            assert_eq!(rewritten(name, arguments), (tool.to_owned(), meant), "{name}");
        }
    }

    #[test]
    fn our_own_calls_and_nobodys_are_left_alone() {
        assert_eq!(alias("kubectl_logs", json!({"pod": "a", "namespace": "b"})), None);
        assert_eq!(alias("kubectl_describe", json!({"kind": "Pod"})), None);
        assert_eq!(alias("rm_rf", json!({})), None);
    }

    #[test]
    fn an_alias_names_one_tool_and_is_none_itself() {
        let names: Vec<&str> = ALIASES.iter().flat_map(|alias| alias.names).copied().collect();
        for (place, name) in names.iter().enumerate() {
            assert!(!names[place + 1..].contains(name), "{name} twice");
            assert!(ALIASES.iter().all(|alias| alias.tool != *name), "{name} is a tool");
        }
    }
}
