//! Audit: events made from the journal's end, and the pipeline that carries them to the sink.

mod event;
mod pipeline;

pub use event::event_of;
pub use pipeline::AuditPipeline;
