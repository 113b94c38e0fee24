//! `kubernetes_jq_query`: a jq filter over the objects of a kind, with hard bounds.

mod guard;
mod meter;

use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jaq_core::load::{
    Arena, File, Lexer, Loader, Parser,
    parse::{Def, Term},
};
use jaq_core::{Compiler, Ctx, Vars};
use jaq_json::Val;
use leadsman_ports::cluster::{Cluster, ListQuery};
use leadsman_ports::tool::ToolError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::args::{API_GROUP, Field, Holds, KIND, NAMESPACE, invalid, typed};
use super::{BYTE_CAP, Definition, fetch};
use meter::{FROM_JSON, Meter, Metered, Shared};

/// Longest filter in bytes.
const MAX_FILTER: usize = 2000;
/// Pages of objects that a filter sees.
const PAGES: usize = 10;
/// Results that are shown unless the caller says otherwise.
const DEFAULT_LIMIT: u32 = 100;
/// Results that are shown beside a count.
const PREVIEW: usize = 10;
/// Longest evaluation.
const TIME: Duration = Duration::from_secs(5);
/// Values and filters are walked by recursion; their depth is bounded, this is room for it.
const STACK: usize = 64 * 1024 * 1024;
/// The name under which the caller's filter is compiled.
const MAIN: &str = "__main";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    kind: String,
    jq_expr: String,
    namespace: Option<String>,
    api_group: Option<String>,
    count: Option<bool>,
    limit: Option<u32>,
}

pub(super) fn definition() -> Definition {
    Definition {
        name: "kubernetes_jq_query",
        description: "jq over the list of all objects of a kind, e.g. .items[] | select(.spec.replicas == 0) | .metadata.name. count=true counts the results.",
        fields: const {
            &[
                KIND,
                Field::required("jq_expr", "Input: {\"items\": [...]}"),
                NAMESPACE,
                API_GROUP,
                Field::optional("count", "Count, and show the first 10", Holds::Flag),
                Field::optional("limit", "Default 100", Holds::Number(1000)),
            ]
        },
        run: |cluster, arguments| Box::pin(run(cluster, arguments)),
    }
}

/// Stops the evaluation when the call is dropped.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn run(cluster: &dyn Cluster, arguments: Value) -> Result<String, ToolError> {
    let args: Args = typed(arguments)?;
    if args.jq_expr.len() > MAX_FILTER {
        return Err(invalid("jq_expr", format!("is longer than {MAX_FILTER} bytes; simplify it")));
    }
    let resource = fetch::resolve(cluster, &args.kind, args.api_group.as_deref()).await?;
    let namespace = args.namespace.filter(|_| resource.namespaced);
    let query = ListQuery { namespace, ..ListQuery::default() };
    let (objects, more) =
        fetch::pages(cluster, &resource, query, PAGES).await.map_err(fetch::failed)?;
    let seen = objects.len();
    let list = json!({
        "apiVersion": resource.api_version(), "kind": format!("{}List", resource.kind),
        "items": objects,
    });
    let stopped = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stopped));
    let wanted = Wanted {
        count: args.count.unwrap_or(false),
        limit: args.limit.unwrap_or(DEFAULT_LIMIT) as usize,
    };
    let filter = args.jq_expr;
    let work = move || {
        on_large_stack(|| {
            evaluate(&filter, list, wanted, &Meter::new(Instant::now() + TIME, stopped))
        })
    };
    let answer = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| ToolError::Failed("the jq evaluation broke off".to_owned()))?;
    let mut output = answer.map_err(|problem| invalid("jq_expr", problem))?;
    if more {
        let _ = writeln!(output, "[only the first {seen} objects were read; name a namespace]");
    }
    Ok(output)
}

#[derive(Clone, Copy)]
struct Wanted {
    count: bool,
    limit: usize,
}

fn on_large_stack<F>(work: F) -> Result<String, String>
where
    F: FnOnce() -> Result<String, String> + Send,
{
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("jq".to_owned()).stack_size(STACK);
        let evaluation = thread
            .spawn_scoped(scope, work)
            .map_err(|error| format!("could not be evaluated: {error}"))?;
        evaluation.join().unwrap_or_else(|_| Err("broke the evaluation; simplify it".to_owned()))
    })
}

