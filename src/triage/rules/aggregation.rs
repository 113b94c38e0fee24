//! Aggregated APIs whose servers are down, where that explains what is seen: autoscalers without metrics, namespaces
//! that cannot be deleted, and such an API as the target itself. Elsewhere a note must do.

use serde_json::Value;

use crate::triage::api_services::{Outage, backend, lacking, outages, undiscovered};
use crate::triage::causes::{CauseCode, Tier};
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::view::{Key, shorten, text, time};

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let outages = outages(n);
    let of_scalers = n
        .objects
        .kind("HorizontalPodAutoscaler")
        .filter_map(|scaler| of_scaler(n, scaler, &outages));
    let of_namespaces =
        n.objects.kind("Namespace").filter_map(|namespace| of_namespace(n, namespace, &outages));
    let of_target = outages.iter().filter(|outage| outage.key == Key::from(&n.target));
    of_scalers.chain(of_namespaces).chain(of_target.map(|outage| itself(n, outage))).collect()
}

/// The outage that keeps an autoscaler from its metrics.
pub(super) fn blinds(n: &Neighbourhood, scaler: &Value) -> bool {
    lacking(scaler).is_some_and(|(group, _)| outages(n).iter().any(|outage| outage.group == group))
}

fn of_scaler(n: &Neighbourhood, scaler: &Value, outages: &[Outage<'_>]) -> Option<Draft> {
    let (group, shown) = lacking(scaler)?;
    let outage = outages.iter().find(|outage| outage.group == group)?;
    let key = Key::of(scaler);
    let summary = format!(
        "{}, so HorizontalPodAutoscaler {} gets no metrics: {}.",
        is_down(outage),
        key.name,
        shorten(text(shown, "/message").trim_end_matches('.'), 200)
    );
    let symptom = format!(
        "{} {} keeps its replicas",
        text(scaler, "/spec/scaleTargetRef/kind"),
        text(scaler, "/spec/scaleTargetRef/name")
    );
    let gets = format!("HorizontalPodAutoscaler {} gets no metrics", key.name);
    Some(
        draft(n, outage, key.clone(), summary)
            .chain([is_down(outage), gets, symptom])
            .confidence(0.92)
            .at(time(shown, "/lastTransitionTime"))
            .part(&key, Some(shown)),
    )
}

fn of_namespace(n: &Neighbourhood, namespace: &Value, outages: &[Outage<'_>]) -> Option<Draft> {
    let shown = undiscovered(namespace)?;
    let message = text(shown, "/message");
    let outage = outages.iter().find(|outage| message.contains(&outage.api_version()))?;
    let key = Key::of(namespace);
    let summary = format!(
        "{}, so namespace {} cannot be deleted: {}.",
        is_down(outage),
        key.name,
        shorten(message.trim_end_matches('.'), 200)
    );
    Some(
        draft(n, outage, key.clone(), summary)
            .chain([
                is_down(outage),
                format!("What namespace {} holds of that API cannot be looked for", key.name),
                format!("Namespace {} stays in Terminating", key.name),
            ])
            .tier(Tier::Specific)
            .confidence(0.93)
            .at(time(shown, "/lastTransitionTime"))
            .part(&key, Some(shown)),
    )
}

/// A fault of the pods behind it, or of the way to them, explains it.
fn itself(n: &Neighbourhood, outage: &Outage<'_>) -> Draft {
    let behind = n.objects.get(&outage.key).and_then(backend);
    let first = behind.map_or_else(
        || "Its server does not answer".to_owned(),
        |service| format!("Service {}/{} does not answer for it", service.namespace, service.name),
    );
    draft(n, outage, outage.key.clone(), format!("{}.", is_down(outage)))
        .chain([first, is_down(outage)])
        .tier(Tier::Symptom)
        .confidence(0.85)
        .at(outage.shown.and_then(|shown| time(shown, "/lastTransitionTime")))
}

fn draft(n: &Neighbourhood, outage: &Outage<'_>, subject: Key, summary: String) -> Draft {
    let draft = Draft::new(CauseCode::ApiServiceUnavailable, outage.target(), subject, summary)
        .part(&outage.key, outage.shown);
    let object = n.objects.get(&outage.key);
    match object.and_then(backend) {
        Some(service) => draft.step(format!(
            "Look at Service {}/{} and the pods behind it.",
            service.namespace, service.name
        )),
        None => draft,
    }
}

fn is_down(outage: &Outage<'_>) -> String {
    let why = shorten(outage.why.trim_end_matches('.'), 220);
    format!("APIService {} is not available: {why}", outage.key.name)
}
