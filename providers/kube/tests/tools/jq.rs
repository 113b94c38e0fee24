//! jq over a snapshot: what it answers, and that it cannot run away.

use proptest::prelude::*;
use serde_json::json;

use crate::support::{answer, call};

async fn jq(filter: &str) -> String {
    let arguments = json!({"kind": "pods", "jq_expr": filter});
    match call("kubernetes_jq_query", arguments).await {
        Ok(answer) => answer,
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn filters_see_a_list_of_redacted_objects() {
    for (filter, answer) in [
        (".items | length", "1\n"),
        (".kind, .apiVersion", "\"PodList\"\n\"v1\"\n"),
        (
            ".items[] | {name: .metadata.name, n: (.spec.containers | length)}",
            "{\"name\":\"cart-6d5f-abcde\",\"n\":2}\n",
        ),
        (".items[].metadata | select(.name | test(\"^cart\")) | .namespace", "\"shop\"\n"),
        ("[.items[].spec.containers[].name] | sort | join(\",\")", "\"app,proxy\"\n"),
        ("[.items[] | .status.containerStatuses[].restartCount] | add", "7\n"),
        ("\"[1,{\\\"a\\\":2}]\" | fromjson | .[1].a, (\"12\" | tonumber)", "2\n12\n"),
        ("first(range(10; 20)), [limit(3; repeat(1))], (2 * 3)", "10\n[1,1,1]\n6\n"),
        (
            "{a: [1, 2]} | del(.a[0]) | .a |= map(. + 1), to_entries",
            "{\"a\":[3]}\n[{\"key\":\"a\",\"value\":[2]}]\n",
        ),
        ("reduce .items[0].spec.containers[] as {name: $n} (\"\"; . + $n)", "\"appproxy\"\n"),
        ("try error(\"no\") catch .", "\"no\"\n"),
        ("label $out | 1, break $out, 2", "1\n"),
        ("if .items == [] then 0 else -1 end", "-1\n"),
        (".items[] | select(false)", "No results.\n"),
        ("[paths] | length > 10", "true\n"),
        ("1, error(\"later\")", "1\n[then the filter failed: \"later\"]\n"),
    ] {
        assert_eq!(jq(filter).await, answer, "{filter}");
    }
}

#[tokio::test]
async fn counts_come_with_a_preview() {
    let arguments = json!({"kind": "pods", "jq_expr": "range(25)", "count": "true"});
    let counted = answer("kubernetes_jq_query", arguments).await;
    assert!(
        counted.starts_with("count: 25\n0\n") && counted.contains("[the first 10 results"),
        "{counted}"
    );
    let arguments = json!({"kind": "pods", "jq_expr": "range(25)", "limit": 3});
    assert_eq!(
        answer("kubernetes_jq_query", arguments).await,
        "0\n1\n2\n[the first 3 results shown, more exist]\n"
    );
}

#[tokio::test]
async fn mistakes_are_explained() {
    for (filter, problem) in [
        (".items[", "does not parse"),
        (".items | lenght", "uses an undefined"),
        ("$ENV.HOME", "uses an undefined"),
        ("env", "env is not available"),
        ("now", "now is not available"),
        ("def f: f; f", "def is not supported"),
        (".items | error(\"x\")", "fails: \"x\""),
        (".items + 1", "fails: cannot calculate"),
    ] {
        let answer = jq(filter).await;
        assert!(
            answer.starts_with("invalid argument jq_expr: ") && answer.contains(problem),
            "{filter} -> {answer}"
        );
    }
    let long = jq(&".".repeat(3000)).await;
    assert!(long.contains("longer than 2000 bytes"), "{long}");
}

#[tokio::test]
async fn filters_that_run_away_are_stopped() {
    let filters = [
        "[range(1e18)]",
        "last(repeat(1))",
        "[repeat(try error(1) catch .)]",
        "until(false; .)",
        "[recurse(.)]",
        "\"x\" * 1e12",
        "reduce range(100) as $i (\"x\"; . + .)",
        "reduce range(100) as $i ([1]; [., .]) | tojson",
        "reduce range(1e6) as $i (1; [.])",
        "reduce range(100) as $i (10; . * .)",
        "[.items[] | 1000000000] | transpose",
        "[range(1e6)] | combinations",
        "reduce range(100) as $i (\"x\"; \"\\(.)\\(.)\")",
        "isempty(range(1e18) | select(false))",
        "1 as $x | [limit(1e18; repeat($x))]",
    ];
    let answers = futures::future::join_all(filters.iter().map(|filter| jq(filter))).await;
    for (filter, answer) in filters.iter().zip(answers) {
        assert!(answer.starts_with("invalid argument jq_expr: "), "{filter} -> {answer:.200}");
    }
    let nested = format!("{}1{}", "[".repeat(900), "]".repeat(900));
    assert!(jq(&nested).await.contains("nested too deeply"));
    let piped = vec!["."; 900].join("|") + "|.kind";
    assert_eq!(jq(&piped).await, "\"PodList\"\n");
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let text = jq("range(1000) | tostring * 0, ([range(500)] | tostring)").await;
    assert!(text.len() <= 64 * 1024, "{}", text.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_filter_ends(filter in "(\\.|items|\\[\\]|\\||,|\\(|\\)|\\.\\.|length|map|select|1|\"a\"|\\+|\\?|as \\$x){0,14}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let text = runtime.block_on(jq(&filter));
        prop_assert!(!text.is_empty());
    }
}
