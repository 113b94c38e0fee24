//! What `log.level` lets through.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// Reads a level, or directives. Stricter than tracing, which takes a misspelt level for the name of a module
/// and then shows nothing else.
///
/// # Errors
/// What is wrong and what would be right.
pub fn log_filter(level: &str) -> Result<EnvFilter, String> {
    const FIX: &str =
        "write off, error, warn, info, debug or trace, or directives such as leadsman=debug,warn";
    for directive in level.split(',') {
        let directive = directive.trim();
        let after_target = directive.rfind('=').filter(|at| !directive[*at..].contains(['}', ']']));
        let word = match after_target {
            Some(at) => &directive[at + 1..],
            // A directive for spans may leave its level out.
            None if directive.contains('[') => continue,
            None => directive,
        };
        if word.is_empty() || word.parse::<LevelFilter>().is_err() {
            return Err(format!("{word:?} is no level; {FIX}"));
        }
    }
    // async-openai logs bodies of answers that it cannot decode; they may hold cluster data.
    EnvFilter::try_new(format!("{level},async_openai=off"))
        .map_err(|error| format!("{error}; {FIX}"))
}
