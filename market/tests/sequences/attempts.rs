//! What somebody may try, drawn by chance, and whole lives made of it.

use super::common::{EPOCHS, Fault, POOR, World, did, twists};
use market::Command;
use proptest::prelude::*;
use types::{Msat, Span};

/// One thing that somebody tries.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    Deposit(u8, i64),
    Withdraw(u8, i64),
    Ask(u8, u64, u32),
    Quote(u8, u64, u64, u8),
    Counter(usize, u32),
    Accept(usize),
    Confirm(usize, bool),
    Revise(usize, u64),
    StoreAll(usize, u64),
    Extend(usize, u64, bool),
    Grow(usize, u64),
    Cancel(usize),
    Depart(usize),
    TopUp(usize, i64),
    Epoch,
    Audit(usize, u32, bool),
    Intensify(usize, u32),
    Confess(usize, u64),
    Dispute(usize, bool),
    Announce(u8, u64, u32),
    Measure(usize, u8, u32),
    Mend(usize, u8),
    Rebuild(usize),
    Voucher(usize, u64),
    Share(u8, u8, Option<usize>),
    Revoke(usize),
    GuestReads(usize, u64),
    Due(usize, u8),
    Untimely(usize, u8),
    Again(usize),
    Wait(u64),
}

/// An attempt, and what is wrong with it, if anything.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    attempt: Attempt,
    twist: Twist,
}

/// What is wrong with an attempt.
#[derive(Clone, Copy, Debug)]
enum Twist {
    Nothing,
    Foreign,
    Wrong,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let twist = prop_oneof![
        16 => Just(Twist::Nothing),
        1 => Just(Twist::Foreign),
        1 => Just(Twist::Wrong),
    ];
    (attempt(), twist).prop_map(|(attempt, twist)| Step { attempt, twist })
}

fn attempt() -> impl Strategy<Value = Attempt> {
    prop_oneof![40 => trade(), 40 => keeping(), 16 => judgement(), 20 => time()]
}

/// Money, offers and agreements.
fn trade() -> impl Strategy<Value = Attempt> {
    use Attempt as A;
    let pick = 0usize..64;
    let permille = prop_oneof![1 => 0u64..=1001, 1 => Just(2_000u64)];
    prop_oneof![
        1 => (0..POOR, -5i64..1_000_000_000).prop_map(|(p, a)| A::Deposit(p, a)),
        1 => (0u8..12, -5i64..1_000_000).prop_map(|(p, a)| A::Withdraw(p, a)),
        1 => (2u8..12, 0u64..20, 0u32..500).prop_map(|(p, g, c)| A::Ask(p, g, c)),
        4 => (0u8..2, 1u64..3000, 1u64..20, any::<u8>()).prop_map(|(c, m, d, s)| A::Quote(c, m, d, s)),
        1 => (pick.clone(), 0u32..200).prop_map(|(p, m)| A::Counter(p, m)),
        5 => pick.clone().prop_map(A::Accept),
        4 => (pick.clone(), prop::bool::weighted(0.3)).prop_map(|(p, d)| A::Confirm(p, d)),
        4 => (pick.clone(), permille.clone()).prop_map(|(p, f)| A::StoreAll(p, f)),
        4 => (pick.clone(), permille).prop_map(|(p, f)| A::Revise(p, f)),
        3 => (pick.clone(), 0u64..8, any::<bool>()).prop_map(|(p, m, a)| A::Extend(p, m, a)),
        3 => (pick.clone(), 0u64..1000).prop_map(|(p, m)| A::Grow(p, m)),
        // Seldom: what is cancelled early shows little else.
        1 => (0usize..128).prop_map(A::Cancel),
        1 => pick.clone().prop_map(A::Depart),
        2 => (pick.clone(), 0u64..4000).prop_map(|(p, m)| A::Voucher(p, m)),
        2 => (0u8..2, 0u8..4, prop::option::of(pick.clone())).prop_map(|(c, g, o)| A::Share(c, g, o)),
        1 => pick.clone().prop_map(A::Revoke),
        2 => (pick, 0u64..4000).prop_map(|(p, m)| A::GuestReads(p, m)),
    ]
}