/// The results as text, or why there are none.
fn evaluate(filter: &str, list: Value, wanted: Wanted, meter: &Meter) -> Result<String, String> {
    let arena = Arena::default();
    let main = Def { name: MAIN, args: Vec::new(), body: guard::guarded(parsed(filter)?)? };
    let definitions =
        jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).map(|library| {
            let library: Def<&str> = library;
            library
        });
    let program = File { code: MAIN, path: () };
    let modules = Loader::new(definitions.chain([main]))
        .load(&arena, program)
        .map_err(|_| "could not be loaded".to_owned())?;
    let library = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let functions = library.filter(|function| function.0 != FROM_JSON).chain(meter::functions());
    let compiled = Compiler::default().with_funs(functions).compile(modules).map_err(undefined)?;
    let input: Val = serde_json::from_value(list)
        .map_err(|error| format!("cannot read the objects: {error}"))?;
    let context = Ctx::<Metered>::new(Shared { lut: &compiled.lut, meter }, Vars::new([]));
    let results = compiled.id.run((context, input));
    let mut shown = Shown::new(wanted);
    for result in results {
        if let Err(why) = meter.step() {
            return Err(format!("was stopped because {why}; simplify it"));
        }
        match result.map_err(|end| end.get_err()) {
            Ok(value) => {
                if !shown.take(&value) {
                    break;
                }
            }
            Err(Ok(error)) => return shown.failed(&short(&error.to_string())),
            Err(Err(_)) => {
                let why = meter.spent().unwrap_or("it ended itself");
                return Err(format!("was stopped because {why}; simplify it"));
            }
        }
    }
    Ok(shown.finish())
}

fn parsed(filter: &str) -> Result<Term<&str>, String> {
    let tokens = Lexer::new(filter).lex().map_err(|errors| {
        let at = errors.first().map_or("", |error| error.1);
        format!("does not parse near {:?}", excerpt(at))
    })?;
    Parser::new(&tokens).parse(|parser| parser.term()).map_err(|errors| match errors.first() {
        Some((expected, Some(found))) => {
            format!("does not parse: {} expected near {:?}", expected.as_str(), found.as_str())
        }
        Some((expected, None)) => {
            format!("does not parse: {} expected at the end", expected.as_str())
        }
        None => "does not parse".to_owned(),
    })
}

fn undefined<P>(errors: jaq_core::compile::Errors<&str, P>) -> String {
    let unknown = errors
        .iter()
        .flat_map(|(_, errors)| errors)
        .map(|(name, kind)| format!("{} {name}", kind.as_str()))
        .collect::<Vec<_>>();
    format!("uses an undefined {}", unknown.join(", "))
}

fn excerpt(text: &str) -> String {
    text.chars().take(30).collect()
}

fn short(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The results so far, one a line.
struct Shown {
    wanted: Wanted,
    text: Bounded,
    lines: usize,
    count: usize,
    cut: bool,
}

impl Shown {
    fn new(wanted: Wanted) -> Self {
        let text = Bounded { text: String::new(), room: BYTE_CAP - 1024 };
        Self { wanted, text, lines: 0, count: 0, cut: false }
    }

    /// Whether further results are of use.
    fn take(&mut self, value: &Val) -> bool {
        let most = if self.wanted.count { PREVIEW } else { self.wanted.limit };
        if self.lines == most || self.cut {
            self.count += 1;
            return self.wanted.count;
        }
        self.count += 1;
        let start = self.text.text.len();
        if writeln!(self.text, "{value}").is_err() {
            self.text.text.truncate(start);
            self.cut = true;
        } else {
            self.lines += 1;
        }
        true
    }

    /// An error in the middle does not take back what came before.
    fn failed(self, error: &str) -> Result<String, String> {
        if self.count == 0 {
            return Err(format!("fails: {error}"));
        }
        let mut output = self.finish();
        let _ = writeln!(output, "[then the filter failed: {error}]");
        Ok(output)
    }

    fn finish(self) -> String {
        let mut output = String::new();
        if self.wanted.count {
            let _ = writeln!(output, "count: {}", self.count);
        } else if self.count == 0 {
            output.push_str("No results.\n");
        }
        output.push_str(&self.text.text);
        if self.cut {
            let _ = writeln!(output, "[{} results shown; the rest is too long]", self.lines);
        } else if self.lines < self.count {
            let _ = writeln!(output, "[the first {} results shown, more exist]", self.lines);
        }
        output
    }
}

/// Text that does not grow past its room, however large a value is once written out.
struct Bounded {
    text: String,
    room: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.room = self.room.checked_sub(text.len()).ok_or(fmt::Error)?;
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::{Meter, Wanted, evaluate};

    fn endless(time: Duration, stopped: bool) -> String {
        let meter = Meter::new(Instant::now() + time, Arc::new(AtomicBool::new(stopped)));
        let wanted = Wanted { count: true, limit: 1 };
        evaluate("repeat(1)", json!({"items": []}), wanted, &meter).unwrap_err()
    }

    #[test]
    fn an_evaluation_ends_with_its_call_and_with_its_time() {
        let hour = Duration::from_secs(3600);
        assert_eq!(endless(hour, true), "was stopped because it was cancelled; simplify it");
        assert_eq!(
            endless(Duration::ZERO, false),
            "was stopped because it takes too long; simplify it"
        );
        assert_eq!(
            endless(hour, false),
            "was stopped because it takes too many steps; simplify it"
        );
    }
}
