//! The kinds that every Kubernetes cluster serves (1.33 to 1.37), in the API server's own order of groups.

use super::kinds::{KindOrigin, ResourceKind};

/// Kind, plural, short names.
type Row = (&'static str, &'static str, &'static [&'static str]);

/// Kinds of one group and version.
struct Group {
    group: &'static str,
    version: &'static str,
    namespaced: &'static [Row],
    cluster: &'static [Row],
}

/// What `kubectl get all` shows.
const ALL: [&str; 10] = [
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "horizontalpodautoscalers",
    "cronjobs",
    "jobs",
];

/// What `kubectl get api-extensions` shows.
const API_EXTENSIONS: [&str; 6] = [
    "apiservices",
    "customresourcedefinitions",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
];

const GROUPS: &[Group] = &[
    Group {
        group: "",
        version: "v1",
        namespaced: &[
            ("ConfigMap", "configmaps", &["cm"]),
            ("Endpoints", "endpoints", &["ep"]),
            ("Event", "events", &["ev"]),
            ("LimitRange", "limitranges", &["limits"]),
            ("PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"]),
            ("Pod", "pods", &["po"]),
            ("PodTemplate", "podtemplates", &[]),
            ("ReplicationController", "replicationcontrollers", &["rc"]),
            ("ResourceQuota", "resourcequotas", &["quota"]),
            ("Secret", "secrets", &[]),
            ("Service", "services", &["svc"]),
            ("ServiceAccount", "serviceaccounts", &["sa"]),
        ],
        cluster: &[
            ("ComponentStatus", "componentstatuses", &["cs"]),
            ("Namespace", "namespaces", &["ns"]),
            ("Node", "nodes", &["no"]),
            ("PersistentVolume", "persistentvolumes", &["pv"]),
        ],
    },
    Group {
        group: "apiregistration.k8s.io",
        version: "v1",
        namespaced: &[],
        cluster: &[("APIService", "apiservices", &[])],
    },
    Group {
        group: "apps",
        version: "v1",
        namespaced: &[
            ("ControllerRevision", "controllerrevisions", &[]),
            ("DaemonSet", "daemonsets", &["ds"]),
            ("Deployment", "deployments", &["deploy"]),
            ("ReplicaSet", "replicasets", &["rs"]),
            ("StatefulSet", "statefulsets", &["sts"]),
        ],
        cluster: &[],
    },
    Group {
        group: "events.k8s.io",
        version: "v1",
        namespaced: &[("Event", "events", &["ev"])],
        cluster: &[],
    },
    Group {
        group: "autoscaling",
        version: "v2",
        namespaced: &[("HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"])],
        cluster: &[],
    },
    Group {
        group: "batch",
        version: "v1",
        namespaced: &[("CronJob", "cronjobs", &["cj"]), ("Job", "jobs", &[])],
        cluster: &[],
    },
    Group {
        group: "certificates.k8s.io",
        version: "v1",
        namespaced: &[],
        cluster: &[("CertificateSigningRequest", "certificatesigningrequests", &["csr"])],
    },
    Group {
        group: "networking.k8s.io",
        version: "v1",
        namespaced: &[
            ("Ingress", "ingresses", &["ing"]),
            ("NetworkPolicy", "networkpolicies", &["netpol"]),
        ],
        cluster: &[
            ("IngressClass", "ingressclasses", &[]),
            ("IPAddress", "ipaddresses", &["ip"]),
            ("ServiceCIDR", "servicecidrs", &[]),
        ],
    },
    Group {
        group: "policy",
        version: "v1",
        namespaced: &[("PodDisruptionBudget", "poddisruptionbudgets", &["pdb"])],
        cluster: &[],
    },
    Group {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        namespaced: &[("Role", "roles", &[]), ("RoleBinding", "rolebindings", &[])],
        cluster: &[
            ("ClusterRole", "clusterroles", &[]),
            ("ClusterRoleBinding", "clusterrolebindings", &[]),
        ],
    },
    Group {
        group: "storage.k8s.io",
        version: "v1",
        namespaced: &[("CSIStorageCapacity", "csistoragecapacities", &[])],
        cluster: &[
            ("CSIDriver", "csidrivers", &[]),
            ("CSINode", "csinodes", &[]),
            ("StorageClass", "storageclasses", &["sc"]),
            ("VolumeAttachment", "volumeattachments", &[]),
            ("VolumeAttributesClass", "volumeattributesclasses", &["vac"]),
        ],
    },
    Group {
        group: "admissionregistration.k8s.io",
        version: "v1",
        namespaced: &[],
        cluster: &[
            ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", &[]),
            ("ValidatingAdmissionPolicy", "validatingadmissionpolicies", &[]),
            ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", &[]),
            ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", &[]),
        ],
    },
    Group {
        group: "apiextensions.k8s.io",
        version: "v1",
        namespaced: &[],
        cluster: &[("CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"])],
    },
    Group {
        group: "scheduling.k8s.io",
        version: "v1",
        namespaced: &[],
        cluster: &[("PriorityClass", "priorityclasses", &["pc"])],
    },
    Group {
        group: "coordination.k8s.io",
        version: "v1",
        namespaced: &[("Lease", "leases", &[])],
        cluster: &[],
    },
    Group {
        group: "node.k8s.io",
        version: "v1",
        namespaced: &[],
        cluster: &[("RuntimeClass", "runtimeclasses", &[])],
    },
    Group {
        group: "discovery.k8s.io",
        version: "v1",
        namespaced: &[("EndpointSlice", "endpointslices", &[])],
        cluster: &[],
    },
    Group {
        group: "flowcontrol.apiserver.k8s.io",
        version: "v1",
        namespaced: &[],
        cluster: &[
            ("FlowSchema", "flowschemas", &[]),
            ("PriorityLevelConfiguration", "prioritylevelconfigurations", &[]),
        ],
    },
    Group {
        group: "resource.k8s.io",
        version: "v1",
        namespaced: &[
            ("ResourceClaim", "resourceclaims", &[]),
            ("ResourceClaimTemplate", "resourceclaimtemplates", &[]),
        ],
        cluster: &[("DeviceClass", "deviceclasses", &[]), ("ResourceSlice", "resourceslices", &[])],
    },
    Group {
        group: METRICS_GROUP,
        version: "v1beta1",
        namespaced: &[("PodMetrics", "pods", &[])],
        cluster: &[("NodeMetrics", "nodes", &[])],
    },
];

