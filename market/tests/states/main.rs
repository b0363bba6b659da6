//! The tables of what every command does in every state, held against the market.
#![cfg(test)]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;
mod table;

use common::World;
use contracts::{ContractState, SlotState};
use std::collections::BTreeSet;
use table::{COMMANDS, CONTRACTS, FILLINGS, Line, Make, SHORT, SLOTS, STAGES, at_slot, at_stage};
use types::ContractId;

/// What a command does to that world, and what it is called.
fn outcome((mut world, contract): (World, ContractId), make: Make) -> (&'static str, &'static str) {
    let command = make(&mut world, contract);
    let before = world.market.root();
    let found = match world.attempt(&command) {
        Ok(events) if events.is_empty() => "-",
        Ok(_) => return ("taken", command.name()),
        Err(refusal) => refusal.code(),
    };
    assert_eq!(world.market.root(), before, "nothing has changed");
    let short = SHORT.iter().find(|(code, _)| *code == found);
    (short.map_or(found, |(_, short)| short), command.name())
}

/// Every line of a table says what happens, and every command has one.
fn holds(table: &[Line], columns: &[&'static str], at: fn(&str) -> (World, ContractId)) {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (expected, make) in table {
        let found: Vec<_> = columns.iter().map(|column| outcome(at(column), *make)).collect();
        let name = found[0].1;
        seen.insert(name);
        let found: Vec<_> = found.iter().map(|(outcome, _)| *outcome).collect();
        if found.join(" ") != *expected {
            wrong.push(format!("{name}: {} instead of {expected}", found.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{columns:?}\n{}", wrong.join("\n"));
    assert_eq!(seen, COMMANDS.into_iter().collect(), "every command has its line");
}

#[test]
fn every_command_in_every_state_of_a_contract() {
    holds(CONTRACTS, &STAGES, at_stage);
}

#[test]
fn every_command_in_every_state_of_a_slot() {
    holds(FILLINGS, &SLOTS, at_slot);
}

#[test]
fn every_stage_is_what_it_is_called() {
    use ContractState::{Active, Agreed, Cancelled, Completed, Expired, Failed, Settled};
    use SlotState::{AtFault, Closed, Filled, Repairing, Reserved, Vacated};
    let states = STAGES.map(|stage| {
        let (world, contract) = at_stage(stage);
        world.known(contract).state
    });
    let expected =
        [Agreed, Agreed, Active, Completed, Completed, Settled, Expired, Cancelled, Failed];
    assert_eq!(states, expected);
    assert!(ContractState::ALL.iter().all(|state| states.contains(state)));
    let slots = SLOTS.map(|slot| {
        let (world, contract) = at_slot(slot);
        world.slot(contract, 3).state
    });
    assert_eq!(slots, [Filled, Filled, AtFault, AtFault, Vacated, Repairing, Repairing]);
    for (stage, state) in [("ready", Reserved), ("settled", Closed)] {
        let (world, contract) = at_stage(stage);
        assert_eq!(world.slot(contract, 3).state, state, "the rest of them");
    }
}
