//! leadsman-store
