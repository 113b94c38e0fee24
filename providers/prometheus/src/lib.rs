//! Prometheus for Leadsman: read-only tools over its HTTP API.
//!
//! Answers are short: series and points are limited, ranges are summed up, and what was left out is said.
//! A call has one deadline, reads a bounded body, follows no redirect, and reads the token file anew, so that
//! a rotated token is used at once.

mod args;
mod catalog;
mod http;
mod options;
mod queries;
mod rules;
mod series;
mod time;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use leadsman_ports::tool::{Effect, Tool, ToolError, ToolSpec};
use serde_json::Value;

use args::{Args, Field};
use http::Server;
pub use options::{PrometheusError, PrometheusOptions};

/// The most bytes that one call answers with.
const BYTE_CAP: usize = 32 * 1024;
/// What a tool's deadline adds to that of its request.
const SLACK: Duration = Duration::from_secs(2);

/// Every tool, in a fixed order. Sends nothing yet.
///
/// # Errors
/// When the URL, a file or the timeout of the options cannot be used.
pub fn prometheus_tools(options: PrometheusOptions) -> Result<Vec<Arc<dyn Tool>>, PrometheusError> {
    let deadline = options.timeout + SLACK;
    let server = Arc::new(Server::new(options)?);
    let definitions = [
        queries::instant(),
        queries::range(),
        catalog::metric_names(),
        catalog::label_values(),
        catalog::all_labels(),
        catalog::series(),
        catalog::metadata(),
        rules::definition(),
    ];
    let tool = |definition: Definition| {
        let spec = ToolSpec {
            name: definition.name.to_owned(),
            description: definition.description.to_owned(),
            parameters: args::schema(definition.fields),
            effect: Effect::ReadOnly,
            deadline,
            byte_cap: BYTE_CAP,
        };
        let (fields, run) = (definition.fields, definition.run);
        Arc::new(PrometheusTool { spec, server: Arc::clone(&server), fields, run }) as Arc<dyn Tool>
    };
    Ok(definitions.map(tool).into())
}

type Run = for<'s> fn(&'s Server, Args) -> BoxFuture<'s, Result<String, ToolError>>;

/// What sets one tool apart from the others.
struct Definition {
    name: &'static str,
    description: &'static str,
    fields: &'static [Field],
    run: Run,
}

struct PrometheusTool {
    spec: ToolSpec,
    server: Arc<Server>,
    fields: &'static [Field],
    run: Run,
}

#[async_trait]
impl Tool for PrometheusTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value) -> Result<String, ToolError> {
        let arguments = args::check(self.fields, arguments)?;
        (self.run)(&self.server, arguments).await
    }
}

/// Lines up to the ceiling of an answer and up to `most`; says how many were left out and how to see them.
fn listed(lines: &[String], most: usize, what: &str, how: &str) -> String {
    const NOTE: usize = 300;
    let mut output = String::new();
    let mut shown = 0;
    for line in lines.iter().take(most) {
        if output.len() + line.len() + 1 > BYTE_CAP - NOTE {
            break;
        }
        output.push_str(line);
        output.push('\n');
        shown += 1;
    }
    if shown < lines.len() {
        output.push_str(&format!("[{shown} of {} {what} shown; {how}]\n", lines.len()));
    }
    output
}
