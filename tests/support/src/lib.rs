//! leadsman-testkit
