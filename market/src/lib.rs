//! The market as one deterministic state machine.
//!
//! [`Market`] ([`state`]) holds the whole economic state and is the only thing that changes it.
//! [`decide`](Market::decide) judges a [`Command`] and changes nothing; what it allows is a list of
//! [`Event`]s, which [`apply`](Market::apply) turns into the next state and cannot refuse;
//! [`due`](Market::due) says what time alone makes happen. [`quote`] finds a price and the providers for a
//! request; [`docket`] keeps what may still be disputed; [`unfunded`] bounds what is reserved and not paid for; [`parts`] cuts the state for snapshots; [`effect`] says what an event asks of the outside world; [`check()`] verifies every invariant.
//!
//! Pure: time and seeds are arguments, so a replay of the same events gives the same state to the bit.

mod apply;
pub mod check;
pub mod command;
mod decide;
pub mod docket;
mod due;
pub mod effect;
pub mod escrows;
pub mod event;
pub mod genesis;
pub mod parts;
mod placement;
pub mod quote;
pub mod rejection;
mod reviews;
mod roster;
pub mod schedule;
mod shared;
pub mod sharing;
pub mod state;
mod tally;
pub mod unfunded;

pub use check::check;
pub use command::Command;
pub use due::Due;
pub use effect::Effect;
pub use event::Event;
pub use genesis::Genesis;
pub use placement::Page;
pub use quote::{Asked, CounterAnswers, Negotiation};
pub use rejection::Rejection;
pub use shared::Shared;
pub use state::{Market, Offer};
pub use unfunded::UnfundedRules;
