//! Auditors as DLC oracles: what they announce and attest, how their nonces are kept, and how others read it.
//!
//! In reading order:
//!
//! - [`messages`]: dlcspecs' announcements and attestations as bytes, read strictly.
//! - [`points`]: what is hashed and signed, and the point that an outcome's signature will open.

pub mod messages;
pub mod points;