/// Audits, what they cost, and what makes it good.
fn keeping() -> impl Strategy<Value = Attempt> {
    use Attempt as A;
    let pick = 0usize..64;
    let missed = prop_oneof![3 => Just(0u32), 1 => 1u32..256];
    prop_oneof![
        12 => (pick.clone(), missed, prop::bool::weighted(0.15)).prop_map(|(p, m, s)| A::Audit(p, m, s)),
        4 => (pick.clone(), 0u32..300).prop_map(|(p, m)| A::Intensify(p, m)),
        2 => (pick.clone(), 0u64..1000).prop_map(|(p, m)| A::Confess(p, m)),
        10 => (pick.clone(), any::<u8>()).prop_map(|(p, s)| A::Mend(p, s)),
        2 => pick.clone().prop_map(A::Rebuild),
        5 => (pick, 500i64..=1001).prop_map(|(p, m)| A::TopUp(p, m)),
    ]
}

/// What is disputed, announced and measured.
fn judgement() -> impl Strategy<Value = Attempt> {
    use Attempt as A;
    let pick = 0usize..64;
    prop_oneof![
        12 => (pick.clone(), prop::bool::weighted(0.3)).prop_map(|(p, e)| A::Dispute(p, e)),
        3 => (2u8..12, 1u64..4, 0u32..5).prop_map(|(p, a, e)| A::Announce(p, a, e)),
        3 => (pick, 0u8..5, 0u32..5).prop_map(|(p, v, a)| A::Measure(p, v, a)),
    ]
}

/// Time, and what it makes happen.
fn time() -> impl Strategy<Value = Attempt> {
    use Attempt as A;
    prop_oneof![
        5 => Just(A::Epoch),
        7 => (0usize..8, any::<u8>()).prop_map(|(p, s)| A::Due(p, s)),
        6 => (0usize..64, 0u8..8).prop_map(|(p, k)| A::Untimely(p, k)),
        2 => (0usize..256).prop_map(A::Again),
        1 => (1u64..200_000).prop_map(A::Wait),
    ]
}

/// A market with two clients that can pay and ten providers, three of which have little and ask less.
fn founded(mut world: World) -> Result<World, String> {
    for n in 0..POOR {
        let deposit = world.deposit(did(n), 50_000_000);
        world.run(&deposit)?;
    }
    for n in POOR..12 {
        let deposit = world.deposit(did(n), 2_000);
        world.run(&deposit)?;
    }
    for n in 2..12 {
        let ask = world.ask(n, 20, if n < POOR { 100 } else { 60 });
        world.run(&ask)?;
    }
    Ok(world)
}

/// The command of an attempt, if it makes sense now.
fn command(world: &mut World, attempt: &Attempt) -> Option<Command> {
    use Attempt as A;
    match *attempt {
        A::Deposit(party, amount) => Some(world.deposit(did(party), amount)),
        A::Withdraw(party, amount) => Some(world.withdraw(did(party), amount)),
        A::Ask(party, gigabytes, price) => Some(world.ask(party, gigabytes, price)),
        A::Accept(pick) => world.accept(pick),
        A::Confirm(pick, declined) => world.confirm(pick, declined),
        A::Revise(pick, permille) => world.revise(pick, permille),
        A::Extend(pick, more, automatic) => world.extend(pick, more, automatic),
        A::Grow(pick, megabytes) => world.grow(pick, megabytes),
        A::Cancel(pick) => (pick < 64).then(|| world.cancel(pick)).flatten(),
        A::Depart(pick) => world.depart(pick),
        A::TopUp(pick, permille) => world.bond_again(pick, permille),
        A::Epoch => world.open_epoch(),
        A::Audit(pick, missed, silent) => world.audit(pick, missed, silent),
        A::Intensify(pick, missed) => world.intensify(pick, missed),
        A::Confess(pick, permille) => world.confess(pick, permille),
        A::Dispute(pick, empty_handed) => world.contest(pick, empty_handed),
        A::Announce(provider, ahead, epochs) => Some(world.announce(provider, ahead, epochs)),
        A::Measure(pick, vantage, answered) => world.measure(pick, vantage, answered),
        A::Mend(pick, seed) => world.mend(pick, seed),
        A::Rebuild(pick) => world.finish_rebuild(pick),
        A::Voucher(pick, megabytes) => world.voucher(pick, megabytes),
        A::Share(client, guest, only) => Some(world.grant(client, guest, only)),
        A::Revoke(pick) => world.revoke(pick),
        A::GuestReads(pick, megabytes) => world.guest_reads(pick, megabytes),
        A::Due(pick, seed) => world.due(pick, seed),
        A::Untimely(pick, kind) => world.untimely(pick, kind),
        A::Quote(..) | A::Counter(..) | A::StoreAll(..) | A::Again(_) | A::Wait(_) => None,
    }
}

