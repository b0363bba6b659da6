//! Reviews on hand-made records.
