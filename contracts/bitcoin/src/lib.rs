//! Contracts settled on Bitcoin, and books committed in it: `contracts`' door to chains.
//!
//! In reading order:
//!
//! - [`keys`]: a party's Bitcoin keys, all from one seed by documented paths.
//! - [`chain`]: what is asked of a chain, whichever it is.
//! - [`anchor`]: journals and files committed in a chain, and proofs of it.
//! - [`beacon`]: a chain's blocks as public randomness.

pub mod anchor;
pub mod beacon;
pub mod chain;
pub mod keys;
