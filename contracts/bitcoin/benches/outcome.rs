//! What one slot's contract costs: set up by both sides, with one auditor and with 2 of 3, and ended by an attestation.

#![expect(clippy::unwrap_used, reason = "a bench may end where a test may fail")]

#[expect(dead_code, reason = "the bench has no judge")]
#[path = "../tests/escrow_world/mod.rs"]
mod escrow_world;

use contracts_bitcoin::escrow::Party;
use contracts_bitcoin::outcome::{Attestation, Half, Setup};
use criterion::{Criterion, criterion_group, criterion_main};
use escrow_world::{CLIENT, Oracle, PROVIDER, key, quorum, setup, sla, terms};
use std::hint::black_box;

/// Both sides build the contract, sign it and check the other's half.
fn both_sides(threshold: usize, auditors: u8) -> [Half; 2] {
    let ours = || Setup::new(terms(quorum(threshold, auditors), sla())).expect("sound terms");
    let (client, provider) = (ours(), ours());
    let of_client = client.sign(&key(CLIENT), &[1; 32]).expect("the client's key");
    let of_provider = provider.sign(&key(PROVIDER), &[2; 32]).expect("the provider's key");
    client.verify(Party::Provider, &of_provider).expect("an honest half");
    provider.verify(Party::Client, &of_client).expect("an honest half");
    [of_client, of_provider]
}

fn attested(setup: &Setup, auditors: u8) -> Vec<Attestation> {
    let attest = |number: u8| {
        let signatures = Oracle::new(number + 1).attest(741);
        let quorum = &setup.terms().quorum;
        quorum.attestation(usize::from(number), 741, &signatures).expect("an honest auditor")
    };
    (0..auditors).map(attest).collect()
}

fn setting_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("set up, both sides");
    group.sample_size(20);
    for (threshold, auditors) in [(1, 1), (2, 3)] {
        let name = format!("{threshold} of {auditors}");
        group.bench_function(name, |bencher| bencher.iter(|| both_sides(threshold, auditors)));
    }
    group.finish();
}

fn one_side(c: &mut Criterion) {
    let (setup, [of_client, _]) = (setup(1, 1), both_sides(1, 1));
    c.bench_function("sign 254 adaptors", |bencher| {
        bencher.iter(|| setup.sign(black_box(&key(CLIENT)), &[1; 32]));
    });
    c.bench_function("verify 254 adaptors", |bencher| {
        bencher.iter(|| setup.verify(Party::Client, black_box(&of_client)));
    });
    c.bench_function("terms to 101 payouts", |bencher| {
        bencher.iter(|| Setup::new(terms(quorum(1, 1), sla())));
    });
}

fn ending(c: &mut Criterion) {
    for (threshold, auditors) in [(1, 1), (2, 3)] {
        let (setup, [_, theirs]) = (setup(threshold, auditors), both_sides(threshold, auditors));
        c.bench_function(&format!("attestation to payout, {threshold} of {auditors}"), |bencher| {
            bencher.iter(|| {
                let attestations = attested(&setup, auditors);
                setup.complete(&attestations, &theirs, &key(CLIENT), &[3; 32])
            });
        });
    }
}

criterion_group!(benches, setting_up, one_side, ending);
criterion_main!(benches);
