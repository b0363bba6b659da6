//! What one slot's contract costs: set up by both sides, with one auditor and with 2 of 3, and ended by an attestation.

#![expect(clippy::unwrap_used, reason = "a bench may end where a test may fail")]

#[expect(dead_code, reason = "the bench has no judge")]
#[path = "../tests/escrow_world/mod.rs"]
mod escrow_world;

use contracts_bitcoin::escrow::Party;
use contracts_bitcoin::outcome::{Half, Setup, Terms};
use criterion::{Criterion, criterion_group, criterion_main};
use escrow_world::{CLIENT, Oracle, PROVIDER, key, quorum, setup, sla, terms};
use std::hint::black_box;

/// Both sides build the contract, sign it and check the other's half.
fn both_sides(terms: &Terms) -> [Half; 2] {
    let ours = || Setup::new(terms.clone()).unwrap();
    let (client, provider) = (ours(), ours());
    let of_client = client.sign(&key(CLIENT), &[1; 32]).unwrap();
    let of_provider = provider.sign(&key(PROVIDER), &[2; 32]).unwrap();
    client.verify(Party::Provider, &of_provider).unwrap();
    provider.verify(Party::Client, &of_client).unwrap();
    [of_client, of_provider]
}

fn setting_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("set up, both sides");
    group.sample_size(20);
    for (threshold, auditors) in [(1, 1), (2, 3)] {
        let (name, terms) =
            (format!("{threshold} of {auditors}"), terms(quorum(threshold, auditors), sla()));
        group.bench_function(name, |bencher| bencher.iter(|| both_sides(&terms)));
    }
    group.finish();
}

fn one_side(c: &mut Criterion) {
    let terms = terms(quorum(1, 1), sla());
    let (setup, [of_client, _]) = (setup(1, 1), both_sides(&terms));
    c.bench_function("sign 254 adaptors", |bencher| {
        bencher.iter(|| setup.sign(black_box(&key(CLIENT)), &[1; 32]));
    });
    c.bench_function("verify 254 adaptors", |bencher| {
        bencher.iter(|| setup.verify(Party::Client, black_box(&of_client)));
    });
    c.bench_function("terms to 101 payouts", |bencher| {
        bencher.iter(|| Setup::new(terms.clone()));
    });
}

/// From the auditors' signatures as they arrive to the transaction to broadcast.
fn ending(c: &mut Criterion) {
    for (threshold, auditors) in [(1, 1), (2, 3)] {
        let setup = setup(threshold, auditors);
        let [_, theirs] = both_sides(setup.terms());
        let signatures: Vec<_> = (0..threshold)
            .zip(1..)
            .map(|(at, number)| (at, Oracle::new(number).attest(741)))
            .collect();
        let ended = || {
            let attested = signatures.iter().map(|(auditor, signatures)| {
                setup.terms().quorum.attestation(*auditor, 741, signatures).unwrap()
            });
            let attested: Vec<_> = attested.collect();
            setup.complete(&attested, &theirs, &key(CLIENT), &[3; 32]).unwrap()
        };
        let name = format!("attestation to payout, {threshold} of {auditors}");
        c.bench_function(&name, |bencher| bencher.iter(ended));
    }
}

criterion_group!(benches, setting_up, one_side, ending);
criterion_main!(benches);
