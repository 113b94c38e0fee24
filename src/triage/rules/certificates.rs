//! Certificates that have expired, and those that their issuer does not give.

use jiff::SignedDuration;
use leadsman_ports::condensed::Certificate;
use serde_json::Value;

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::extensions::{REQUESTS, is_ready, issuer_of};
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::view::{Key, condition, list, map, shorten, text, time};

/// An issuer may take so long.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let waiting = n.objects.kind("Certificate").filter_map(|asked| not_issued(n, asked));
    let expired = n.objects.kind("Secret").filter_map(|secret| expired(n, secret));
    waiting.chain(expired).collect()
}

/// The Ingress that serves a Secret's certificate.
fn served_by(n: &Neighbourhood, namespace: &str, secret: &str) -> Option<Key> {
    n.objects
        .kind("Ingress")
        .filter(|ingress| text(ingress, "/metadata/namespace") == namespace)
        .find(|ingress| {
            list(ingress, "/spec/tls").iter().any(|tls| text(tls, "/secretName") == secret)
        })
        .map(Key::of)
}

/// A certificate never makes the pods behind it fail.
fn behind_fails(n: &Neighbourhood) -> bool {
    let workload = !matches!(
        n.target.kind.as_str(),
        "Ingress" | "Service" | "Secret" | "Certificate" | "Issuer" | "ClusterIssuer"
    );
    let head = n.objects.head(&Key::from(&n.target));
    workload && n.objects.pods_under(&head).any(|pod| !pod.fine())
}

fn expired(n: &Neighbourhood, secret: &Value) -> Option<Draft> {
    let key = Key::of(secret);
    let value = text(secret, "/data/tls.crt");
    let certificate: Certificate = value.parse().ok()?;
    let asked = n.objects.kind("Certificate").find(|asked| {
        text(asked, "/metadata/namespace") == key.namespace
            && text(asked, "/spec/secretName") == key.name
    });
    // Why it was not renewed is told of the Certificate.
    if certificate.not_after > n.now || asked.is_some_and(|asked| !is_ready(asked)) {
        return None;
    }
    let ingress = served_by(n, &key.namespace, &key.name);
    let names = match certificate.names.as_slice() {
        [] => String::new(),
        names => format!(" for {}", names.join(", ")),
    };
    let since = certificate.not_after;
    let summary = format!("The certificate in Secret {}{names} has expired at {since}.", key.name);
    let subject = ingress.clone().unwrap_or_else(|| key.clone());
    let draft =
        Draft::new(CauseCode::CertificateExpired, n.objects.reference(&key), subject, summary)
            .chain([
                format!("The certificate in Secret {} was valid until {since}", key.name),
                ingress.as_ref().map_or_else(String::new, |ingress| {
                    format!("Ingress {} serves it", ingress.name)
                }),
                "Clients refuse the connection".to_owned(),
            ])
            .confidence(0.95)
            .at(Some(since))
            .victim(behind_fails(n))
            .words(&key, value);
    Some(match &ingress {
        Some(ingress) => draft.words(ingress, &format!("secretName: {}", key.name)),
        None => draft,
    })
}

fn not_issued(n: &Neighbourhood, asked: &Value) -> Option<Draft> {
    if is_ready(asked) {
        return None;
    }
    let key = Key::of(asked);
    let ready = condition(asked, "Ready");
    let issuer = issuer_of(asked);
    let issuer_fails = n
        .objects
        .get(&issuer)
        .filter(|issuer| !is_ready(issuer))
        .and_then(|issuer| condition(issuer, "Ready"));
    let told = words(n, &key);
    let since = ready.and_then(|ready| time(ready, "/lastTransitionTime"));
    let patient = since.is_some_and(|since| n.now.duration_since(since) < PATIENCE);
    if issuer_fails.is_none() && told.as_ref().is_none_or(|told| !told.failed) && patient {
        return None;
    }
    let (target, why) = match (issuer_fails, &told) {
        (Some(fails), _) => (
            issuer.clone(),
            format!("{} {}: {}", issuer.kind, issuer.name, text(fails, "/message")),
        ),
        (None, Some(told)) => {
            (key.clone(), format!("{} {}: {}", told.key.kind, told.key.name, told.words))
        }
        (None, None) => (key.clone(), text(ready?, "/message").to_owned()),
    };
    let secret = text(asked, "/spec/secretName");
    let subject = served_by(n, &key.namespace, secret).unwrap_or_else(|| key.clone());
    let summary = format!("Certificate {} is not issued: {}", key.name, shorten(&why, 240));
    let mut draft =
        Draft::new(CauseCode::CertificateNotIssued, n.objects.reference(&target), subject, summary)
            .chain([
                shorten(&why, 240),
                format!("Certificate {} is not Ready", key.name),
                format!("Secret {secret} lacks a valid certificate"),
            ])
            .confidence(0.93)
            .at(since)
            .victim(behind_fails(n))
            .part(&key, ready);
    if let Some(fails) = issuer_fails {
        draft = draft.part(&issuer, Some(fails));
    }
    if let Some(told) = &told {
        draft = draft.part(&told.key, Some(&told.part));
    }
    Some(draft)
}

/// What one of the requests for a Certificate says.
struct Told {
    key: Key,
    words: String,
    part: Value,
    failed: bool,
}

/// The words nearest to the issuer: a challenge's before an order's before a request's.
fn words(n: &Neighbourhood, certificate: &Key) -> Option<Told> {
    REQUESTS.iter().rev().find_map(|kind| {
        n.objects
            .kind(kind)
            .filter(|request| text(request, "/metadata/namespace") == certificate.namespace)
            .filter(|request| belongs(n, request, certificate))
            .filter_map(|request| {
                let key = Key::of(request);
                let state = text(request, "/status/state");
                let ready = condition(request, "Ready").filter(|r| text(r, "/status") != "True");
                let (words, part) = match (text(request, "/status/reason"), ready) {
                    ("", Some(ready)) => (text(ready, "/message"), ready.clone()),
                    ("", None) => return None,
                    (reason, _) => (reason, serde_json::json!({"reason": reason})),
                };
                let failed = matches!(state, "invalid" | "errored" | "expired")
                    || ready.is_some_and(|ready| text(ready, "/reason") == "Failed");
                let created = time(request, "/metadata/creationTimestamp");
                Some((created, Told { key, words: words.to_owned(), part, failed }))
            })
            .max_by_key(|(created, _)| *created)
            .map(|(_, told)| told)
    })
}

/// Whether a request, an order or a challenge was made for a Certificate.
fn belongs(n: &Neighbourhood, request: &Value, certificate: &Key) -> bool {
    let named = map(request, "/metadata/annotations")
        .and_then(|notes| notes.get("cert-manager.io/certificate-name"))
        .is_some_and(|name| *name == certificate.name);
    named
        || n.objects.owners(&Key::of(request)).iter().any(|owner| Key::from(owner) == *certificate)
}
