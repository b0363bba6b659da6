//! Putting an object: agree, cut and send, collect receipts, revise, note it in the catalogue.
//!
//! [`source`] watches the bytes come in, [`journal`] remembers what an interrupted upload needs, [`contract`]
//! finds or makes the contract, [`funded`] waits for its escrows where it is on Bitcoin, [`cut`] makes shards on a thread of its own, [`send`] is one slot's line,
//! [`engine`] runs them together, [`receipts`] has the providers sign, [`store`] is the way through all of it, and
//! [`guest`] the way into another's contract.

mod contract;
mod cut;
mod engine;
mod funded;
mod guest;
mod journal;
mod receipts;
mod send;
mod source;
mod store;

pub(crate) use receipts::Intent;
pub use source::Source;
pub use store::{Put, PutSlot};
