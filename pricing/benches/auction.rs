//! Clearing a reverse auction of 100,000 asks.

use criterion::{Criterion, criterion_group, criterion_main};
use pricing::auction::{Auction, Bid, Rules};
use std::hint::black_box;
use types::Did;

/// Asks whose costs, operators and networks follow no order.
fn bids(count: u64, operators: u64) -> Vec<Bid> {
    let bid = |number: u64| {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut provider = [0; 32];
        provider[..8].copy_from_slice(&mixed.to_le_bytes());
        let (cost, operator) = (mixed >> 40, mixed % operators);
        Bid { cost, provider: Did(provider), operator, network: mixed % (2 * operators) }
    };
    (0..count).map(bid).collect()
}

/// The limit: what has to be paid to know the cheapest at all, once by looking at every bid and once by sorting them.
fn limits(bench: &mut Criterion) {
    let costs: Vec<u64> = bids(100_000, 1_000).iter().map(|bid| bid.cost).collect();
    bench.bench_function("limit: the least of 100,000 costs", |bench| {
        bench.iter(|| black_box(&costs).iter().min());
    });
    bench.bench_function("limit: 100,000 costs sorted", |bench| {
        bench.iter_batched_ref(
            || costs.clone(),
            |costs| costs.sort_unstable(),
            criterion::BatchSize::LargeInput,
        );
    });
}

fn clear(bench: &mut Criterion) {
    for (name, slots, operators) in
        [("6 slots of 1000 operators", 6, 1_000), ("30 slots of 32 operators", 30, 32)]
    {
        let bids = bids(100_000, operators);
        let rules =
            Rules { slots, spare: 2, distinct_operators: true, distinct_networks: true, seed: 1 };
        bench.bench_function(&format!("clear 100,000 asks, {name}"), |bench| {
            bench.iter(|| Auction::new(black_box(&bids), rules, |_| true).clear());
        });
    }
}

criterion_group!(benches, limits, clear);
criterion_main!(benches);
