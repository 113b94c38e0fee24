//! leadsman-contract