fn attempted(world: &mut World, step: &Step) -> Result<(), String> {
    match step.attempt {
        // A refused quote changes nothing, and what it may be refused for has tests of its own.
        Attempt::Quote(client, megabytes, days, seed) => {
            let _refused = world.quote(client, megabytes, days, seed);
        }
        Attempt::Counter(pick, price) => world.counter(pick, price),
        Attempt::StoreAll(pick, permille) => world.store_all(pick, permille)?,
        Attempt::Wait(seconds) => {
            world.now = world.now.after(Span(seconds * Span::SECOND.0));
        }
        Attempt::Again(pick) => {
            if let Some(command) = world.again(pick).cloned() {
                return never(world, &command, "again");
            }
        }
        _ => {
            let Some(command) = command(world, &step.attempt) else { return Ok(()) };
            return match step.twist {
                Twist::Nothing => world.run(&command).map(drop),
                Twist::Foreign => never(world, &twists::foreign(&command), "though foreign"),
                Twist::Wrong => never(world, &twists::wrong(&command), "though wrong"),
            };
        }
    }
    Ok(())
}

/// A command that must not be taken.
fn never(world: &mut World, command: &Command, how: &str) -> Result<(), String> {
    if world.run(command)? {
        return Err(format!("{} was taken {how}: {command:?}", command.name()));
    }
    Ok(())
}

/// From this epoch on nothing renews itself any more, so that everything ends.
const LAST_RENEWAL: u64 = 30;
/// Up to this epoch everyone is audited while the world runs out.
const LAST_AUDIT: u64 = 24;

fn next_epoch(world: &mut World) -> Result<(), String> {
    let epoch = world.open_epoch().ok_or("the beacons end before the contracts")?;
    if world.run(&epoch)? { Ok(()) } else { Err("time stands still".into()) }
}

/// Runs every attempt, then time until every contract is over; nothing may stay locked.
pub(crate) fn lived(fault: Fault, steps: &[Step]) -> Result<World, String> {
    // Every other world's epochs wait for blocks.
    let world = World::hasty(fault);
    let world = if steps.len().is_multiple_of(2) { world.chained() } else { world };
    let mut world = founded(world)?;
    for step in steps {
        attempted(&mut world, step)?;
    }
    let villain = did(2 + (steps.len() % 10).to_le_bytes()[0]);
    while world.market.epoch().0 < LAST_AUDIT {
        next_epoch(&mut world)?;
        world.settle_down(1)?;
        world.audit_all(villain)?;
    }
    world.now = world.now.after(Span(30 * Span::DAY.0));
    while world.market.epoch().0 < EPOCHS {
        world.settle_down(1)?;
        if world.market.epoch().0 >= LAST_RENEWAL {
            world.stop_renewals()?;
        }
        next_epoch(&mut world)?;
    }
    world.settle_down(2)?;
    if world.market.open_contracts().next().is_some() {
        return Err("a contract never ends".into());
    }
    for (account, totals) in world.market.ledger().accounts() {
        use contracts::Account::{Bond, Contested, Escrow};
        let locked = matches!(account, Escrow(_) | Bond(..) | Contested(..));
        if locked && totals.balance() != Msat::ZERO {
            return Err(format!("{account} still holds {}", totals.balance()));
        }
    }
    world.replayed()?;
    Ok(world)
}
