//! Forms that were invented without a look at the redactor, `tests/data/unseen_forms.json`: what it masks of them, and
//! what it leaves readable of texts that hold no secret. The floors below are what it reaches; they only rise.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{cluster, get, log, object};

/// Secrets masked of those in the file.
const MASKED: usize = 96;
/// Harmless texts left readable of those in the file.
const READABLE: usize = 33;

#[derive(Deserialize)]
struct Form {
    id: String,
    r#where: String,
    name: String,
    /// A text, or the words of a command.
    text: Value,
    secret: Option<String>,
    keep: Option<Vec<String>>,
}

/// What the cluster adapter hands on of a form.
async fn shown(form: &Form) -> String {
    let name = form.name.as_str();
    let container = |rest: Value| {
        let mut container = json!({"name": "main"});
        for (key, value) in rest.as_object().unwrap() {
            container[key] = value.clone();
        }
        object("Pod", "form", json!({"spec": {"containers": [container]}}))
    };
    let (kind, holder) = match form.r#where.as_str() {
        "configmap" => {
            ("ConfigMap", object("ConfigMap", "form", json!({"data": {name: form.text}})))
        }
        "command" => ("Pod", container(json!({"command": form.text}))),
        "env" => ("Pod", container(json!({"env": [{"name": name, "value": form.text}]}))),
        "annotation" => (
            "ConfigMap",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
                "name": "form", "namespace": "shop", "annotations": {name: form.text}}}),
        ),
        "event" => (
            "Event",
            object(
                "Event",
                "form",
                json!({"reason": "Failed", "message": form.text,
                "involvedObject": {"kind": "Pod", "name": "cart-0", "namespace": "shop"}}),
            ),
        ),
        "log" => return log(&cluster(&[], form.text.as_str().unwrap())).await,
        other => panic!("{}: nothing is at {other}", form.id),
    };
    let object = get(&cluster(&[holder], ""), kind, "form").await;
    let mut texts = Vec::new();
    gather(&object, &mut texts);
    texts.join("\n")
}

fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| gather(value, texts)),
        Value::Object(map) => map.values().for_each(|value| gather(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn unseen_forms_are_masked_and_harmless_ones_are_not() {
    let forms: Vec<Form> = serde_json::from_str(include_str!("../data/unseen_forms.json")).unwrap();
    let (mut told, mut unreadable) = (Vec::new(), Vec::new());
    let (mut secrets, mut harmless) = (0, 0);
    for form in &forms {
        let shown = shown(form).await;
        if let Some(secret) = &form.secret {
            secrets += 1;
            if shown.contains(secret.as_str()) {
                told.push(format!("{} ({})", form.id, form.r#where));
            }
        }
        for kept in form.keep.iter().take(1) {
            harmless += 1;
            let lost: Vec<_> = kept.iter().filter(|word| !shown.contains(word.as_str())).collect();
            if !lost.is_empty() {
                unreadable.push(format!("{} {lost:?}", form.id));
            }
        }
    }
    let (masked, readable) = (secrets - told.len(), harmless - unreadable.len());
    println!("masked {masked} of {secrets}, readable {readable} of {harmless}");
    println!("told: {told:#?}\nunreadable: {unreadable:#?}");
    assert!(
        masked >= MASKED && readable >= READABLE,
        "told: {told:#?}, unreadable: {unreadable:#?}"
    );
}
