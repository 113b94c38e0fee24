//! leadsman-server
