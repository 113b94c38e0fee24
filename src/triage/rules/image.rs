//! Images that cannot be pulled, told apart by what the registry or the runtime answered.

use crate::triage::causes::CauseCode;
use crate::triage::draft::Draft;
use crate::triage::neighbourhood::Neighbourhood;
use crate::triage::pod::{Container, Pod};
use crate::triage::view::{Event, list, shorten};

use super::symptom;

const WAITING: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];

/// What registries, containerd, CRI-O and dockerd answer. The first entry that matches decides: a refusal may also say
/// "not found", but not the other way round.
const ANSWERS: [(CauseCode, &[&str]); 6] = [
    (CauseCode::ImageRateLimited, &["toomanyrequests", "too many requests", "rate limit"]),
    (
        CauseCode::ImageInvalidReference,
        &[
            "invalid reference format",
            "couldn't parse image",
            "invalidimagename",
            "must be lowercase",
        ],
    ),
    (
        CauseCode::ImagePullUnauthorized,
        &[
            "unauthorized",
            "401",
            "403 forbidden",
            "denied",
            "authentication required",
            "authorization failed",
            "no basic auth credentials",
        ],
    ),
    (CauseCode::ImagePlatformMismatch, &["no match for platform", "no matching manifest for"]),
    (
        CauseCode::ImageRegistryUnreachable,
        &[
            "no such host",
            "i/o timeout",
            "connection refused",
            "no route to host",
            "x509:",
            "tls handshake",
            "deadline exceeded",
            "server gave http response",
            "server misbehaving",
            "502 bad gateway",
            "503 service unavailable",
            "request canceled",
        ],
    ),
    (
        CauseCode::ImageNotFound,
        &[
            "not found",
            "manifest unknown",
            "name unknown",
            "notfound",
            "repository does not exist",
            "404",
        ],
    ),
];

pub(super) fn rule(n: &Neighbourhood) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for pod in n.pods().filter(|pod| !pod.ended()) {
        for container in pod.containers() {
            if container.waiting().is_some_and(|(reason, _)| WAITING.contains(&reason)) {
                drafts.push(draft(n, pod, &container));
            }
        }
    }
    drafts
}

fn draft(n: &Neighbourhood, pod: Pod<'_>, container: &Container<'_>) -> Draft {
    let (reason, message) = container.waiting().unwrap_or_default();
    let image = container.image();
    let key = pod.key();
    let event = n.objects.events_of(&key).find(|event| is_answer(event, container)).cloned();
    let told = event.as_ref().map_or("", |event| event.message.as_str());
    let (cause, answer) = match reason {
        "InvalidImageName" => (CauseCode::ImageInvalidReference, message),
        "ErrImageNeverPull" => (CauseCode::ImageNeverPulled, message),
        _ => [told, message]
            .iter()
            .find_map(|answer| Some((classify(answer, image)?, *answer)))
            .unwrap_or((CauseCode::ImagePullFailed, message)),
    };
    let mut confidence = match cause {
        CauseCode::ImagePullFailed => 0.6,
        CauseCode::ImagePullUnauthorized if told.contains("repository does not exist") => 0.75,
        _ => 0.95,
    };
    // A registry that hides what it does not show answers the same for a wrong name; without any credentials both are open.
    let anonymous = list(pod.0, "/spec/imagePullSecrets").is_empty();
    if cause == CauseCode::ImagePullUnauthorized && !anonymous {
        confidence = 0.92_f64.max(confidence);
    }
    let summary = format!(
        "Image {image} of container {} cannot be pulled: {}.",
        container.name,
        brief(answer)
    );
    let mut draft = Draft::new(cause, n.fix_target(pod), key.clone(), summary)
        .chain([
            format!("Container {} is to run image {image}", container.name),
            format!("The pull fails: {}", brief(answer)),
            symptom(pod, container),
        ])
        .confidence(confidence)
        .at(event.as_ref().and_then(|event| event.last))
        .part(&key, container.status.pointer("/state/waiting"))
        .event(event.as_ref())
        .words(&key, &format!("image: {image}"));
    if cause == CauseCode::ImagePullUnauthorized && anonymous {
        draft =
            draft.step("The pod names no imagePullSecrets; add one for this registry.".to_owned());
    }
    draft
}

fn is_answer(event: &Event, container: &Container<'_>) -> bool {
    matches!(event.reason.as_str(), "Failed" | "InspectFailed" | "ErrImageNeverPull")
        && event.container.as_deref().is_none_or(|name| name == container.name)
        && event.message.contains(container.image())
}

/// The cause that an answer names. The image's own name is taken out first: it may contain any word.
fn classify(answer: &str, image: &str) -> Option<CauseCode> {
    let path = image.split(['@']).next().unwrap_or(image);
    let answer = answer.replace(path, " ").to_lowercase();
    ANSWERS
        .iter()
        .find(|(_, words)| words.iter().any(|word| answer.contains(word)))
        .map(|(cause, _)| *cause)
}

/// The end of an answer says most.
fn brief(answer: &str) -> String {
    if answer.is_empty() {
        return "the registry's answer is no longer on record".to_owned();
    }
    let answer = answer.rsplit("desc = ").next().unwrap_or(answer);
    shorten(answer.trim_end_matches('.'), 220)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_registries_and_runtimes_are_told_apart() {
        for (answer, cause) in [
            (
                "rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/library/nginx:9\": \
                 failed to resolve reference \"docker.io/library/nginx:9\": docker.io/library/nginx:9: not found",
                CauseCode::ImageNotFound,
            ),
            (
                "Error response from daemon: manifest for x:1 not found: manifest unknown",
                CauseCode::ImageNotFound,
            ),
            (
                "failed to resolve reference \"r.io/a/b:1\": failed to authorize: failed to fetch oauth token: \
                 unexpected status from GET request to https://r.io/token: 401 Unauthorized",
                CauseCode::ImagePullUnauthorized,
            ),
            (
                "pull access denied, repository does not exist or may require authorization: server message: \
                 insufficient_scope: authorization failed",
                CauseCode::ImagePullUnauthorized,
            ),
            ("toomanyrequests: You have reached your pull rate limit", CauseCode::ImageRateLimited),
            (
                "dial tcp: lookup registry.corp on 10.0.0.10:53: no such host",
                CauseCode::ImageRegistryUnreachable,
            ),
            ("no match for platform in manifest: not found", CauseCode::ImagePlatformMismatch),
            (
                "couldn't parse image name \"A B\": invalid reference format",
                CauseCode::ImageInvalidReference,
            ),
        ] {
            assert_eq!(classify(answer, "nginx:9"), Some(cause), "{answer}");
        }
        assert_eq!(classify("Back-off pulling image \"denied/app:1\"", "denied/app:1"), None);
    }
}
