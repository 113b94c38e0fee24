//! `kubectl_rollout_history`: the revisions of a workload and what changed from one to the next.

use std::fmt::Write;

use leadsman_ports::cluster::{Cluster, ListQuery, ResourceType};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::Value;
use similar::TextDiff;

use super::args::{Field, Holds, NAME, invalid, typed};
use super::{Definition, fetch};
use crate::render::fields::{age, items, number, text};
use crate::render::{table::Table, yaml};

/// Revisions whose change is shown unless the caller says otherwise.
const DEFAULT_REVISIONS: u32 = 3;
/// Pages of revision objects that are read.
const PAGES: usize = 4;
/// Lines around a change.
const CONTEXT: usize = 1;
/// Lines of one diff.
const DIFF_LINES: usize = 150;
/// The label that differs in every revision and says nothing.
const HASH_LABEL: &str = "pod-template-hash";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    kind: String,
    name: String,
    namespace: String,
    revisions: Option<u32>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubectl_rollout_history",
        description: "Revisions of a workload, newest first, with a diff of the pod template: what changed just before?",
        fields: const {
            &[
                Field::required("kind", "Deployment, StatefulSet or DaemonSet"),
                NAME,
                Field::required("namespace", "Namespace"),
                Field::optional("revisions", "Changes to show, default 3", Holds::Number(20)),
            ]
        },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

/// One version of the pod template.
struct Revision {
    number: i64,
    object: String,
    created: String,
    cause: String,
    pods: String,
    template: String,
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    let resource = fetch::resolve(cluster, &args.kind, Some("apps")).await?;
    let keeps_sets = match resource.kind.as_str() {
        "Deployment" => true,
        "StatefulSet" | "DaemonSet" => false,
        other => {
            return Err(invalid(
                "kind",
                format!("{other} has no revisions; give a Deployment, StatefulSet or DaemonSet"),
            ));
        }
    };
    let workload = fetch::object(cluster, &resource, &args.namespace, &args.name).await?;
    let (kept, read): (ResourceType, fn(&Value) -> Revision) = if keeps_sets {
        (fetch::resolve(cluster, "ReplicaSet", Some("apps")).await?, of_set)
    } else {
        (fetch::resolve(cluster, "ControllerRevision", Some("apps")).await?, of_revision)
    };
    let query = ListQuery { namespace: Some(args.namespace), ..ListQuery::default() };
    let (objects, _) = fetch::pages(cluster, &kept, query, PAGES).await.map_err(fetch::failed)?;
    let mut revisions: Vec<Revision> =
        objects.iter().filter(|object| is_owned(object, &workload)).map(read).collect();
    revisions
        .sort_by(|a, b| (b.number, &b.created, &b.object).cmp(&(a.number, &a.created, &a.object)));
    let changes = args.revisions.unwrap_or(DEFAULT_REVISIONS) as usize;
    Ok(history(cluster, &workload, &revisions, changes))
}

fn is_owned(object: &Value, owner: &Value) -> bool {
    items(object, "/metadata/ownerReferences").any(|reference| {
        text(reference, "/kind") == text(owner, "/kind")
            && text(reference, "/name") == text(owner, "/metadata/name")
            && [text(reference, "/uid"), ""].contains(&text(owner, "/metadata/uid"))
    })
}

fn of_set(set: &Value) -> Revision {
    let annotation = |name: &str| text(set, &format!("/metadata/annotations/{name}"));
    Revision {
        number: annotation("deployment.kubernetes.io~1revision").parse().unwrap_or_default(),
        object: text(set, "/metadata/name").to_owned(),
        created: text(set, "/metadata/creationTimestamp").to_owned(),
        cause: annotation("kubernetes.io~1change-cause").to_owned(),
        pods: format!("{}/{}", number(set, "/status/readyReplicas"), number(set, "/spec/replicas")),
        template: template(set, "/spec/template"),
    }
}

fn of_revision(revision: &Value) -> Revision {
    Revision {
        number: number(revision, "/revision"),
        object: text(revision, "/metadata/name").to_owned(),
        created: text(revision, "/metadata/creationTimestamp").to_owned(),
        cause: text(revision, "/metadata/annotations/kubernetes.io~1change-cause").to_owned(),
        pods: String::new(),
        template: template(revision, "/data/spec/template"),
    }
}

fn template(object: &Value, pointer: &str) -> String {
    let mut template = object.pointer(pointer).cloned().unwrap_or_default();
    if let Some(Value::Object(labels)) = template.pointer_mut("/metadata/labels") {
        labels.remove(HASH_LABEL);
    }
    yaml(&template)
}

fn history(cluster: &dyn Cluster, workload: &Value, revisions: &[Revision], most: usize) -> String {
    let now = cluster.now();
    let name = text(workload, "/metadata/name");
    if revisions.is_empty() {
        return format!("No revisions of {} {name} are kept.\n", text(workload, "/kind"));
    }
    let mut table = Table::new(&["REVISION", "OBJECT", "AGE", "READY/WANTED", "CHANGE-CAUSE"]);
    for revision in revisions {
        table.push(vec![
            revision.number.to_string(),
            revision.object.clone(),
            age(&revision.created, now),
            revision.pods.clone(),
            revision.cause.clone(),
        ]);
    }
    let mut output = table.render();
    for pair in revisions.windows(2).take(most) {
        if let [newer, older] = pair {
            let _ = writeln!(output, "changed from revision {} to {}:", older.number, newer.number);
            output.push_str(&difference(&older.template, &newer.template));
        }
    }
    if revisions.len() == 1 {
        output.push_str("No older revision to compare with.\n");
    }
    let current = template(workload, "/spec/template");
    if let Some(newest) = revisions.first()
        && newest.template != current
    {
        let _ = writeln!(output, "not rolled out yet, beside revision {}:", newest.number);
        output.push_str(&difference(&newest.template, &current));
    }
    let left = revisions.len().saturating_sub(most + 1);
    if left > 0 {
        let _ = writeln!(output, "[{left} older changes not shown; raise revisions]");
    }
    output
}

fn difference(older: &str, newer: &str) -> String {
    if older == newer {
        return "  nothing in the pod template\n".to_owned();
    }
    let diff = TextDiff::from_lines(older, newer);
    let text = diff.unified_diff().context_radius(CONTEXT).to_string();
    // The hunk's line numbers are those of our own rendering; nobody can look them up.
    let lines: Vec<&str> =
        text.lines().map(|line| if line.starts_with("@@") { "@@" } else { line }).collect();
    let mut output = String::new();
    for line in lines.iter().take(DIFF_LINES) {
        let _ = writeln!(output, "{line}");
    }
    if lines.len() > DIFF_LINES {
        let _ = writeln!(output, "[{} more lines differ]", lines.len() - DIFF_LINES);
    }
    output
}
