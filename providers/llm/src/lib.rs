//! leadsman-llm
