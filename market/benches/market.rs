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

mod stage;

use stage::{World, did, moments, nth, signed, world};

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
    for (name, world, command) in moments() {
        step(criterion, name, &world, &command);
    }
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
