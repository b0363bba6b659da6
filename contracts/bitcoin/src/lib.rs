//! Contracts settled on Bitcoin, and books committed in it: `contracts`' door to chains.
//!
//! In reading order:
//!
//! - [`keys`]: a party's Bitcoin keys, all from one seed by documented paths.
//! - [`chain`]: what is asked of a chain, whichever it is.
//! - [`wallet`]: coins behind the ledger, deposits and payouts. [`cashier`]: keeps books and coins together.
//! - [`escrow`]: one slot's money: the output that client and provider fund together, and every way out of it.
//! - [`outcome`]: payouts by the auditors' attestation, signed beforehand.
//! - [`deal`]: one contract from its offer to its last payout, between client, providers and the chain. [`treasurer`]: keeps one
//!   party's coins and all its deals, and goes on with them whatever happens.
//! - [`oracle`]: auditors as DLC oracles: messages, nonces, agreement, service and client.
//! - [`anchor`]: journals and files committed in a chain, and proofs of it. [`beacon`]: its blocks as public randomness.

pub mod anchor;
pub mod beacon;
pub mod cashier;
pub mod chain;
pub mod deal;
pub mod escrow;
pub mod keys;
pub mod oracle;
pub mod outcome;
pub mod treasurer;
pub mod wallet;
