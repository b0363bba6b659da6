//! Getting an object: from any k of its slots, each shard verified, decoded in order, written as it comes.
//!
//! `client::plan` decides what to ask whom; [`fetch`] asks, [`tab`] pays, [`engine`] runs plan and fetches,
//! [`open`] is the thread that decodes and writes, [`target`] is where to, and [`get`] is the way through it.

mod engine;
mod fetch;
mod get;
mod open;
mod tab;
mod target;

pub(crate) use fetch::Seller;
pub use get::{Got, GotSlot};
pub(crate) use tab::{Tab, TabFile};
pub use target::Target;
