//! The moments that are measured: a market of so many providers, before an acceptance, a verdict and a settlement.

use market::Command;
use types::Did;

#[path = "../../tests/common/mod.rs"]
#[expect(dead_code, reason = "tests and benches use different parts of the world")]
mod common;

use common::honest;
pub(crate) use common::{World, did, signed};

/// `providers` that are online with money for bonds, and one client.
pub(crate) fn world(providers: u32) -> World {
    let mut world = World::new(honest);
    let Command::PublishAsk { ask, .. } = world.ask(2, 1_000_000, 100) else {
        unreachable!("an ask")
    };
    for n in 0..providers {
        let provider = nth(n);
        let deposit = world.deposit(provider, 1_000_000_000);
        apply(&mut world, &deposit);
        let mut ask = (*ask).clone();
        ask.provider = provider;
        ask.operator = format!("operator {n}");
        ask.price = types::Price::whole(80 + n % 41);
        let ask = Command::PublishAsk {
            ask: signed(ask),
            network: format!("10.{}.{}", n / 256, n % 256),
        };
        apply(&mut world, &ask);
    }
    let deposit = world.deposit(did(0), i64::MAX / 4);
    apply(&mut world, &deposit);
    world
}

pub(crate) fn nth(n: u32) -> Did {
    Did(types::Hash::of(&n.to_le_bytes()).0)
}

pub(crate) fn apply(world: &mut World, command: &Command) {
    let events = world.market.decide(world.now, command).expect("the bench's commands are right");
    for event in &events {
        world.market.apply(event);
    }
}

fn agreed(world: &mut World) -> Command {
    world.quote(0, 100, 20, 1).expect("providers enough");
    world.accept(0).expect("a quote")
}

/// A world with one active contract in its second epoch.
fn active() -> World {
    let mut world = world(1_000);
    let accept = agreed(&mut world);
    apply(&mut world, &accept);
    while let Some(confirm) = world.confirm(0, false) {
        apply(&mut world, &confirm);
    }
    let revise = world.revise(0, 1000).expect("an agreed contract");
    apply(&mut world, &revise);
    for _ in 0..2 {
        let epoch = world.open_epoch().expect("epochs enough");
        apply(&mut world, &epoch);
    }
    world
}

/// A contract whose term is over, and the command that settles it.
fn settling() -> (World, Command) {
    let mut over = active();
    while over.market.due(over.now).is_empty() {
        let epoch = over.open_epoch().expect("epochs enough");
        apply(&mut over, &epoch);
    }
    let complete = over.market.due(over.now)[0].command([0; 32]);
    apply(&mut over, &complete);
    let epoch = over.open_epoch().expect("epochs enough");
    apply(&mut over, &epoch);
    let settle = over.market.due(over.now)[0].command([0; 32]);
    (over, settle)
}

/// What is measured, by name: a market at that moment, and the command that is handed in then.
pub(crate) fn moments() -> [(&'static str, World, Command); 3] {
    let mut fresh = world(1_000);
    let accept = agreed(&mut fresh);
    let mut asked = active();
    let audit = asked.audit(0, 0, false).expect("an audit is due");
    let (over, settle) = settling();
    [("acceptance", fresh, accept), ("verdict", asked, audit), ("settlement", over, settle)]
}
