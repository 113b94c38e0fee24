//! The engine: journal events, the sans-IO run that decides, the driver that performs.

pub mod budget;
pub mod driver;
pub mod events;
pub mod evidence;
pub mod hypotheses;
pub mod incident;
pub mod journal;
pub mod prompts;
pub mod run;
pub mod tools;
pub mod untrusted;
pub mod verdict;
