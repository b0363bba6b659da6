//! What `tests/it` says of a market, said once more of one whose database is PostgreSQL; and what only such a
//! market can do.
#![cfg(test)]

#[path = "../it/common.rs"]
mod common;
#[path = "../it/crash.rs"]
mod crash;
#[path = "../it/durability.rs"]
mod durability;
#[path = "../it/evidence.rs"]
mod evidence;
#[path = "../it/keeping.rs"]
mod keeping;
#[path = "../it/life.rs"]
mod life;
#[path = "../it/refusals.rs"]
mod refusals;

mod failover;
mod offices;
