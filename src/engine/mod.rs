//! The engine: journal events, the sans-IO run, the driver that performs its steps.

pub mod evidence;
pub mod incident;
