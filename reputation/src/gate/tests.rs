//! The gate, condition by condition.
