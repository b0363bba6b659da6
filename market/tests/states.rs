//! One line a command: what it does to a contract in each of its states, and to a slot in each of its.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::World;
use common::stage::{CLIENT, GB, terms};
use contracts::{ContractState, SlotState};
use market::Command;
use std::collections::BTreeSet;
use types::documents::{Acceptance, AuditKind};
use types::{ContractId, Epoch, Span};

/// Where a contract is: its states, with an agreed one before and after its providers have confirmed, and a completed
/// one that its client left.
const STAGES: [&str; 9] = [
    "waiting",
    "ready",
    "active",
    "completed",
    "left",
    "settled",
    "expired",
    "cancelled",
    "failed",
];

/// Where slot 3 of an active contract is: its states, with the ways to be filled, at fault and under repair.
const SLOTS: [&str; 7] = ["sound", "leaving", "silent", "lost", "vacated", "asked", "rebuilding"];

/// Every command there is.
const COMMANDS: [&str; 22] = [
    "accept",
    "cancel",
    "complete",
    "confess",
    "confirm",
    "depart",
    "deposit",
    "expire",
    "extend",
    "finish_rebuild",
    "grow",
    "open_epoch",
    "publish_ask",
    "reassign",
    "record_verdict",
    "redeem_voucher",
    "renew",
    "replace",
    "revise",
    "settle",
    "top_up",
    "withdraw",
];

type Make = fn(&mut World, ContractId) -> Command;

/// By column of [`STAGES`]: taken, - where nothing happens, or the refusal's code.
const CONTRACTS: &[(&str, Make)] = &[
    ("taken taken taken taken taken taken taken taken taken", |w, _| w.deposit(CLIENT, 1)),
    ("taken taken taken taken taken taken taken taken taken", |w, _| w.withdraw(CLIENT, 1)),
    ("taken taken taken taken taken taken taken taken taken", ask),
    ("taken taken taken taken taken taken taken taken taken", |w, _| {
        w.open_epoch().expect("epochs enough")
    }),
    ("- - - - - - - - -", accept_again),
    ("taken - - - - - W W W", |w, c| w.confirmation(c, 0, None)),
    ("taken - - - - - W W W", |w, c| w.confirmation(c, 0, Some("no"))),
    ("receipt_mismatch taken taken W W W W W W", |w, c| w.revision(c, &[GB / 2; 4])),
    ("W W taken W W W W W W", |w, c| w.extension(c, 20, false)),
    ("W W taken W W W W W W", |w, c| w.extension(c, 10, true)),
    ("W W taken W W W W W W", |w, c| w.growth(c, 4 * GB)),
    ("taken taken taken W - W W - W", |w, c| w.cancellation(c)),
    ("W W taken W W W W W W", |w, c| w.departure(c, 3)),
    ("W W taken W W W W W W", worn_and_topped_up),
    ("- - taken taken - - - - -", |w, c| routine(w, c, 0)),
    ("- - taken taken - - - - -", |w, c| routine(w, c, 65)),
    ("- - - - - - - - -", intensified),
    ("- - taken - - - - - -", |w, c| w.confession(c, 3, 1)),
    ("- - - - - - - - -", |w, c| w.rebuilt(c, 3)),
    ("W W taken taken taken W W W W", |w, c| w.voucher_of(c, 3, GB)),
    ("- - - - - - - - -", |_, contract| Command::Reassign { contract, slot: 0 }),
    ("taken - - - - - - - -", |w, contract| {
        later(w, Span(60 * Span::SECOND.0));
        Command::Reassign { contract, slot: 0 }
    }),
    ("- - - - - - - - -", |_, contract| Command::Expire(contract)),
    ("taken taken - - - - - - -", |w, contract| {
        later(w, Span(2 * Span::DAY.0));
        Command::Expire(contract)
    }),
    ("- - - - - - - - -", replace),
    ("- - - - - - - - -", |_, contract| Command::Renew(contract)),
    ("- - taken - - - - - -", |w, contract| {
        let on = w.extension(contract, 10, true);
        let _only_an_active_one = w.attempt(&on);
        open_until(w, Epoch(10));
        Command::Renew(contract)
    }),
    ("- - - - - - - - -", |_, contract| Command::Complete(contract)),
    ("- - taken - - - - - -", |w, contract| {
        open_until(w, Epoch(11));
        Command::Complete(contract)
    }),
    ("- - - - - - - - taken", |_, contract| Command::Settle(contract)),
    ("- - - taken taken - - - taken", |w, contract| {
        open_until(w, Epoch(12));
        Command::Settle(contract)
    }),
];

