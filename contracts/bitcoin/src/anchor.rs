//! Anchors: a journal's head and other people's files committed in Bitcoin, and proofs of it that need nobody's word.
//!
//! In reading order: [`statement`] says what of a journal is anchored; [`files`] gathers what else is; [`commitment`] is the one
//! digest of both that an `OP_RETURN` carries; [`branch`] leads from its transaction to a block; [`headers`] are the blocks that a
//! verifier trusts; [`proof`] joins all this; [`receipt`] checks a receipt that carries one; [`trail`] and [`ots`] write and read
//! the same as `OpenTimestamps` files; [`mod@due`] says when it is time for the next anchor.
//!
//! ```text
//! statement ─sha256─▶ journal ─┐
//!                              ├─▶ commitment ─▶ OP_RETURN ─▶ txid ─▶ Merkle root ─▶ header
//! file ─sha256─▶ leaf ─▶ files ┘
//! ```
//!
//! The journal's place and the files' are apart, so that an anchor speaks of exactly one journal head, and nobody who has a file
//! anchored can slip a journal's statement in.

pub mod branch;
pub mod commitment;
pub mod due;
pub mod files;
pub mod headers;
pub mod ots;
pub mod proof;
pub mod receipt;
pub mod statement;
pub mod trail;

pub use branch::{Branch, BranchError};
pub use commitment::{Commitment, CommitmentError};
pub use due::{Books, Reason, Rule, due};
pub use files::{Files, Leaf};
pub use headers::{Headers, HeadersError};
pub use proof::{AnchorError, AnchorProof, Anchored, BlockAt, Trusted};
pub use statement::{Statement, StatementError};
