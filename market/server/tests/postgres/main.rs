//! What `tests/it` says of a market, said once more of one whose database is PostgreSQL; and what only such a
//! market can do. Only damage to SQLite's own file, and the API's description, are left to `tests/it`.
#![cfg(test)]

#[path = "../it/agreements.rs"]
mod agreements;
#[path = "../it/authorisation.rs"]
mod authorisation;
#[path = "../it/common.rs"]
mod common;
#[path = "../it/crash.rs"]
mod crash;
#[path = "../it/disputes.rs"]
mod disputes;
#[path = "../it/durability.rs"]
mod durability;
#[path = "../it/events.rs"]
mod events;
#[path = "../it/evidence.rs"]
mod evidence;
#[path = "../it/figures.rs"]
mod figures;
#[path = "../it/guests.rs"]
mod guests;
#[path = "../it/judged.rs"]
mod judged;
#[path = "../it/keeping.rs"]
mod keeping;
#[path = "../it/life.rs"]
mod life;
#[path = "../it/lists.rs"]
mod lists;
#[path = "../it/negotiation.rs"]
mod negotiation;
#[path = "../it/refusals.rs"]
mod refusals;
#[path = "../it/starts.rs"]
mod starts;
#[path = "../it/tampering.rs"]
mod tampering;

mod failover;
mod offices;
