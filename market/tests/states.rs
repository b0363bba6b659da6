//! One line a command: what it does to a contract in each of its states.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::World;
use common::stage::{CLIENT, GB, terms};
use contracts::{ContractState, SlotState};
use market::Command;
use types::documents::{Acceptance, AuditKind};
use types::{ContractId, Epoch, Span};

/// Where a contract is: its states, with an agreed one before and after its providers have confirmed.
const STAGES: [&str; 7] =
    ["waiting", "ready", "active", "completed", "settled", "expired", "failed"];

/// What is wrong with slot 3 once the contract is active.
#[derive(Clone, Copy, PartialEq)]
enum Wound {
    None,
    Silent,
    Lost,
    Vacated,
    Rebuilding,
}

/// A contract at `stage`, whose slot 3 was wounded in its first epoch, if it had one.
fn at(stage: &str, wound: Wound) -> (World, ContractId) {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    if stage == "expired" {
        world.now = world.now.after(Span(2 * Span::DAY.0));
        world.done(&Command::Expire(contract));
    }
    if matches!(stage, "waiting" | "expired") {
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
    injure(&mut world, contract, wound);
    if stage == "failed" {
        for slot in 0..3 {
            if world.known(contract).state == ContractState::Failed {
                break;
            }
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

fn injure(world: &mut World, contract: ContractId, wound: Wound) {
    let command = match wound {
        Wound::None => return,
        Wound::Silent => world.silence(contract, 3),
        Wound::Lost => world.judged((contract, 3), (Epoch(1), AuditKind::Routine), (65, 65)),
        Wound::Vacated | Wound::Rebuilding => world.confession(contract, 3, GB),
    };
    world.done(&command);
    if wound == Wound::Rebuilding {
        world.done(&Command::Replace { contract, slot: 3, seed: [0; 32] });
        let confirm = world.confirmation(contract, 3, None);
        world.done(&confirm);
    }
}

/// Opens epochs, and nothing that is due happens.
fn open_until(world: &mut World, epoch: Epoch) {
    while world.market.epoch() < epoch {
        let next = world.open_epoch().expect("epochs enough");
        world.done(&next);
    }
}

/// `line` says for each of [`STAGES`] what `command` does: taken, - where nothing happens, or the refusal's code.
fn line(line: &str, wound: Wound, command: impl Fn(&mut World, ContractId) -> Command) {
    let found = STAGES.map(|stage| {
        let (mut world, contract) = at(stage, wound);
        let command = command(&mut world, contract);
        let before = world.market.root();
        let found = match world.attempt(&command) {
            Ok(events) if events.is_empty() => "-",
            Ok(_) => return "taken",
            Err(refusal) => refusal.code(),
        };
        assert_eq!(world.market.root(), before, "nothing has changed");
        found
    });
    let expected: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(found.as_slice(), expected, "{STAGES:?}");
}

fn later(world: &mut World, span: Span) {
    world.now = world.now.after(span);
}

#[test]
fn what_parties_may_do() {
    line("taken - - - - wrong_state wrong_state", Wound::None, |w, c| w.confirmation(c, 0, None));
    line("taken - - - - wrong_state wrong_state", Wound::None, |w, c| {
        w.confirmation(c, 0, Some("no"))
    });
    line(
        "receipt_mismatch taken taken wrong_state wrong_state wrong_state wrong_state",
        Wound::None,
        |w, c| w.revision(c, &[GB / 2; 4]),
    );
    line(
        "receipt_mismatch taken wrong_state wrong_state wrong_state wrong_state wrong_state",
        Wound::Vacated,
        |w, c| w.revision(c, &[GB / 2; 4]),
    );
    line("- - taken - - - -", Wound::None, |w, c| w.confession(c, 3, 1));
    line("- - - - - - -", Wound::Lost, |w, c| w.confession(c, 3, 1));
    line(
        "wrong_state wrong_state taken taken wrong_state wrong_state wrong_state",
        Wound::None,
        |w, c| w.voucher_of(c, 3, GB),
    );
    line("- - taken - - - -", Wound::Rebuilding, |w, c| w.rebuilt(c, 3));
    line("- - wrong_state - - - -", Wound::Vacated, |w, c| w.rebuilt(c, 3));
}

#[test]
fn an_acceptance_makes_one_contract_whatever_became_of_it() {
    for stage in STAGES {
        let (mut world, contract) = at(stage, Wound::None);
        let quote = world.known(contract).quote;
        let acceptance = common::signed(Acceptance { client: CLIENT, quote });
        assert_eq!(acceptance.id(), contract);
        let mut other = world.quoted(&terms(), 9).unwrap();
        other.client = CLIENT;
        let quote = Box::new(common::signed(other));
        assert!(world.done(&Command::Accept { acceptance, quote }).is_empty(), "{stage}");
    }
}

#[test]
fn what_audits_do() {
    let routine = |missed| {
        move |w: &mut World, c| {
            w.judged((c, 3), (w.market.epoch().min(Epoch(10)), AuditKind::Routine), (missed, 65))
        }
    };
    let intensified =
        |w: &mut World, c| w.judged((c, 3), (w.market.epoch(), AuditKind::Intensified), (9, 256));
    line("- - taken taken - - -", Wound::None, routine(0));
    line("- - taken taken - - -", Wound::None, routine(65));
    line("- - taken taken - - -", Wound::Lost, intensified);
    line("- - - - - - -", Wound::None, intensified);
}

#[test]
fn what_time_makes_happen() {
    let minute = Span(60 * Span::SECOND.0);
    line("taken - - - - - -", Wound::None, |w, contract| {
        later(w, minute);
        Command::Reassign { contract, slot: 0 }
    });
    line("- - - - - - -", Wound::None, |_, contract| Command::Reassign { contract, slot: 0 });
    line("taken - taken - - - -", Wound::Rebuilding, |w, contract| {
        later(w, Span(3 * Span::DAY.0));
        Command::Reassign { contract, slot: 3 }
    });
    line("taken taken - - - - -", Wound::None, |w, contract| {
        later(w, Span(2 * Span::DAY.0));
        Command::Expire(contract)
    });
    line("- - - - - - -", Wound::None, |_, contract| Command::Expire(contract));
    let replace = |_: &mut World, contract| Command::Replace { contract, slot: 3, seed: [0; 32] };
    line("- - taken - - - -", Wound::Vacated, replace);
    line("- - - - - - -", Wound::Silent, replace);
    line("- - taken - - - -", Wound::Silent, |w, contract| {
        open_until(w, Epoch(3));
        Command::Replace { contract, slot: 3, seed: [0; 32] }
    });
    line("- - - - - - -", Wound::None, |_, contract| Command::Complete(contract));
    line("- - taken - - - -", Wound::None, |w, contract| {
        open_until(w, Epoch(11));
        Command::Complete(contract)
    });
    line("- - - - - - taken", Wound::None, |_, contract| Command::Settle(contract));
    line("- - - taken - - taken", Wound::None, |w, contract| {
        open_until(w, Epoch(12));
        Command::Settle(contract)
    });
}

#[test]
fn every_stage_is_what_it_is_called() {
    for (stage, state, slot) in [
        ("waiting", ContractState::Agreed, SlotState::Reserved),
        ("ready", ContractState::Agreed, SlotState::Reserved),
        ("active", ContractState::Active, SlotState::Vacated),
        ("completed", ContractState::Completed, SlotState::Vacated),
        ("settled", ContractState::Settled, SlotState::Closed),
        ("expired", ContractState::Expired, SlotState::Closed),
    ] {
        let (world, contract) = at(stage, Wound::Vacated);
        assert_eq!((world.known(contract).state, world.slot(contract, 3).state), (state, slot));
    }
    let (world, contract) = at("failed", Wound::None);
    assert_eq!(world.known(contract).state, ContractState::Failed);
}
