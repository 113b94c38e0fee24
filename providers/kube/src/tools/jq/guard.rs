//! Rewrites a parsed filter so that it cannot run away.
//!
//! The interpreter can only be stopped between two results, and a filter can loop or grow for ever before
//! the first one. So every leaf of the syntax tree gets a step that counts, and every place that builds a
//! value gets a check of its size; both end the evaluation in a way that `try` cannot catch. Functions that
//! read the environment or grow inside the standard library are refused by name.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

/// Identity that counts.
pub(super) const STEP: &str = "__step";
/// Identity that counts and measures its input.
pub(super) const CHECK: &str = "__check";
/// Identity that refuses text, because text times a number is as long as one likes.
pub(super) const FACTOR: &str = "__factor";

/// Functions that a filter may not call.
const REFUSED: &[&str] = &[
    STEP,
    CHECK,
    FACTOR,
    "env",
    "halt",
    "halt_error",
    "input",
    "inputs",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "now",
    "localtime",
    "strflocaltime",
    "combinations",
    "transpose",
];

type Ast<'s> = Term<&'s str>;
type Guarded<'s> = Result<Ast<'s>, String>;

/// The filter with its steps and checks, or what it may not contain.
pub(super) fn guarded(term: Ast<'_>) -> Guarded<'_> {
    Ok(match term {
        Term::Id => call(STEP),
        Term::Recurse => pipe(Term::Recurse, call(STEP)),
        Term::Num(_) | Term::Var(_) | Term::Break(_) => stepped(term),
        Term::Str(format, parts) => text(format, parts)?,
        Term::Arr(inner) => checked(Term::Arr(inner.map(|inner| boxed(*inner)).transpose()?)),
        Term::Obj(entries) => {
            let entries = entries.into_iter().map(|(key, value)| match value {
                Some(value) => Ok((unless_literal(key)?, Some(guarded(value)?))),
                None => Ok((key, None)),
            });
            checked(Term::Obj(entries.collect::<Result<_, String>>()?))
        }
        Term::Neg(inner) => Term::Neg(boxed(*inner)?),
        Term::BinOp(left, operator, right) => operation(*left, operator, *right)?,
        Term::Label(name, inner) => Term::Label(name, boxed(*inner)?),
        Term::Fold(name, over, pattern, parts) => {
            Term::Fold(name, boxed(*over)?, destructured(pattern)?, all(parts)?)
        }
        Term::TryCatch(inner, catch) => {
            Term::TryCatch(boxed(*inner)?, catch.map(|catch| boxed(*catch)).transpose()?)
        }
        Term::IfThenElse(branches, otherwise) => {
            let branches =
                branches.into_iter().map(|(test, then)| Ok((guarded(test)?, guarded(then)?)));
            Term::IfThenElse(
                branches.collect::<Result<_, String>>()?,
                otherwise.map(|otherwise| boxed(*otherwise)).transpose()?,
            )
        }
        Term::Def(..) => return Err("def is not supported; write the filter out".to_owned()),
        Term::Call(name, _) if REFUSED.contains(&name) => {
            return Err(format!("{name} is not available"));
        }
        Term::Call(name, arguments) => checked(Term::Call(name, all(arguments)?)),
        Term::Path(from, path) => Term::Path(boxed(*from)?, parts(path)?),
    })
}

fn call(name: &'static str) -> Ast<'static> {
    Term::Call(name, Vec::new())
}

fn pipe<'s>(left: Ast<'s>, right: Ast<'s>) -> Ast<'s> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn stepped(term: Ast<'_>) -> Ast<'_> {
    pipe(call(STEP), term)
}

fn checked(term: Ast<'_>) -> Ast<'_> {
    pipe(stepped(term), call(CHECK))
}

fn boxed(term: Ast<'_>) -> Result<Box<Ast<'_>>, String> {
    guarded(term).map(Box::new)
}

fn all(terms: Vec<Ast<'_>>) -> Result<Vec<Ast<'_>>, String> {
    terms.into_iter().map(guarded).collect()
}

/// Keys stay what they are, so that `.name` and `{name: 1}` stay cheap.
fn unless_literal(term: Ast<'_>) -> Guarded<'_> {
    match term {
        Term::Num(_) | Term::Var(_) => Ok(term),
        Term::Str(_, ref parts) if !interpolates(parts) => Ok(term),
        other => guarded(other),
    }
}

fn interpolates(parts: &[StrPart<&str, Ast<'_>>]) -> bool {
    parts.iter().any(|part| matches!(part, StrPart::Term(_)))
}

fn text<'s>(format: Option<&'s str>, parts: Vec<StrPart<&'s str, Ast<'s>>>) -> Guarded<'s> {
    let grows = interpolates(&parts);
    let parts = parts.into_iter().map(|part| match part {
        StrPart::Term(term) => guarded(term).map(StrPart::Term),
        other => Ok(other),
    });
    let text = Term::Str(format, parts.collect::<Result<_, String>>()?);
    Ok(if grows { checked(text) } else { stepped(text) })
}

fn operation<'s>(left: Ast<'s>, operator: BinaryOp<&'s str>, right: Ast<'s>) -> Guarded<'s> {
    let (left, right) = (guarded(left)?, guarded(right)?);
    let joined = |left, operator, right| Term::BinOp(Box::new(left), operator, Box::new(right));
    Ok(match operator {
        BinaryOp::Math(Math::Mul) => {
            let (left, right) = (pipe(left, call(FACTOR)), pipe(right, call(FACTOR)));
            checked(joined(left, operator, right))
        }
        BinaryOp::UpdateMath(Math::Mul) => {
            return Err("*= is not supported; write .a |= . * 2".to_owned());
        }
        BinaryOp::Pipe(Some(pattern)) => {
            joined(left, BinaryOp::Pipe(Some(destructured(pattern)?)), right)
        }
        BinaryOp::Math(_)
        | BinaryOp::Assign
        | BinaryOp::Update
        | BinaryOp::UpdateMath(_)
        | BinaryOp::UpdateAlt => checked(joined(left, operator, right)),
        BinaryOp::Pipe(None)
        | BinaryOp::Comma
        | BinaryOp::Alt
        | BinaryOp::Or
        | BinaryOp::And
        | BinaryOp::Cmp(_) => joined(left, operator, right),
    })
}

fn destructured(pattern: Pattern<&str>) -> Result<Pattern<&str>, String> {
    Ok(match pattern {
        Pattern::Var(_) => pattern,
        Pattern::Arr(inner) => {
            Pattern::Arr(inner.into_iter().map(destructured).collect::<Result<_, _>>()?)
        }
        Pattern::Obj(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, inner)| Ok((unless_literal(key)?, destructured(inner)?)));
            Pattern::Obj(entries.collect::<Result<_, String>>()?)
        }
    })
}

fn parts<'s>(path: Path<Ast<'s>>) -> Result<Path<Ast<'s>>, String> {
    let bound = |bound: Option<Ast<'s>>| bound.map(unless_literal).transpose();
    let parts = path.0.into_iter().map(|(part, optional)| {
        let part = match part {
            Part::Index(index) => Part::Index(unless_literal(index)?),
            Part::Range(from, to) => Part::Range(bound(from)?, bound(to)?),
        };
        Ok((part, optional))
    });
    parts.collect::<Result<_, String>>().map(Path)
}
