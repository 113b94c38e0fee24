//! What extensions know of the target, where the cluster has them: the GitOps controllers that deliver it (Argo CD, Flux)
//! and cert-manager, which gets its certificates.

use std::collections::BTreeSet;

use leadsman_ports::cluster::ObjectRef;
use serde_json::Value;

use super::collect::Collector;
use super::graph::{Graph, Scope};
use super::objects::{Objects, api_version};
use super::view::{Key, condition, list, map, text};

/// At most so many objects of extensions are read one by one.
const MAX_GETS: usize = 12;

/// The kinds that deliver workloads from Git.
pub(super) const DELIVERERS: [&str; 3] = ["Application", "Kustomization", "HelmRelease"];
/// The kinds that those take their manifests from.
pub(super) const SOURCES: [&str; 5] =
    ["GitRepository", "OCIRepository", "HelmRepository", "HelmChart", "Bucket"];
/// What cert-manager asks an issuer with, nearest to the Certificate first.
pub(super) const REQUESTS: [&str; 3] = ["CertificateRequest", "Order", "Challenge"];

fn group(kind: &str) -> &'static str {
    api_version(kind).split('/').next().unwrap_or_default()
}

/// Labels by which Flux marks what it applies: kind, name, namespace.
const FLUX: [(&str, &str, &str); 2] = [
    ("Kustomization", "kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace"),
    ("HelmRelease", "helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/namespace"),
];

/// What delivers an object, by its marks. An Application's namespace is not among them, so it is empty.
fn deliverers(object: &Value) -> Vec<Key> {
    let mark = |part: &str, name: &str| {
        map(object, part).and_then(|marks| marks.get(name)).and_then(Value::as_str)
    };
    let label = |name: &str| mark("/metadata/labels", name);
    let mut found: Vec<Key> = FLUX
        .iter()
        .filter_map(|(kind, name, namespace)| Some(Key::new(kind, label(namespace)?, label(name)?)))
        .collect();
    let tracked = mark("/metadata/annotations", "argocd.argoproj.io/tracking-id")
        .and_then(|id| id.split(':').next());
    let instance = tracked
        .or_else(|| label("argocd.argoproj.io/instance"))
        .or_else(|| label("app.kubernetes.io/instance"));
    // With applications in any namespace, the mark is `namespace_name`.
    let name = instance.map(|name| name.rsplit_once('_').map_or(name, |(_, name)| name));
    found.extend(name.map(|name| Key::new("Application", "", name)));
    found
}

/// The deliverers of an object that are known.
pub(super) fn known_deliverers(objects: &Objects, key: &Key) -> Vec<Key> {
    let Some(object) = objects.get(key) else { return Vec::new() };
    deliverers(object)
        .into_iter()
        .filter_map(|mark| {
            let named = |object: &&Value| {
                text(object, "/metadata/name") == mark.name
                    && (mark.namespace.is_empty()
                        || text(object, "/metadata/namespace") == mark.namespace)
            };
            objects.kind(&mark.kind).find(named).map(Key::of)
        })
        .collect()
}

/// What a deliverer takes its manifests from, and what it waits for.
pub(super) fn upstream_of(deliverer: &Value) -> Vec<Key> {
    let own = text(deliverer, "/metadata/namespace");
    let kind = text(deliverer, "/kind");
    let named = |reference: &Value, kind: &str| {
        let namespace = match text(reference, "/namespace") {
            "" => own,
            namespace => namespace,
        };
        Some(Key::new(kind, namespace, text(reference, "/name"))).filter(|key| !key.name.is_empty())
    };
    let sources = ["/spec/sourceRef", "/spec/chart/spec/sourceRef", "/spec/chartRef"]
        .iter()
        .filter_map(|pointer| deliverer.pointer(pointer))
        .filter_map(|reference| named(reference, text(reference, "/kind")));
    let awaited = list(deliverer, "/spec/dependsOn").iter().filter_map(|other| named(other, kind));
    sources.chain(awaited).collect()
}

/// The objects that an Argo CD Application finds different from Git.
pub(super) fn out_of_sync(application: &Value) -> impl Iterator<Item = ObjectRef> + use<'_> {
    list(application, "/status/resources")
        .iter()
        .filter(|resource| text(resource, "/status") == "OutOfSync")
        .map(|resource| {
            let (group, version) = (text(resource, "/group"), text(resource, "/version"));
            ObjectRef {
                api_version: if group.is_empty() {
                    version.to_owned()
                } else {
                    format!("{group}/{version}")
                },
                kind: text(resource, "/kind").to_owned(),
                namespace: text(resource, "/namespace").to_owned(),
                name: text(resource, "/name").to_owned(),
            }
        })
}