/// Served only where a metrics server is installed.
pub(super) const METRICS_GROUP: &str = "metrics.k8s.io";

/// Every built-in kind. The metrics API is among them; a cluster without metrics does not serve it.
pub(super) fn builtin_kinds() -> Vec<ResourceKind> {
    let mut kinds = Vec::new();
    for group in GROUPS {
        let namespaced = group.namespaced.iter().map(|row| (row, true));
        for (row, namespaced) in namespaced.chain(group.cluster.iter().map(|row| (row, false))) {
            kinds.push(builtin(group, row, namespaced));
        }
    }
    kinds
}

fn builtin(group: &Group, (kind, plural, short_names): &Row, namespaced: bool) -> ResourceKind {
    let is_metrics = group.group == METRICS_GROUP;
    let category = if is_metrics {
        None
    } else if ALL.contains(plural) {
        Some("all")
    } else {
        API_EXTENSIONS.contains(plural).then_some("api-extensions")
    };
    ResourceKind {
        group: group.group.to_owned(),
        version: group.version.to_owned(),
        kind: (*kind).to_owned(),
        plural: (*plural).to_owned(),
        singular: if is_metrics { String::new() } else { kind.to_lowercase() },
        short_names: short_names.iter().map(|name| (*name).to_owned()).collect(),
        categories: category.map(str::to_owned).into_iter().collect(),
        namespaced,
        origin: KindOrigin::BuiltIn,
        columns: Vec::new(),
        selectable_fields: Vec::new(),
    }
}
