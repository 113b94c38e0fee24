//! Judges, as a network plugin does, whether the NetworkPolicies of a namespace let a connection through.

use std::net::Ipv4Addr;

use serde_json::{Map, Value};

use super::view::{int, list, map, text};

/// One end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) namespace: &'a str,
    pub(super) labels: Option<&'a Map<String, Value>>,
    /// Labels of the namespace, where they are known.
    pub(super) namespace_labels: Option<&'a Map<String, Value>>,
    pub(super) address: Option<Ipv4Addr>,
}

/// Where a connection goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port<'a> {
    pub(super) number: i64,
    pub(super) name: &'a str,
    pub(super) protocol: &'a str,
}

/// Which side of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Ingress,
    Egress,
}

/// The policy to blame if those that apply to `own` let nothing through to or from `peer`.
pub(super) fn blocking<'p>(
    policies: &[&'p Value],
    side: Side,
    own: End<'_>,
    peer: Option<End<'_>>,
    port: Port<'_>,
) -> Option<&'p Value> {
    let applying: Vec<&'p Value> = policies
        .iter()
        .copied()
        .filter(|policy| text(policy, "/metadata/namespace") == own.namespace)
        .filter(|policy| applies(policy, side))
        .filter(|policy| matches(policy.pointer("/spec/podSelector"), own.labels))
        .collect();
    let rules = |policy: &'p Value| match side {
        Side::Ingress => list(policy, "/spec/ingress"),
        Side::Egress => list(policy, "/spec/egress"),
    };
    let admitted = applying
        .iter()
        .flat_map(|policy| rules(policy))
        .any(|rule| admits(rule, side, own.namespace, peer, port));
    if admitted {
        return None;
    }
    // The policy that says most about this very workload is the one to change.
    applying.into_iter().max_by_key(|policy| {
        let chosen = policy
            .pointer("/spec/podSelector")
            .and_then(Value::as_object)
            .is_some_and(|selector| !selector.is_empty());
        (chosen, rules(policy).len())
    })
}

fn applies(policy: &Value, side: Side) -> bool {
    let types = list(policy, "/spec/policyTypes");
    let named = |name: &str| types.iter().any(|kind| kind == name);
    match side {
        Side::Ingress => types.is_empty() || named("Ingress"),
        Side::Egress => {
            named("Egress") || (types.is_empty() && policy.pointer("/spec/egress").is_some())
        }
    }
}

fn admits(rule: &Value, side: Side, own: &str, peer: Option<End<'_>>, port: Port<'_>) -> bool {
    let peers = list(rule, if side == Side::Ingress { "/from" } else { "/to" });
    let by_peer = peers.is_empty()
        || peers.iter().any(|allowed| peer.is_none_or(|peer| is_peer(allowed, own, peer)));
    let ports = list(rule, "/ports");
    by_peer && (ports.is_empty() || ports.iter().any(|allowed| is_port(allowed, port)))
}

fn is_peer(allowed: &Value, own: &str, peer: End<'_>) -> bool {
    if let Some(block) = allowed.get("ipBlock") {
        return peer.address.is_some_and(|address| {
            contains(text(block, "/cidr"), address)
                && !list(block, "/except")
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|except| contains(except, address))
        }) || (peer.address.is_none() && text(block, "/cidr") == "0.0.0.0/0");
    }
    let in_namespace = match allowed.get("namespaceSelector") {
        Some(selector) => {
            let mut labels = peer.namespace_labels.cloned().unwrap_or_default();
            // Every namespace carries its name as a label.
            labels.insert("kubernetes.io/metadata.name".to_owned(), peer.namespace.into());
            matches(Some(selector), Some(&labels))
        }
        None => peer.namespace == own,
    };
    in_namespace
        && allowed.get("podSelector").is_none_or(|selector| matches(Some(selector), peer.labels))
}

fn is_port(allowed: &Value, port: Port<'_>) -> bool {
    let protocol = text(allowed, "/protocol");
    let protocol = if protocol.is_empty() { "TCP" } else { protocol };
    let number = match allowed.get("port") {
        None => true,
        Some(Value::String(name)) => name == port.name,
        Some(_) => {
            let first = int(allowed, "/port").unwrap_or_default();
            let last = int(allowed, "/endPort").unwrap_or(first);
            (first..=last).contains(&port.number)
        }
    };
    protocol == port.protocol && number
}

/// Whether a label selector, with `matchLabels` and `matchExpressions`, selects labels. An empty one selects all.
pub(super) fn matches(selector: Option<&Value>, labels: Option<&Map<String, Value>>) -> bool {
    let Some(selector) = selector else { return true };
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let equal = map(selector, "/matchLabels")
        .into_iter()
        .flatten()
        .all(|(key, value)| label(key).is_some() && label(key) == value.as_str());
    let expressed = list(selector, "/matchExpressions").iter().all(|expression| {
        let actual = label(text(expression, "/key"));
        let among = || {
            list(expression, "/values").iter().filter_map(Value::as_str).any(|v| Some(v) == actual)
        };
        match text(expression, "/operator") {
            "In" => among(),
            "NotIn" => !among(),
            "Exists" => actual.is_some(),
            "DoesNotExist" => actual.is_none(),
            _ => false,
        }
    });
    equal && expressed
}

fn contains(cidr: &str, address: Ipv4Addr) -> bool {
    let Some((base, bits)) = cidr.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<Ipv4Addr>(), bits.parse::<u32>()) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
    u32::from(base) & mask == u32::from(address) & mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn end<'a>(namespace: &'a str, labels: &'a Value) -> End<'a> {
        End { namespace, labels: labels.as_object(), namespace_labels: None, address: None }
    }

    #[test]
    fn a_caller_is_let_in_by_namespace_label_and_port_together() {
        let policy = json!({"metadata": {"namespace": "data", "name": "db"}, "spec": {
            "podSelector": {"matchLabels": {"app": "db"}},
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
                                   "podSelector": {"matchLabels": {"app": "web"}}}],
                         "ports": [{"port": 5432}]}]}});
        let (db, web, job) = (json!({"app": "db"}), json!({"app": "web"}), json!({"app": "job"}));
        let port = |number| Port { number, name: "", protocol: "TCP" };
        let blocked = |peer, number| {
            blocking(&[&policy], Side::Ingress, end("data", &db), Some(peer), port(number))
                .is_some()
        };
        assert!(!blocked(end("shop", &web), 5432));
        assert!(blocked(end("shop", &web), 5433));
        assert!(blocked(end("shop", &job), 5432));
        assert!(blocked(end("other", &web), 5432));
        let other = json!({"app": "cache"});
        assert!(blocking(&[&policy], Side::Ingress, end("data", &other), None, port(1)).is_none());
    }

    #[test]
    fn a_policy_without_egress_rules_says_nothing_about_egress() {
        let policy = json!({"metadata": {"namespace": "a"}, "spec": {"podSelector": {}}});
        let labels = json!({});
        let port = Port { number: 53, name: "", protocol: "UDP" };
        assert!(blocking(&[&policy], Side::Egress, end("a", &labels), None, port).is_none());
        assert!(blocking(&[&policy], Side::Ingress, end("a", &labels), None, port).is_some());
    }

    #[test]
    fn address_blocks_are_masked() {
        assert!(contains("10.1.0.0/16", "10.1.9.9".parse().unwrap()));
        assert!(!contains("10.1.0.0/16", "10.2.9.9".parse().unwrap()));
        assert!(contains("0.0.0.0/0", "10.2.9.9".parse().unwrap()));
    }
}
