//! Label selectors: `app=cart,tier in (web,api),!canary,weight>3`.

use serde_json::Value;

use crate::simulator::status::ApiError;

/// All requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::simulator) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    /// An absent label is in no set.
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Parses a selector; the empty one selects everything.
    pub(in crate::simulator) fn parse(text: &str) -> Result<Self, ApiError> {
        let mut parser = Parser { tokens: tokenize(text), next: 0 };
        parser.selector().map(Self).map_err(|problem| {
            ApiError::bad_request(format!("unable to parse requirement: {problem}"))
        })
    }

    pub(in crate::simulator) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::simulator) fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        self.0.iter().all(|requirement| {
            let value = labels.and_then(|labels| labels.get(&requirement.key)?.as_str());
            requirement.test.holds(value)
        })
    }
}

impl Test {
    fn holds(&self, label: Option<&str>) -> bool {
        let contains = |values: &[String], label: &str| values.iter().any(|value| value == label);
        let number = || label.and_then(|label| label.parse::<i64>().ok());
        match self {
            Self::Exists => label.is_some(),
            Self::Absent => label.is_none(),
            Self::In(values) => label.is_some_and(|label| contains(values, label)),
            Self::NotIn(values) => label.is_none_or(|label| !contains(values, label)),
            Self::Above(bound) => number().is_some_and(|number| number > *bound),
            Self::Below(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ",", "(", ")", ">", "<"];

fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = rest.get(symbol.len()..).unwrap_or_default();
        } else {
            let ends = |c: char| c.is_whitespace() || "=!,()><".contains(c);
            let end = rest.find(ends).unwrap_or(rest.len()).max(first.len_utf8());
            let (word, tail) = rest.split_at(end);
            tokens.push(Token::Word(word.to_owned()));
            rest = tail;
        }
        rest = rest.trim_start();
    }
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn accept(&mut self, symbol: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Symbol(symbol));
        self.next += usize::from(found);
        found
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        while self.peek().is_some() {
            requirements.push(self.requirement()?);
            if self.peek().is_some() && !self.accept(",") {
                return Err(self.complain("',' or the end"));
            }
            if self.peek().is_none() && self.tokens.last() == Some(&Token::Symbol(",")) {
                return Err(self.complain("a label after ','"));
            }
        }
        Ok(requirements)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = self.accept("!");
        let key = self.word("a label")?;
        check_key(&key)?;
        if negated {
            return Ok(Requirement { key, test: Test::Absent });
        }
        let test = match self.peek() {
            None | Some(Token::Symbol(",")) => return Ok(Requirement { key, test: Test::Exists }),
            Some(Token::Word(word)) => match word.as_str() {
                "in" => {
                    self.next += 1;
                    Test::In(self.set()?)
                }
                "notin" => {
                    self.next += 1;
                    Test::NotIn(self.set()?)
                }
                _ => return Err(self.complain("an operator")),
            },
            Some(Token::Symbol(symbol)) => {
                let symbol = *symbol;
                self.next += 1;
                match symbol {
                    "=" | "==" => Test::In(vec![self.value()?]),
                    "!=" => Test::NotIn(vec![self.value()?]),
                    ">" => Test::Above(self.number()?),
                    "<" => Test::Below(self.number()?),
                    _ => {
                        self.next -= 1;
                        return Err(self.complain("an operator"));
                    }
                }
            }
        };
        Ok(Requirement { key, test })
    }

    fn word(&mut self, wanted: &str) -> Result<String, String> {
        if let Some(Token::Word(word)) = self.peek() {
            let word = word.clone();
            self.next += 1;
            return Ok(word);
        }
        Err(self.complain(wanted))
    }

    /// A single value; nothing at all is the empty string.
    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            None | Some(Token::Symbol("," | ")")) => Ok(String::new()),
            Some(_) => {
                let value = self.word("a value")?;
                check_value(&value)?;
                Ok(value)
            }
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let word = self.word("an integer")?;
        word.parse().map_err(|_| format!("{word:?} is not an integer"))
    }

    fn set(&mut self) -> Result<Vec<String>, String> {
        if !self.accept("(") {
            return Err(self.complain("'('"));
        }
        let mut values = vec![self.value()?];
        loop {
            match self.take() {
                Some(Token::Symbol(")")) => return Ok(values),
                Some(Token::Symbol(",")) => values.push(self.value()?),
                Some(_) | None => {
                    self.next -= 1;
                    return Err(self.complain("',' or ')'"));
                }
            }
        }
    }

    fn complain(&self, wanted: &str) -> String {
        match self.peek() {
            Some(Token::Word(found)) => format!("found '{found}', expected: {wanted}"),
            Some(Token::Symbol(found)) => format!("found '{found}', expected: {wanted}"),
            None => format!("found '', expected: {wanted}"),
        }
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(p, name)| (Some(p), name));
    let good_prefix = prefix.is_none_or(|prefix| {
        let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        !prefix.is_empty() && prefix.len() <= 253 && prefix.bytes().all(part)
    });
    if good_prefix && !name.is_empty() && is_label_text(name) {
        Ok(())
    } else {
        Err(format!(
            "key: Invalid value: {key:?}: it must be a label's name, as in app.kubernetes.io/name"
        ))
    }
}

fn check_value(value: &str) -> Result<(), String> {
    if is_label_text(value) {
        Ok(())
    } else {
        Err(format!(
            "values: Invalid value: {value:?}: at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
        ))
    }
}

fn is_label_text(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_none_or(|b| b.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::LabelSelector;

    fn selects(selector: &str) -> bool {
        let object = json!({"metadata": {"labels": {
            "app": "cart", "tier": "web", "weight": "5", "app.kubernetes.io/name": "x", "empty": ""
        }}});
        LabelSelector::parse(selector).unwrap().matches(&object)
    }

    #[test]
    fn selects_by_every_operator() {
        for selector in [
            "",
            "app",
            "app=cart",
            "app==cart",
            "app = cart , tier=web",
            "app!=shop",
            "none!=x",
            "app in (cart, shop)",
            "app notin (a,b)",
            "none notin (a)",
            "!none",
            "weight>4",
            "weight<6",
            "app.kubernetes.io/name=x",
            "empty=",
            "empty in ()",
            "in in (a),app",
        ] {
            let expected = selector != "in in (a),app";
            assert_eq!(selects(selector), expected, "{selector}");
        }
        for selector in [
            "none",
            "app=shop",
            "app!=cart",
            "app in (x)",
            "app notin (cart)",
            "!app",
            "weight>5",
            "weight<5",
            "app>1",
        ] {
            assert!(!selects(selector), "{selector}");
        }
    }

    #[test]
    fn refuses_what_kubernetes_refuses() {
        for selector in [
            "app=a b",
            "app in cart",
            "app in (cart",
            "=x",
            "app,,tier",
            "app,",
            "!",
            "app>x",
            "a/b/c",
            "-a=b",
            "app=-x",
            "app=ä",
        ] {
            assert!(LabelSelector::parse(selector).is_err(), "{selector}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = LabelSelector::parse(&text);
        }

        #[test]
        fn never_panics_on_near_selectors(text in "[a-c=!,()<> ]{0,24}") {
            let _ = LabelSelector::parse(&text);
        }
    }
}
