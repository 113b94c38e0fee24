//! leadsman-audit
