//! A provider node as its market, its clients and its disk see it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crash;
mod damage;
mod negotiation;
mod plane;
mod settlement;
mod store;
mod stream;
mod support;
