//! Ingresses that lead nowhere.

use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::objects::Presence;
use crate::triage::view::{Key, int, list, text};

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    n.objects
        .kind("Ingress")
        .flat_map(|ingress| {
            [
                without_backend(n, ingress),
                without_class(n, ingress),
                without_certificate(n, ingress),
            ]
        })
        .flatten()
        .collect()
}

/// The backends of an Ingress.
pub(super) fn backends(ingress: &Value) -> impl Iterator<Item = &Value> {
    list(ingress, "/spec/rules")
        .iter()
        .flat_map(|rule| list(rule, "/http/paths"))
        .filter_map(|path| path.pointer("/backend/service"))
        .chain(ingress.pointer("/spec/defaultBackend/service"))
}

fn without_backend(n: &Neighbourhood, ingress: &Value) -> Option<Draft> {
    let key = Key::of(ingress);
    let (backend, why) = backends(ingress).find_map(|backend| {
        let service = Key::new("Service", &key.namespace, text(backend, "/name"));
        if n.objects.presence(&service) == Presence::Absent {
            return Some((backend, format!("Service {} does not exist", service.name)));
        }
        let ports = list(n.objects.get(&service)?, "/spec/ports");
        let (number, name) = (int(backend, "/port/number"), text(backend, "/port/name"));
        let served = ports.iter().any(|port| match number {
            Some(_) => int(port, "/port") == number,
            None => text(port, "/name") == name,
        });
        let asked = number.map_or_else(|| name.to_owned(), |number| number.to_string());
        (!served && !ports.is_empty())
            .then(|| (backend, format!("Service {} has no port {asked}", service.name)))
    })?;
    let summary = format!("Ingress {} leads nowhere: {why}.", key.name);
    Some(
        Draft::new(
            CauseCode::IngressBackendMissing,
            n.objects.reference(&key),
            key.clone(),
            summary,
        )
        .chain([
            format!("Ingress {} names Service {}", key.name, text(backend, "/name")),
            why,
            "Its controller answers 503 or 404".to_owned(),
        ])
        .confidence(0.94)
        .part(&key, Some(backend)),
    )
}

fn without_class(n: &Neighbourhood, ingress: &Value) -> Option<Draft> {
    let key = Key::of(ingress);
    let class = text(ingress, "/spec/ingressClassName");
    if class.is_empty()
        || !n.objects.is_complete("IngressClass", "")
        || n.objects.get(&Key::new("IngressClass", "", class)).is_some()
    {
        return None;
    }
    let summary = format!(
        "No controller takes up Ingress {}: IngressClass {class} does not exist.",
        key.name
    );
    Some(
        Draft::new(CauseCode::IngressClassMissing, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("Ingress {} names IngressClass {class}", key.name),
                "No such IngressClass exists".to_owned(),
                "No controller serves its hosts".to_owned(),
            ])
            .confidence(0.92)
            .words(&key, &format!("ingressClassName: {class}")),
    )
}

fn without_certificate(n: &Neighbourhood, ingress: &Value) -> Option<Draft> {
    let key = Key::of(ingress);
    let missing = list(ingress, "/spec/tls")
        .iter()
        .map(|tls| text(tls, "/secretName"))
        .filter(|name| !name.is_empty())
        .find(|name| {
            n.objects.presence(&Key::new("Secret", &key.namespace, name)) == Presence::Absent
        })?;
    let summary =
        format!("Ingress {} names the TLS Secret {missing}, which does not exist.", key.name);
    Some(
        Draft::new(CauseCode::TlsSecretMissing, n.objects.reference(&key), key.clone(), summary)
            .chain([
                format!("Ingress {} names Secret {missing} in spec.tls", key.name),
                format!("Secret {missing} does not exist"),
                "Its controller serves a default certificate or none".to_owned(),
            ])
            .confidence(0.93)
            .words(&key, &format!("secretName: {missing}")),
    )
}