/// By column of [`SLOTS`].
const FILLINGS: &[(&str, Make)] = &[
    ("taken taken taken taken taken taken taken", |w, _| w.deposit(CLIENT, 1)),
    ("taken taken taken taken taken taken taken", |w, _| w.withdraw(CLIENT, 1)),
    ("taken taken taken taken taken taken taken", ask),
    ("taken taken taken taken taken taken taken", |w, _| w.open_epoch().expect("epochs enough")),
    ("- - - - - - -", accept_again),
    ("- - - - W taken -", |w, c| w.confirmation(c, 3, None)),
    ("- - - - W taken -", |w, c| w.confirmation(c, 3, Some("no"))),
    ("taken taken taken taken W W W", |w, c| w.revision(c, &[GB / 2; 4])),
    ("taken taken W W W W W", |w, c| w.revision(c, &[0; 4])),
    ("taken taken taken taken taken taken taken", |w, c| w.extension(c, 20, false)),
    ("taken taken taken taken taken taken taken", |w, c| w.extension(c, 10, true)),
    ("taken W taken taken W W W", |w, c| w.growth(c, 4 * GB)),
    ("taken taken taken taken taken taken taken", |w, c| w.cancellation(c)),
    ("taken - W W W W W", |w, c| w.departure(c, 3)),
    ("taken taken - - W W invalid_field", |w, c| {
        let confession = w.confession(c, 3, 1);
        w.done(&confession);
        w.top_up(c, 3, 2_500_000)
    }),
    ("taken taken taken taken taken taken taken", |w, c| routine_after(w, c, 0)),
    ("taken taken taken taken taken taken taken", |w, c| routine_after(w, c, 65)),
    ("- - - taken - - -", intensified),
    ("taken taken - - - - -", |w, c| w.confession(c, 3, 1)),
    ("- - W W W W taken", |w, c| w.rebuilt(c, 3)),
    ("taken taken taken taken taken taken taken", |w, c| w.voucher_of(c, 3, GB)),
    ("- - - - - - -", |_, contract| Command::Reassign { contract, slot: 3 }),
    ("- - - - - taken taken", |w, contract| {
        later(w, Span(3 * Span::DAY.0));
        Command::Reassign { contract, slot: 3 }
    }),
    ("- - - - - - -", |w, contract| {
        later(w, Span(9 * Span::DAY.0));
        Command::Expire(contract)
    }),
    ("- - - - taken - -", replace),
    ("- - taken taken taken - -", |w, c| {
        open_until(w, Epoch(3));
        replace(w, c)
    }),
    ("- taken - - taken - -", |w, c| {
        open_until(w, Epoch(2));
        let shown = routine(w, c, 0);
        w.done(&shown);
        replace(w, c)
    }),
    ("taken taken taken taken taken taken taken", |w, contract| {
        let on = w.extension(contract, 10, true);
        w.done(&on);
        open_until(w, Epoch(10));
        Command::Renew(contract)
    }),
    ("taken taken taken taken taken taken taken", |w, contract| {
        open_until(w, Epoch(11));
        Command::Complete(contract)
    }),
    ("taken taken taken taken taken taken taken", |w, contract| {
        open_until(w, Epoch(11));
        w.done(&Command::Complete(contract));
        open_until(w, Epoch(12));
        Command::Settle(contract)
    }),
];

fn ask(world: &mut World, _: ContractId) -> Command {
    let ask = world.ask_of(17);
    Command::PublishAsk { ask: common::signed(ask), network: "10.0.17.0/24".into() }
}

