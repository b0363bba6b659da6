//! The running market, over its own API: what is durable, what a contract's life is, what is refused.
#![cfg(test)]

mod agreements;
mod altered;
mod authorisation;
mod common;
mod crash;
mod damage;
mod disputes;
mod durability;
mod epochs;
mod escrows;
mod events;
mod evidence;
mod figures;
mod guests;
mod judged;
mod keeping;
mod life;
mod lists;
mod negotiation;
mod openapi;
mod refusals;
mod starts;
mod tampering;
mod vetting;
