//! Whole runs over clusters in memory.
