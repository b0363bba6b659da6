//! What `tests/it` says of a market, said once more of one whose database is PostgreSQL; and what only such a
//! market can do. Only damage to SQLite's own file, and the API's description, are left to `tests/it`.
#![cfg(test)]

#[path = "../it/agreements.rs"]
mod agreements;
#[path = "../it/altered.rs"]
mod altered;
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
#[path = "../it/epochs.rs"]
mod epochs;
#[path = "../it/escrows.rs"]
mod escrows;
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
#[path = "../it/vetting.rs"]
mod vetting;

mod failover;
mod offices;

#[test]
fn what_is_said_of_one_database_is_said_of_the_other() {
    const SQLITES_ALONE: [&str; 2] = ["damage", "openapi"];
    let modules = |text: &'static str| {
        let names = text.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let (there, here) = (modules(include_str!("../it/main.rs")), modules(include_str!("main.rs")));
    assert!(there.len() > 20);
    assert_eq!(there.difference(&here).copied().collect::<Vec<_>>(), SQLITES_ALONE);
}
