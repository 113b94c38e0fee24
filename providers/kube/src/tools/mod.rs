//! The Kubernetes tools: what a model may look at in a cluster.
//!
//! They work on the [`Cluster`] port, so they read a live cluster and a snapshot alike. All are read-only,
//! have a deadline and a ceiling of output, and answer the same arguments on the same cluster with the same
//! bytes. A wrong argument is answered with its name and the right form.

mod aliases;
mod args;
mod context;
mod describe;
mod events;
mod fetch;
mod find;
mod get;
mod jq;
mod list;
mod logs;
mod owners;
mod requests;
mod rollout;
mod top;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use leadsman_ports::cluster::Cluster;
use leadsman_ports::tool::{Effect, Tool, ToolError, ToolSpec};
use serde_json::Value;

pub use aliases::alias;
use args::Field;

/// The longest that one call may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The most bytes that one call answers with.
const BYTE_CAP: usize = 64 * 1024;

/// Every tool, in a fixed order.
pub fn read_only_tools(cluster: Arc<dyn Cluster>) -> Vec<Arc<dyn Tool>> {
    [
        get::by_name(),
        list::definition(),
        describe::definition(),
        events::definition(),
        logs::definition(),
        top::pods(),
        top::nodes(),
        requests::definition(),
        context::definition(),
        rollout::definition(),
        find::definition(),
        jq::definition(),
    ]
    .into_iter()
    .map(|definition| Arc::new(KubeTool::new(definition, Arc::clone(&cluster))) as Arc<dyn Tool>)
    .collect()
}

type Run = for<'c> fn(&'c dyn Cluster, Value) -> BoxFuture<'c, Result<String, ToolError>>;

/// What sets one tool apart from the others.
struct Definition {
    name: &'static str,
    description: &'static str,
    fields: &'static [Field],
    run: Run,
}

struct KubeTool {
    spec: ToolSpec,
    cluster: Arc<dyn Cluster>,
    fields: &'static [Field],
    run: Run,
}

impl KubeTool {
    fn new(definition: Definition, cluster: Arc<dyn Cluster>) -> Self {
        let spec = ToolSpec {
            name: definition.name.to_owned(),
            description: definition.description.to_owned(),
            parameters: args::schema(definition.fields),
            effect: Effect::ReadOnly,
            deadline: DEADLINE,
            byte_cap: BYTE_CAP,
        };
        Self { spec, cluster, fields: definition.fields, run: definition.run }
    }
}

#[async_trait]
impl Tool for KubeTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value) -> Result<String, ToolError> {
        let arguments = args::check(self.fields, arguments)?;
        match tokio::time::timeout(DEADLINE, (self.run)(self.cluster.as_ref(), arguments)).await {
            Ok(answer) => answer.map(bounded),
            Err(_) => Err(ToolError::Failed(format!(
                "no answer within {} seconds; ask for less: a namespace, a selector, a smaller limit",
                DEADLINE.as_secs()
            ))),
        }
    }
}

/// Cuts at the end of a line and says so.
fn bounded(mut text: String) -> String {
    const NOTE: usize = 120;
    if text.len() > BYTE_CAP {
        let total = text.len();
        let cut = text.floor_char_boundary(BYTE_CAP - NOTE);
        text.truncate(text[..cut].rfind('\n').map_or(cut, |line| line + 1));
        text.push_str(&format!(
            "[cut: {} of {total} bytes shown; ask for less at a time]\n",
            text.len()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{BYTE_CAP, bounded};

    #[test]
    fn long_answers_are_cut_at_a_line_and_say_so() {
        let text = bounded("line\n".repeat(BYTE_CAP));
        assert!(text.len() <= BYTE_CAP && text.contains("\n[cut: "), "{}", text.len());
        assert!(bounded("é".repeat(BYTE_CAP)).len() <= BYTE_CAP);
        assert_eq!(bounded("short".to_owned()), "short");
    }
}
