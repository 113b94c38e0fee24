//! Long logs: errors first, repeats folded, bounded.

use serde_json::json;

use crate::support::{call_in, tools_on};

async fn log(text: &str, extra: serde_json::Value) -> String {
    let pod = b"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: n}, spec: {containers: [{name: c}]}}";
    let tools = tools_on(vec![
        ("pod.yaml".to_owned(), pod.to_vec()),
        ("n/a/c.log".to_owned(), text.as_bytes().to_vec()),
    ]);
    let mut arguments = json!({"pod": "a", "namespace": "n"});
    for (key, value) in extra.as_object().unwrap() {
        arguments[key] = value.clone();
    }
    call_in(&tools, "kubectl_logs", arguments).await.unwrap()
}

#[tokio::test]
async fn what_repeats_is_told_once_and_what_broke_comes_first() {
    let mut text = "boot v1\n".to_owned();
    for n in 0..400 {
        text.push_str(&format!("12:00:{:02} GET /cart/{n} 200 in {n}ms\n", n % 60));
        if n % 100 == 7 {
            text.push_str(&format!("12:00:{:02} GET /cart/{n} 500 connection refused\n", n % 60));
        }
    }
    text.push_str("exit\n");
    let folded = log(&text, json!({})).await;
    assert_eq!(
        folded,
        "errors, newest first (1 kinds):\n\
         [4x] 12:00:07 GET /cart/307 500 connection refused\n\
         log:\n\
         boot v1\n\
         12:00:00 GET /cart/0 200 in 0ms\n\
         12:00:07 GET /cart/7 500 connection refused\n\
         12:00:07 GET /cart/307 500 connection refused [last of 4 such lines]\n\
         12:00:39 GET /cart/399 200 in 399ms [last of 400 such lines]\n\
         exit\n"
    );
    assert_eq!(folded, log(&text, json!({})).await);
    let without = log(&text, json!({"exclude": "get"})).await;
    assert_eq!(without, "boot v1\nexit\n");
    let both = log(&text, json!({"grep": "cart", "exclude": " 200 ", "tail_lines": 2})).await;
    assert!(both.starts_with("[the newest 2 of 4 lines]\n") && !both.contains(" 200 "), "{both}");
}

#[tokio::test]
async fn a_log_of_nothing_but_news_is_bounded_and_keeps_the_newest() {
    let word = |n: u32| -> String {
        (0..200).map(|at| char::from(b'a' + u8::try_from((n * 7 + at * n) % 26).unwrap())).collect()
    };
    let text: String = (0..2000).map(|n| format!("{} {}\n", word(n), word(n / 26 + 1))).collect();
    let shown = log(&text, json!({"tail_lines": 2000})).await;
    assert!(shown.len() <= 64 * 1024, "{}", shown.len());
    assert!(shown.contains("[older lines left out]"), "{shown:.300}");
    let newest = text.lines().last().unwrap();
    assert!(shown.lines().last().unwrap().starts_with(newest));
}
