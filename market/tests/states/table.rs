//! What every command does to a contract in each of its states, and to a slot in each of its: one line a command.

use super::common::stage::{CLIENT, GB, terms};
use super::common::{self, World};
use market::Command;
use shards::prove;
use types::documents::{Acceptance, AuditKind, Measurement};
use types::{ContractId, Epoch, Span};

/// Where a contract is: its states, with an agreed one before and after its providers have confirmed, and a completed
/// one that its client left.
pub(crate) const STAGES: [&str; 9] = [
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
pub(crate) const SLOTS: [&str; 7] =
    ["sound", "leaving", "silent", "lost", "vacated", "asked", "rebuilding"];

/// Every command there is.
pub(crate) const COMMANDS: [&str; 29] = [
    "accept",
    "announce",
    "cancel",
    "complete",
    "confess",
    "confirm",
    "depart",
    "deposit",
    "dispute",
    "expire",
    "extend",
    "finish_rebuild",
    "grant",
    "grow",
    "hold_back",
    "measure",
    "open_epoch",
    "publish_ask",
    "reassign",
    "record_verdict",
    "redeem_voucher",
    "release",
    "renew",
    "replace",
    "revise",
    "revoke",
    "settle",
    "top_up",
    "withdraw",
];

/// Short words for refusals.
pub(crate) const SHORT: [(&str, &str); 4] = [
    ("wrong_state", "W"),
    ("dispute_too_late", "late"),
    ("invalid_field", "field"),
    ("not_disputable", "no"),
];

/// One line of a table: by column, what happens; and how the command comes about.
pub(crate) type Line = (&'static str, Make);

pub(crate) type Make = fn(&mut World, ContractId) -> Command;

/// By column of [`STAGES`]: taken, - where nothing happens, or the refusal's code, of which the most frequent are
/// [`SHORT`].
pub(crate) const CONTRACTS: &[Line] = &[
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
    ("- - taken taken taken - - - -", |w, c| routine(w, c, 0)),
    ("- - taken taken taken - - - -", |w, c| routine(w, c, 65)),
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
    ("no no taken taken taken no no no no", |w, c| dispute(w, c, 0)),
    ("late late late late late late late late late", |w, c| dispute(w, c, 4)),
    ("taken taken taken taken taken taken taken taken taken", |w, c| notice(w, c, 1)),
    ("field field field field field field field field field", |w, c| notice(w, c, 0)),
    ("taken taken taken taken taken taken taken taken taken", measured),
    ("- - - - - - - - -", |_, contract| Command::Release { contract, slot: 3 }),
    ("- - taken taken taken - - - -", released),
    ("- - - - - - - - -", |_, contract| Command::HoldBack { contract, slot: 3 }),
    ("taken taken taken taken taken taken taken taken taken", |w, _| w.grant(1, 2, Some(0))),
    ("taken taken taken taken taken taken taken taken taken", revoked),
];

/// By column of [`SLOTS`].
pub(crate) const FILLINGS: &[Line] = &[
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
    ("taken taken - - W W field", |w, c| {
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
    ("- - taken taken - - -", |w, contract| {
        open_until(w, Epoch(11));
        w.done(&Command::Complete(contract));
        open_until(w, Epoch(13));
        replace(w, contract)
    }),
    ("taken taken - - taken taken taken", |w, contract| {
        open_until(w, Epoch(11));
        w.done(&Command::Complete(contract));
        open_until(w, Epoch(12));
        Command::Settle(contract)
    }),
    ("taken taken no no no no no", |w, c| dispute(w, c, 0)),
    ("late late late late late late late", |w, c| dispute(w, c, 4)),
    ("taken taken taken taken taken taken taken", |w, c| notice(w, c, 1)),
    ("field field field field field field field", |w, c| notice(w, c, 0)),
    ("taken taken taken taken taken taken taken", measured),
    ("- - - - - - -", |_, contract| Command::Release { contract, slot: 3 }),
    ("taken taken - taken - - -", released),
    ("- - - - - - -", |_, contract| Command::HoldBack { contract, slot: 3 }),
    ("taken taken taken taken taken taken taken", |w, _| w.grant(1, 2, Some(0))),
    ("taken taken taken taken taken taken taken", revoked),
];

/// A dispute, `later` epochs after it, of a verdict that says that slot 3 has nothing; with no answers, as it may have
/// lost them.
fn dispute(world: &mut World, contract: ContractId, later: u64) -> Command {
    let case = world.case((contract, 3), AuditKind::Routine, (65, Some(0)));
    let _only_of_an_active_contract = world.attempt(&case.command());
    open_until(world, world.market.epoch().plus(later));
    let contest = case.contest_with(case.challenge.provider, &prove::encode(&[]));
    Command::Dispute(Box::new(contest))
}

/// Notice of an epoch of maintenance, so many epochs ahead.
fn notice(world: &mut World, contract: ContractId, ahead: u64) -> Command {
    let provider = world.provider(contract, 3).0[0];
    world.announce(provider, ahead, 1)
}

fn measured(world: &mut World, contract: ContractId) -> Command {
    let (provider, epoch) = (world.provider(contract, 3), world.market.epoch());
    Command::Measure(common::signed(Measurement {
        auditor: common::did(common::MARKET),
        vantage: "here".into(),
        provider,
        epoch,
        probes: 4,
        answered: 4,
        first_byte_ms: 20,
        throughput: 1_000_000,
    }))
}

/// The release of what a penalty held for the client, once it can be disputed no more.
fn released(world: &mut World, contract: ContractId) -> Command {
    let failed = routine(world, contract, 1);
    let _only_of_an_active_contract = world.attempt(&failed);
    let estimate = intensified(world, contract);
    let _only_of_a_slot_at_fault = world.attempt(&estimate);
    open_until(world, world.market.epoch().plus(4));
    Command::Release { contract, slot: 3 }
}

fn revoked(world: &mut World, _: ContractId) -> Command {
    let grant = world.grant(1, 2, Some(0));
    world.done(&grant);
    world.revoke(0).expect("a grant was given")
}

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
pub(crate) fn at_stage(stage: &str) -> (World, ContractId) {
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
pub(crate) fn at_slot(slot: &str) -> (World, ContractId) {
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
