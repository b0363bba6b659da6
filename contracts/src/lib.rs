//! What a promise is worth: terms, lifecycles, audits, payouts, penalties, bonds and the ledger that keeps the money.
//!
//! Reading order: [`terms`] says which promises are sensible; [`contract`] is one, with [`lifecycle`] as its
//! two tables of states and [`amendment`] as what may change of it; [`ledger`] keeps the money and [`rail`] moves it;
//! [`audit_plan`] and [`beacon`] say what is asked each epoch, [`evidence`] what an answer shows, [`compliance`] what it
//! is worth and [`payout`] what that earns; [`maintenance`] says which silence costs nothing, [`penalty`] prices what was
//! broken and [`bond`] what must be at stake; [`outcome`] is a slot's whole term in one number; [`fixed`] is their arithmetic.
//!
//! Pure: no clock, no randomness, no input or output.

pub mod amendment;
pub mod audit_plan;
pub mod beacon;
pub mod bond;
pub mod compliance;
pub mod contract;
pub mod evidence;
pub mod fixed;
pub mod ledger;
pub mod lifecycle;
pub mod maintenance;
pub mod outcome;
pub mod payout;
pub mod penalty;
pub mod rail;
pub mod terms;

pub use amendment::{Agreed, AmendedSlot, Amendment};
pub use contract::{Cause, Contract, Fault, Slot};
pub use ledger::{Account, Ledger, LedgerError, Posting};
pub use lifecycle::{ContractState, ContractStep, SlotState, SlotStep};
