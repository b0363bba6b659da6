//! Contracts settled on Bitcoin, and books committed in it: `contracts`' door to chains.
//!
//! In reading order:
//!
//! - [`keys`]: a party's Bitcoin keys, all from one seed by documented paths.
//! - [`chain`]: what is asked of a chain, whichever it is.
//! - [`wallet`]: coins behind the ledger, deposits and payouts.

pub mod chain;
pub mod keys;
pub mod wallet;
