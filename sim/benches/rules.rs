//! What the market's rules cost within the simulator, beside what they cost by themselves: the same commands at the same moments
//! as in `cargo bench -p market`, decided and applied, and handed in at the simulator's desk, which writes its trace as well.
//!
//! `cargo bench -p sim --bench rules`

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use market::{Command, Market};
use sim::desk::Desk;
use std::collections::BTreeSet;
use std::hint::black_box;
use types::documents::Request;
use types::{Bytes, Did, Hash, Span, Terms};

#[path = "../../market/benches/stage/mod.rs"]
mod stage;

use stage::{World, did, moments, nth, signed, world};

/// `command` by the rules alone, and at the desk.
fn step(criterion: &mut Criterion, name: &str, world: &World, command: &Command) {
    let now = world.now;
    let mut group = criterion.benchmark_group(name);
    group.bench_function("the rules", |bench| {
        bench.iter_batched_ref(
            || world.market.clone(),
            |market: &mut Market| {
                let events = market.decide(now, black_box(command)).expect("it is right");
                for event in &events {
                    market.apply(event);
                }
                events
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("the desk", |bench| {
        bench.iter_batched_ref(
            || Desk::new(world.market.clone()),
            |desk: &mut Desk| desk.submit(now, black_box(command)).expect("it is right"),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn steps(criterion: &mut Criterion) {
    for (name, world, command) in moments() {
        step(criterion, name, &world, &command);
    }
}

fn quotes(criterion: &mut Criterion) {
    let world = world(1_000);
    let online: BTreeSet<Did> = (0..1_000).map(nth).collect();
    let terms = Terms::standard(Bytes(100_000_000_000), Span(30 * Span::DAY.0));
    let request = signed(Request { client: did(0), terms, nonce: 0 });
    let seed = Hash::of(&[]).0;
    let desk = Desk::new(world.market.clone());
    let mut group = criterion.benchmark_group("quote among 1,000");
    for (name, market) in [("the rules", &world.market), ("the desk", desk.market())] {
        group.bench_function(name, |bench| {
            bench.iter(|| market.quote(world.now, black_box(&request), seed, &online));
        });
    }
    group.finish();
}

criterion_group!(benches, steps, quotes);
criterion_main!(benches);
