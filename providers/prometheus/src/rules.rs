//! Alerting and recording rules, those that fire first.

use leadsman_ports::tool::ToolError;
use serde_json::Value;

use crate::args::{Args, Field};
use crate::http::{self, Server};
use crate::series::name;
use crate::{Definition, listed};

/// Rules that are shown.
const RULES: usize = 100;
/// Active alerts that are shown of one rule.
const ALERTS: usize = 5;

pub(crate) fn definition() -> Definition {
    Definition {
        name: "list_prometheus_rules",
        description: "Alerting and recording rules with state, health and active alerts, firing first.",
        fields: const { &[Field::optional("name", "Only rules whose name contains this")] },
        run: |server, args| Box::pin(run(server, args)),
    }
}

async fn run(server: &Server, args: Args) -> Result<String, ToolError> {
    let answer = server.get(&["rules"], &[], "name").await?;
    let wanted = args.get("name").unwrap_or_default().to_lowercase();
    let groups = answer.data["groups"].as_array().into_iter().flatten();
    let mut rules: Vec<(u8, String)> = groups
        .flat_map(|group| group["rules"].as_array().into_iter().flatten())
        .filter(|rule| text(rule, "name").to_lowercase().contains(&wanted))
        .map(|rule| (urgency(rule), line(rule)))
        .collect();
    rules.sort();
    let lines: Vec<String> = rules.into_iter().map(|(_, line)| line).collect();
    let text = if lines.is_empty() {
        "No rules.\n".to_owned()
    } else {
        listed(&lines, RULES, "rules", "give a part of the name")
    };
    Ok(answer.warnings + &text)
}

fn text<'r>(rule: &'r Value, field: &str) -> &'r str {
    rule[field].as_str().unwrap_or_default()
}

fn urgency(rule: &Value) -> u8 {
    match (text(rule, "state"), text(rule, "health")) {
        ("firing", _) => 0,
        (_, "err") => 1,
        ("pending", _) => 2,
        (_, _) => 3,
    }
}

fn line(rule: &Value) -> String {
    let mut line = format!("{} {}", text(rule, "type"), text(rule, "name"));
    for field in ["state", "health"] {
        // Good health is the rule.
        if !matches!(text(rule, field), "" | "ok") {
            line.push_str(&format!(" {field}={}", text(rule, field)));
        }
    }
    line.push_str(&format!(": {}", http::short(text(rule, "query"))));
    if !text(rule, "lastError").is_empty() {
        line.push_str(&format!("\n  error: {}", http::short(text(rule, "lastError"))));
    }
    let alerts = rule["alerts"].as_array().map(Vec::as_slice).unwrap_or_default();
    for alert in alerts.iter().take(ALERTS) {
        line.push_str(&format!(
            "\n  {} since {} {} = {}",
            text(alert, "state"),
            text(alert, "activeAt"),
            http::short(&name(&alert["labels"])),
            text(alert, "value")
        ));
    }
    if alerts.len() > ALERTS {
        line.push_str(&format!("\n  [{} more alerts]", alerts.len() - ALERTS));
    }
    line
}