fn accept_again(world: &mut World, contract: ContractId) -> Command {
    let quote = world.known(contract).quote;
    let acceptance = common::signed(Acceptance { client: CLIENT, quote });
    assert_eq!(acceptance.id(), contract, "one acceptance makes one contract");
    let other = world.quoted(&terms(), 9).expect("providers enough");
    Command::Accept { acceptance, quote: Box::new(common::signed(other)) }
}

fn worn_and_topped_up(world: &mut World, contract: ContractId) -> Command {
    if world.is_active(contract) {
        let confession = world.confession(contract, 3, 1);
        world.done(&confession);
    }
    world.top_up(contract, 3, 2_500_000)
}

fn routine(world: &mut World, contract: ContractId, missed: u32) -> Command {
    let epoch = world.market.epoch().min(Epoch(10));
    world.judged((contract, 3), (epoch, AuditKind::Routine), (missed, 65))
}

/// A routine verdict of the epoch after the one in which the slot was wounded.
fn routine_after(world: &mut World, contract: ContractId, missed: u32) -> Command {
    open_until(world, Epoch(2));
    routine(world, contract, missed)
}

fn intensified(world: &mut World, contract: ContractId) -> Command {
    world.judged((contract, 3), (world.market.epoch(), AuditKind::Intensified), (9, 256))
}

fn replace(_: &mut World, contract: ContractId) -> Command {
    Command::Replace { contract, slot: 3, seed: [0; 32] }
}

/// A contract at `stage`.
fn at_stage(stage: &str) -> (World, ContractId) {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    if stage == "expired" {
        later(&mut world, Span(2 * Span::DAY.0));
        world.done(&Command::Expire(contract));
    }
    if stage == "cancelled" {
        let cancel = world.cancellation(contract);
        world.done(&cancel);
    }
    if matches!(stage, "waiting" | "expired" | "cancelled") {
        return (world, contract);
    }
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    if stage == "ready" {
        return (world, contract);
    }
    let revise = world.revision(contract, &[GB; 4]);
    world.done(&revise);
    world.pass_epoch();
    if stage == "left" {
        let cancel = world.cancellation(contract);
        world.done(&cancel);
    }
    if stage == "failed" {
        for slot in 0..3 {
            let confession = world.confession(contract, slot, GB);
            world.done(&confession);
        }
    }
    if matches!(stage, "completed" | "settled") {
        open_until(&mut world, Epoch(11));
        world.done(&Command::Complete(contract));
    }
    if stage == "settled" {
        open_until(&mut world, Epoch(12));
        world.done(&Command::Settle(contract));
    }
    (world, contract)
}

/// An active contract in its first epoch, with slot 3 at `slot`.
fn at_slot(slot: &str) -> (World, ContractId) {
    let (mut world, contract) = at_stage("active");
    let command = match slot {
        "leaving" => world.departure(contract, 3),
        "silent" => world.silence(contract, 3),
        "lost" => routine(&mut world, contract, 65),
        "vacated" | "asked" | "rebuilding" => world.confession(contract, 3, GB),
        _ => return (world, contract),
    };
    world.done(&command);
    if matches!(slot, "asked" | "rebuilding") {
        let replace = replace(&mut world, contract);
        world.done(&replace);
    }
    if slot == "rebuilding" {
        let confirm = world.confirmation(contract, 3, None);
        world.done(&confirm);
    }
    (world, contract)
}

/// Opens epochs, and nothing that is due happens.
fn open_until(world: &mut World, epoch: Epoch) {
    while world.market.epoch() < epoch {
        let next = world.open_epoch().expect("epochs enough");
        world.done(&next);
    }
}

fn later(world: &mut World, span: Span) {
    world.now = world.now.after(span);
}

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
    (if found == "wrong_state" { "W" } else { found }, command.name())
}

/// Every line of a table says what happens, and every command has one.
fn holds(table: &[(&str, Make)], columns: &[&'static str], at: fn(&str) -> (World, ContractId)) {
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
