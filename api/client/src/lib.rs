//! leadsman-client
