//! Judges, as the scheduler does, why the nodes of a cluster do not take a pod, as far as that does not depend on the
//! other pods: selector, affinity, taints, cordons and size.

use std::collections::BTreeMap;

use leadsman_ports::quantity;
use serde_json::{Map, Value};

use super::view::{condition, flag, list, map, text};

/// Taints that the control plane sets for a state of the node.
const CORDON: &str = "node.kubernetes.io/unschedulable";
const SICK: [&str; 3] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
];
/// Taints of nodes that are not meant for workloads.
const CONTROL_PLANE: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// What a pod asks of a node.
#[derive(Debug, Clone)]
pub(super) struct Needs<'a> {
    selector: Option<&'a Map<String, Value>>,
    terms: &'a [Value],
    tolerations: &'a [Value],
    /// Cores.
    pub(super) cpu: f64,
    /// Bytes.
    pub(super) memory: f64,
}

/// What keeps a pod from every node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Obstacle {
    /// A label that no node has.
    NodeSelector(String),
    /// No node satisfies any term.
    NodeAffinity,
    /// The request exceeds every fitting node.
    TooBig { resource: &'static str, wanted: String, most: String },
    /// The taint of a node that would fit.
    Taint(String),
    /// The cordoned node that would fit.
    Cordon(String),
    /// The node that would fit if it were ready.
    Sick(String),
}

/// What the pods on some nodes have reserved: cores and bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage(BTreeMap<String, (f64, f64)>);

impl Usage {
    /// Nothing is reserved as yet on a node whose pods are known.
    pub(super) fn of_node(&mut self, node: &str) {
        self.0.entry(node.to_owned()).or_default();
    }

    /// Counts a pod that has a node and has not ended.
    pub(super) fn add(&mut self, pod: &Value) {
        let node = text(pod, "/spec/nodeName");
        let ended = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
        if let Some(spec) = pod.get("spec").filter(|_| !node.is_empty() && !ended) {
            let needs = Needs::of(spec);
            let reserved = self.0.entry(node.to_owned()).or_default();
            reserved.0 += needs.cpu;
            reserved.1 += needs.memory;
        }
    }

    /// Whether the node has room. Of a node that is open to the pod and whose pods are not known, the scheduler has said
    /// that it has not.
    fn has_room(&self, needs: &Needs<'_>, node: &Value) -> bool {
        let Some((cpu, memory)) = self.0.get(text(node, "/metadata/name")).copied() else {
            return false;
        };
        // A rounding error is no lack of room.
        let within =
            |used: f64, most: Option<f64>| most.is_none_or(|most| used <= most * (1.0 + 1e-9));
        within(cpu + needs.cpu, allocatable(node, "cpu"))
            && within(memory + needs.memory, allocatable(node, "memory"))
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// The decisive obstacle.
    Blocked(Obstacle),
    /// Some nodes pass all of this: what rejects them is free capacity or the other pods.
    Open,
    /// The nodes are not known.
    Unknown,
}

impl<'a> Needs<'a> {
    pub(super) fn of(spec: &'a Value) -> Self {
        let request = |container: &Value, resource: &str| {
            let at =
                |part: &str| text(container, &format!("/resources/{part}/{resource}")).to_owned();
            quantity::parse(&at("requests"))
                .or_else(|| quantity::parse(&at("limits")))
                .unwrap_or(0.0)
        };
        // Init containers run one after the other, before the others; sidecars run along with them.
        let total = |resource: &str| {
            let main: f64 = list(spec, "/containers").iter().map(|c| request(c, resource)).sum();
            let (mut sidecars, mut peak) = (0.0_f64, 0.0_f64);
            for init in list(spec, "/initContainers") {
                if text(init, "/restartPolicy") == "Always" {
                    sidecars += request(init, resource);
                } else {
                    peak = peak.max(sidecars + request(init, resource));
                }
            }
            let overhead =
                quantity::parse(text(spec, &format!("/overhead/{resource}"))).unwrap_or(0.0);
            (main + sidecars).max(peak) + overhead
        };
        Self {
            selector: map(spec, "/nodeSelector"),
            terms: list(
                spec,
                "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
            ),
            tolerations: list(spec, "/tolerations"),
            cpu: total("cpu"),
            memory: total("memory"),
        }
    }

