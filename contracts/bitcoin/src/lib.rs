//! Contracts settled on Bitcoin, and books committed in it: `contracts`' door to chains.
//!
//! In reading order:
//!
//! - [`keys`]: a party's Bitcoin keys, all from one seed by documented paths.
//! - [`chain`]: what is asked of a chain, whichever it is.
//! - [`wallet`]: coins behind the ledger, deposits and payouts. [`cashier`]: keeps books and coins together.

pub mod cashier;
pub mod chain;
pub mod keys;
pub mod wallet;
