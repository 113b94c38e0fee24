//! Where journals live: [`SqliteStore`] keeps them in one file that survives a power cut, [`MemoryStore`]
//! for as long as the process runs.

mod memory;
mod rules;
mod sqlite;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
