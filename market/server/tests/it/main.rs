//! The running market, over its own API: what is durable, what a contract's life is, what is refused.
#![cfg(test)]

mod agreements;
mod common;
mod crash;
mod damage;
mod durability;
mod keeping;
mod life;
mod openapi;
mod refusals;
