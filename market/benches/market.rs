//! What the market's decisions cost in memory: acceptance, verdict, settlement, and quotes among many providers.
//!
//! `cargo bench -p market`

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads the clock")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use market::{Command, Market};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};
use types::documents::Request;
use types::{Bytes, Did, Span, Terms};

#[path = "../tests/common/mod.rs"]
#[expect(dead_code, reason = "tests and benches use different parts of the world")]
mod common;

use common::{World, did, honest, signed};

/// `providers` that are online with money for bonds, and one client.
fn world(providers: u32) -> World {
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

fn nth(n: u32) -> Did {
    Did(types::Hash::of(&n.to_le_bytes()).0)
}

fn apply(world: &mut World, command: &Command) {
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

fn step(criterion: &mut Criterion, name: &str, world: &World, command: &Command) {
    let now = world.now;
    criterion.bench_function(&format!("decide {name}"), |bench| {
        bench.iter(|| black_box(world.market.decide(now, black_box(command))));
    });
    let events = world.market.decide(now, command).expect("the bench's commands are right");
    assert!(!events.is_empty(), "{name} happens");
    let mut samples: Vec<Market> = Vec::new();
    criterion.bench_function(&format!("apply {name}"), |bench| {
        bench.iter_batched_ref(
            || samples.pop().unwrap_or_else(|| world.market.clone()),
            |market| events.iter().for_each(|event| market.apply(event)),
            BatchSize::LargeInput,
        );
    });
}

fn steps(criterion: &mut Criterion) {
    let mut fresh = world(1_000);
    let accept = agreed(&mut fresh);
    step(criterion, "acceptance", &fresh, &accept);
    let mut world = active();
    let audit = world.audit(0, 0, false).expect("an audit is due");
    step(criterion, "verdict", &world, &audit);
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
    step(criterion, "settlement", &over, &settle);
}

/// p50 and p99 of single quotes, each with its own seed.
fn quotes(_: &mut Criterion) {
    for providers in [1_000u32, 100_000] {
        let world = world(providers);
        let online: BTreeSet<Did> = (0..providers).map(nth).collect();
        let terms = Terms::standard(Bytes(100_000_000_000), Span(30 * Span::DAY.0));
        let rounds = 400u32;
        let mut took: Vec<Duration> = (0..rounds)
            .map(|round| {
                let request =
                    signed(Request { client: did(0), terms: terms.clone(), nonce: round.into() });
                let seed = types::Hash::of(&round.to_be_bytes()).0;
                let start = Instant::now();
                let quote = world.market.quote(world.now, &request, seed, &online);
                let took = start.elapsed();
                black_box(quote).expect("providers enough");
                took
            })
            .collect();
        took.sort();
        let at = |permille: usize| took[(took.len() - 1) * permille / 1000];
        println!(
            "quote among {providers} providers: p50 {:?}, p99 {:?}, max {:?}",
            at(500),
            at(990),
            at(1000)
        );
    }
}

criterion_group!(benches, steps, quotes);
criterion_main!(benches);
