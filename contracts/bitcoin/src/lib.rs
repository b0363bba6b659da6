//! Contracts settled on Bitcoin, and books committed in it: `contracts`' door to chains.
//!
//! In reading order:
//!
//! - [`keys`]: a party's Bitcoin keys, all from one seed by documented paths.
//! - [`chain`]: what is asked of a chain, whichever it is.
//! - [`oracle`]: auditors as DLC oracles: messages, nonces, agreement, service and client.

pub mod chain;
pub mod keys;
pub mod oracle;
