//! Auditors as DLC oracles: what they announce and attest, how their nonces are kept, and how others read it.
//!
//! In reading order:
//!
//! - [`messages`]: dlcspecs' announcements and attestations as bytes, read strictly.
//! - [`points`]: what is hashed and signed, and the point that an outcome's signature will open.
//! - [`rule`]: how several auditors come to one number, and what an event is called.
//! - [`Oracle`]: announces and attests, and remembers on disk before it shows (`keeper`, `nonces`, `book`).
//! - [`agree`]: reports and votes of several auditors, and what follows from them.
//! - [`follow`]: what a market's list of escrows asks of an oracle.
//! - [`equivocation`]: proof that an oracle has signed two outcomes.
//! - [`serve`]: the oracle over HTTP, [`client`]: reading any oracle over HTTP, [`exchange`]: auditors that talk to each other;
//!   [`api`]: what they say.

pub mod agree;
pub mod api;
mod book;
pub mod client;
pub mod equivocation;
pub mod exchange;
pub mod follow;
mod keeper;
pub mod messages;
mod nonces;
pub mod points;
pub mod rule;
pub mod serve;

pub use book::BookError;
pub use keeper::{Announced, Oracle, OracleError, SCORE_DIGITS, digits_of, seed_of};