    fn tolerates(&self, taint: &Value) -> bool {
        let (key, effect) = (text(taint, "/key"), text(taint, "/effect"));
        self.tolerations.iter().any(|toleration| {
            let of = text(toleration, "/key");
            let exists = text(toleration, "/operator") == "Exists";
            let same_key = of == key || (of.is_empty() && exists);
            let same_value = exists || text(toleration, "/value") == text(taint, "/value");
            let for_effect = text(toleration, "/effect");
            same_key && same_value && (for_effect.is_empty() || for_effect == effect)
        })
    }

    fn missing_label(&self, nodes: &[&Value]) -> Option<String> {
        let selector = self.selector.filter(|selector| !selector.is_empty())?;
        let has = |node: &Value, key: &str, value: &Value| {
            map(node, "/metadata/labels").and_then(|labels| labels.get(key)) == Some(value)
        };
        if nodes.iter().any(|node| selector.iter().all(|(key, value)| has(node, key, value))) {
            return None;
        }
        // Name the pair that the fewest nodes have.
        let (key, value) = selector
            .iter()
            .min_by_key(|(key, value)| nodes.iter().filter(|node| has(node, key, value)).count())?;
        Some(format!("{key}={}", value.as_str().unwrap_or_default()))
    }

    fn selects(&self, node: &Value) -> bool {
        let labels = map(node, "/metadata/labels");
        self.selector.is_none_or(|selector| {
            selector
                .iter()
                .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
        })
    }