/// The namespace that a deliverer applies to, beside its own.
pub(super) fn destination(deliverer: &Value) -> Option<String> {
    ["/spec/destination/namespace", "/spec/targetNamespace"]
        .iter()
        .map(|pointer| text(deliverer, pointer))
        .find(|namespace| !namespace.is_empty())
        .map(str::to_owned)
}

/// Reads what delivers the target's workloads, what that takes its manifests from, and what it finds changed.
pub(super) async fn read_delivery(collector: &mut Collector<'_>, own: &[Key], target: &Key) {
    let marks: BTreeSet<Key> = own
        .iter()
        .chain([target])
        .filter_map(|key| collector.objects.get(key))
        .flat_map(deliverers)
        .collect();
    for mark in marks.into_iter().take(MAX_GETS) {
        if !collector.serves(&mark.kind, group(&mark.kind)).await {
            continue;
        }
        if mark.namespace.is_empty() {
            let name = format!("metadata.name={}", mark.name);
            collector.list(&mark.kind, None, Some(name)).await;
        } else {
            let reference = collector.objects.reference(&mark);
            collector.get(&reference).await;
        }
    }
    let known = |collector: &Collector<'_>| -> Vec<Value> {
        DELIVERERS.iter().flat_map(|kind| collector.objects.kind(kind)).cloned().collect()
    };
    let upstream: BTreeSet<Key> = known(collector).iter().flat_map(upstream_of).collect();
    for key in upstream.into_iter().take(MAX_GETS) {
        let reference = collector.objects.reference(&key);
        collector.get(&reference).await;
    }
    let changed: Vec<ObjectRef> =
        known(collector).iter().flat_map(|app| out_of_sync(app).collect::<Vec<_>>()).collect();
    for reference in changed.into_iter().take(MAX_GETS) {
        collector.get(&reference).await;
    }
}

/// Reads the Certificates behind the target's Ingresses, and where one is not ready, what its issuer says.
pub(super) async fn read_certificates(collector: &mut Collector<'_>, graph: &Graph, target: &Key) {
    let near_tls: BTreeSet<String> = collector
        .objects
        .kind("Ingress")
        .filter(|ingress| !list(ingress, "/spec/tls").is_empty())
        .map(Key::of)
        .filter(|key| graph.scope(key) != Scope::Elsewhere)
        .map(|key| key.namespace)
        .collect();
    let asked = matches!(target.kind.as_str(), "Certificate" | "Issuer" | "Secret")
        .then(|| target.namespace.clone());
    let namespaces: BTreeSet<String> = near_tls.into_iter().chain(asked).collect();
    if namespaces.is_empty() || !collector.serves("Certificate", group("Certificate")).await {
        return;
    }
    for namespace in &namespaces {
        collector.list("Certificate", Some(namespace), None).await;
    }
    let waiting: Vec<Value> =
        collector.objects.kind("Certificate").filter(|c| !is_ready(c)).cloned().collect();
    if waiting.is_empty() {
        return;
    }
    for namespace in &namespaces {
        for kind in REQUESTS {
            if collector.serves(kind, group(kind)).await {
                collector.list(kind, Some(namespace), None).await;
            }
        }
    }
    let issuers: BTreeSet<Key> = waiting.iter().map(issuer_of).collect();
    for issuer in issuers.into_iter().take(MAX_GETS) {
        let reference = collector.objects.reference(&issuer);
        collector.get(&reference).await;
    }
    collector.objects.settle();
}

/// Whether an object says that it is ready.
pub(super) fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|ready| text(ready, "/status") == "True")
}

/// What a Certificate is asked of.
pub(super) fn issuer_of(certificate: &Value) -> Key {
    let name = text(certificate, "/spec/issuerRef/name");
    match text(certificate, "/spec/issuerRef/kind") {
        "ClusterIssuer" => Key::new("ClusterIssuer", "", name),
        _ => Key::new("Issuer", text(certificate, "/metadata/namespace"), name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_of_argo_and_flux_are_read() {
        let object = json!({"metadata": {
            "annotations": {"argocd.argoproj.io/tracking-id": "team-a_shop:apps/Deployment:shop/cart"},
            "labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}});
        assert_eq!(
            deliverers(&object),
            [Key::new("Kustomization", "flux-system", "apps"), Key::new("Application", "", "shop")]
        );
        assert_eq!(deliverers(&json!({"metadata": {}})), []);
    }

    #[test]
    fn a_kustomization_leads_to_its_source_and_to_what_it_waits_for() {
        let object = json!({"kind": "Kustomization", "metadata": {"namespace": "flux-system"}, "spec": {
            "sourceRef": {"kind": "GitRepository", "name": "fleet"}, "dependsOn": [{"name": "infra"}]}});
        assert_eq!(
            upstream_of(&object),
            [
                Key::new("GitRepository", "flux-system", "fleet"),
                Key::new("Kustomization", "flux-system", "infra")
            ]
        );
    }
}