    fn affine(&self, node: &Value) -> bool {
        self.terms.is_empty() || self.terms.iter().any(|term| satisfies(term, node))
    }
}

fn satisfies(term: &Value, node: &Value) -> bool {
    let labels = map(node, "/metadata/labels");
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let by_label = list(term, "/matchExpressions")
        .iter()
        .all(|expression| holds(expression, label(text(expression, "/key"))));
    let by_field = list(term, "/matchFields")
        .iter()
        .all(|expression| holds(expression, Some(text(node, "/metadata/name"))));
    let says_something =
        !list(term, "/matchExpressions").is_empty() || !list(term, "/matchFields").is_empty();
    says_something && by_label && by_field
}

fn holds(expression: &Value, actual: Option<&str>) -> bool {
    let values = || list(expression, "/values").iter().filter_map(Value::as_str);
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    match text(expression, "/operator") {
        "In" => actual.is_some_and(|actual| values().any(|value| value == actual)),
        "NotIn" => actual.is_none_or(|actual| values().all(|value| value != actual)),
        "Exists" => actual.is_some(),
        "DoesNotExist" => actual.is_none(),
        "Gt" => number(actual).zip(number(values().next())).is_some_and(|(a, b)| a > b),
        "Lt" => number(actual).zip(number(values().next())).is_some_and(|(a, b)| a < b),
        _ => true,
    }
}

/// Finds the decisive obstacle: the one that still blocks when those are gone that are meant to be there.
pub(super) fn judge(needs: &Needs<'_>, nodes: &[&Value], usage: Option<&Usage>) -> Verdict {
    if nodes.is_empty() {
        return Verdict::Unknown;
    }
    if let Some(pair) = needs.missing_label(nodes) {
        return Verdict::Blocked(Obstacle::NodeSelector(pair));
    }
    let meant: Vec<&Value> =
        nodes.iter().copied().filter(|node| needs.selects(node) && needs.affine(node)).collect();
    if meant.is_empty() {
        return Verdict::Blocked(Obstacle::NodeAffinity);
    }
    let workers: Vec<&Value> = meant
        .iter()
        .copied()
        .filter(|node| {
            !repelling(needs, node).any(|taint| CONTROL_PLANE.contains(&text(taint, "/key")))
        })
        .collect();
    // Where nothing but control-plane nodes fits, their taint is what blocks.
    let workers = if workers.is_empty() { meant } else { workers };
    let large: Vec<&Value> = workers.iter().copied().filter(|node| fits(needs, node)).collect();
    if large.is_empty() {
        return too_big(needs, &workers);
    }
    let mut first: BTreeMap<u8, Obstacle> = BTreeMap::new();
    let mut full = false;
    for node in &large {
        match obstacle(needs, node) {
            // Where it is known what runs on the nodes, a full one is as closed as a cordoned one.
            None if usage.is_none_or(|usage| usage.has_room(needs, node)) => return Verdict::Open,
            None => full = true,
            Some((rank, obstacle)) if usage.is_none_or(|usage| usage.has_room(needs, node)) => {
                first.entry(rank).or_insert(obstacle);
            }
            Some(_) => {}
        }
    }
    // A taint that someone chose is no fault while the nodes that are meant are merely full.
    first.retain(|rank, _| !full || *rank <= 2);
    if full && first.is_empty() {
        return Verdict::Open;
    }
    first.into_values().next().map_or(Verdict::Unknown, Verdict::Blocked)
}

fn repelling<'n>(needs: &Needs<'_>, node: &'n Value) -> impl Iterator<Item = &'n Value> {
    list(node, "/spec/taints").iter().filter(move |taint| {
        matches!(text(taint, "/effect"), "NoSchedule" | "NoExecute") && !needs.tolerates(taint)
    })
}

/// What keeps the pod from a node that is large enough. A passing state of a node is more likely the fault than a taint
/// that someone chose, so it ranks first; two at once rank last.
fn obstacle(needs: &Needs<'_>, node: &Value) -> Option<(u8, Obstacle)> {
    let name = text(node, "/metadata/name").to_owned();
    let taints: Vec<&Value> =
        repelling(needs, node).filter(|taint| text(taint, "/key") != CORDON).collect();
    let sick = taints.iter().any(|taint| SICK.contains(&text(taint, "/key")))
        || condition(node, "Ready").is_some_and(|ready| text(ready, "/status") != "True");
    let chosen = taints.iter().find(|taint| !SICK.contains(&text(taint, "/key")));
    let cordoned = flag(node, "/spec/unschedulable");
    let several = u8::from(chosen.is_some() && (cordoned || sick)) * 10;
    if let Some(taint) = chosen {
        let value = text(taint, "/value");
        let value = if value.is_empty() { String::new() } else { format!("={value}") };
        let taint = format!("{}{value}:{}", text(taint, "/key"), text(taint, "/effect"));
        Some((3 + several, Obstacle::Taint(taint)))
    } else if sick {
        Some((if cordoned { 2 } else { 1 }, Obstacle::Sick(name)))
    } else if cordoned {
        Some((0, Obstacle::Cordon(name)))
    } else {
        None
    }
}

fn allocatable(node: &Value, resource: &str) -> Option<f64> {
    quantity::parse(text(node, &format!("/status/allocatable/{resource}")))
}

fn fits(needs: &Needs<'_>, node: &Value) -> bool {
    allocatable(node, "cpu").is_none_or(|most| needs.cpu <= most)
        && allocatable(node, "memory").is_none_or(|most| needs.memory <= most)
}

fn too_big(needs: &Needs<'_>, nodes: &[&Value]) -> Verdict {
    let most = |resource: &str| {
        nodes.iter().filter_map(|node| allocatable(node, resource)).fold(0.0_f64, f64::max)
    };
    let mebi = |bytes: f64| format!("{:.0}Mi", bytes / (1024.0 * 1024.0));
    let (cpu, memory) = (most("cpu"), most("memory"));
    let obstacle = if needs.memory > memory && needs.memory * cpu.max(1e-9) >= needs.cpu * memory {
        Obstacle::TooBig { resource: "memory", wanted: mebi(needs.memory), most: mebi(memory) }
    } else {
        Obstacle::TooBig { resource: "cpu", wanted: needs.cpu.to_string(), most: cpu.to_string() }
    };
    Verdict::Blocked(obstacle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, labels: Value, taints: Value, cordoned: bool) -> Value {
        json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": taints, "unschedulable": cordoned},
            "status": {
                "allocatable": {"cpu": "4", "memory": "8Gi"},
                "conditions": [{"type": "Ready", "status": "True"}]
            }
        })
    }

    fn verdict(spec: Value, nodes: &[Value]) -> Verdict {
        judge(&Needs::of(&spec), &nodes.iter().collect::<Vec<_>>(), None)
    }

    fn cluster() -> Vec<Value> {
        vec![
            node(
                "cp",
                json!({}),
                json!([{"key": CONTROL_PLANE[0], "effect": "NoSchedule"}]),
                false,
            ),
            node("w1", json!({"zone": "a"}), json!([]), false),
            node(
                "w2",
                json!({"zone": "b"}),
                json!([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),
                false,
            ),
            node(
                "w3",
                json!({"zone": "c"}),
                json!([{"key": CORDON, "effect": "NoSchedule"}]),
                true,
            ),
        ]
    }

    #[test]
    fn the_obstacle_is_the_one_that_still_blocks() {
        let cluster = cluster();
        assert_eq!(verdict(json!({}), &cluster), Verdict::Open);
        assert_eq!(
            verdict(json!({"nodeSelector": {"disk": "ssd"}}), &cluster),
            Verdict::Blocked(Obstacle::NodeSelector("disk=ssd".into()))
        );
        assert_eq!(
            verdict(json!({"nodeSelector": {"zone": "b"}}), &cluster),
            Verdict::Blocked(Obstacle::Taint("gpu=yes:NoSchedule".into()))
        );
        assert_eq!(
            verdict(json!({"nodeSelector": {"zone": "c"}}), &cluster),
            Verdict::Blocked(Obstacle::Cordon("w3".into()))
        );
        let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["z"]}]}]}}}});
        assert_eq!(verdict(affinity, &cluster), Verdict::Blocked(Obstacle::NodeAffinity));
    }

    #[test]
    fn a_request_larger_than_every_node_decides_over_cordons() {
        let spec =
            json!({"containers": [{"resources": {"requests": {"memory": "20Gi", "cpu": "1"}}}]});
        assert_eq!(
            verdict(spec, &cluster()),
            Verdict::Blocked(Obstacle::TooBig {
                resource: "memory",
                wanted: "20480Mi".into(),
                most: "8192Mi".into()
            })
        );
    }

    #[test]
    fn a_cordoned_node_with_room_decides_where_the_open_ones_are_full() {
        let nodes =
            [node("open", json!({}), json!([]), false), node("shut", json!({}), json!([]), true)];
        let pod = |node: &str| json!({"spec": {"nodeName": node, "containers": [{"resources": {"requests": {"cpu": "3500m"}}}]}});
        let spec = json!({"containers": [{"resources": {"requests": {"cpu": "1"}}}]});
        let judged = |on: &[&str]| {
            let mut usage = Usage::default();
            ["open", "shut"].iter().for_each(|node| usage.of_node(node));
            on.iter().for_each(|node| usage.add(&pod(node)));
            judge(&Needs::of(&spec), &nodes.iter().collect::<Vec<_>>(), Some(&usage))
        };
        assert_eq!(judged(&["open"]), Verdict::Blocked(Obstacle::Cordon("shut".into())));
        assert_eq!(judged(&["open", "shut"]), Verdict::Open);
        assert_eq!(judged(&[]), Verdict::Open);

        let mut only_shut = Usage::default();
        only_shut.of_node("shut");
        let judged = judge(&Needs::of(&spec), &nodes.iter().collect::<Vec<_>>(), Some(&only_shut));
        assert_eq!(judged, Verdict::Blocked(Obstacle::Cordon("shut".into())));
    }

    #[test]
    fn requests_add_up_as_the_scheduler_adds_them() {
        let spec = json!({
            "initContainers": [
                {"restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
                {"resources": {"requests": {"cpu": "2"}}}
            ],
            "containers": [{"resources": {"requests": {"cpu": "500m"}}}, {"resources": {"limits": {"cpu": "1"}}}]
        });
        assert!((Needs::of(&spec).cpu - 2.1).abs() < 1e-9);
    }

    #[test]
    fn a_toleration_without_key_tolerates_everything() {
        let spec = json!({"nodeSelector": {"zone": "b"}, "tolerations": [{"operator": "Exists"}]});
        assert_eq!(verdict(spec, &cluster()), Verdict::Open);
    }
}
