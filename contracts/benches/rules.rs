//! What the rules cost: nanoseconds per verdict, payout, penalty, quote and settlement.

use contracts::bond::{self, BondInputs};
use contracts::ledger::{Account, Ledger, Posting};
use contracts::payout::{self, Accrual};
use contracts::penalty::{self, Loss};
use contracts::rail::rail;
use contracts::{audit_plan, compliance};
use criterion::{BatchSize, Criterion};
use std::hint::black_box;
use types::documents::SlotVerdict;
use types::terms::RailKind;
use types::{Bytes, ContractId, Did, Epoch, Msat, SlotCost, Span, Terms};

const SLOTS: u8 = 6;
const EPOCHS: u64 = 720;
const CAPACITY: Bytes = Bytes(250_000_000_000);
/// What a slot of that size is paid for over the term.
const BYTE_EPOCHS: u128 = 250_000_000_000 * 720;
const COST: SlotCost = SlotCost {
    base: Msat(750_000),
    premium: Msat(75_000),
    bonus: Msat(112_500),
    ingress: Msat(25_000),
};

fn terms() -> Terms {
    Terms::standard(Bytes(1_000_000_000_000), Span(30 * Span::DAY.0))
}

fn audits(bench: &mut Criterion) {
    let terms = terms();
    let plan = audit_plan::plan(&terms);
    let contract = ContractId::default();
    let verdict =
        SlotVerdict { contract, slot: 0, challenges: 3, passed: 2, answered: true, latency_ms: 80 };
    bench.bench_function("audit plan", |b| b.iter(|| audit_plan::plan(black_box(&terms))));
    bench.bench_function("challenges in an epoch", |b| {
        b.iter(|| audit_plan::challenges_in_epoch(black_box(&plan), Span::HOUR, black_box(333)));
    });
    bench.bench_function("verdict to payout share", |b| {
        b.iter(|| {
            let score = compliance::compliance(black_box(&verdict), None, &terms);
            payout::share(&terms.payout, score)
        });
    });
}

fn payouts(bench: &mut Criterion) {
    let share = payout::share(&terms().payout, 800);
    bench.bench_function("epoch that earns less", |b| {
        b.iter(|| {
            let mut accrual = black_box(Accrual::default());
            accrual.exception(Epoch(300), CAPACITY.0, share);
            accrual
        });
    });
    let mut accrual = Accrual::default();
    accrual.catch_up(Epoch(333), CAPACITY.0);
    bench.bench_function("what a slot is due", |b| {
        b.iter(|| black_box(&accrual).due(black_box(&COST), BYTE_EPOCHS, CAPACITY));
    });
}

fn penalties(bench: &mut Criterion) {
    let terms = terms();
    let loss = Loss { fraction_ppm: 30_000, epochs_at_fault: 2, confessed: false };
    bench.bench_function("penalty, assessed and divided", |b| {
        b.iter(|| {
            let slash = penalty::assess(&terms.penalties, black_box(&loss), Msat(1_650_000))?;
            penalty::distribute(slash.amount, Msat(9_000), Msat(825_000))
        });
    });
    let plan = audit_plan::plan(&terms);
    let inputs = BondInputs {
        terms: &terms,
        plan: &plan,
        epoch: Span::HOUR,
        epochs: EPOCHS,
        cost: &COST,
        repair_cost: Msat(9_000),
    };
    bench.bench_function("bond", |b| b.iter(|| bond::required(black_box(&inputs))));
}

/// Settles a contract of six slots: earnings, bonds and the rest of the escrow.
fn settle(ledger: &mut Ledger, accrual: &Accrual) -> usize {
    let rail = rail(RailKind::Ledger);
    let contract = ContractId::default();
    let mut postings = Vec::new();
    let mut left = ledger.balance(Account::Escrow(contract));
    for slot in 0..SLOTS {
        let provider = Did([slot; 32]);
        let due =
            accrual.due(&COST, BYTE_EPOCHS, CAPACITY).expect("the price fits, so its parts do");
        let bond = ledger.balance(Account::Bond(contract, slot.into()));
        postings.extend(rail.pay(contract, provider, due));
        postings.extend(rail.release_bond(contract, slot.into(), provider, bond));
        left = left.sub(due).expect("the escrow covers what is due");
    }
    postings.extend(rail.refund(contract, Did([99; 32]), left));
    ledger.check(&postings).expect("escrow and bonds cover their own return");
    ledger.post_all(&postings).expect("they have just been checked");
    postings.len()
}

fn settlement(bench: &mut Criterion) {
    let contract = ContractId::default();
    let lock = |credit| Posting { debit: Account::World, credit, amount: Msat(10_000_000) };
    let mut locked = vec![lock(Account::Escrow(contract))];
    locked.extend((0..SLOTS).map(|slot| lock(Account::Bond(contract, slot.into()))));
    let mut ledger = Ledger::default();
    ledger.post_all(&locked).expect("the world may go below zero");
    let mut accrual = Accrual::default();
    accrual.catch_up(Epoch(EPOCHS), CAPACITY.0);
    bench.bench_function("settlement of six slots", |b| {
        b.iter_batched_ref(
            || ledger.clone(),
            |books| settle(books, black_box(&accrual)),
            BatchSize::SmallInput,
        );
    });
}

fn main() {
    let mut bench = Criterion::default().configure_from_args();
    audits(&mut bench);
    payouts(&mut bench);
    penalties(&mut bench);
    settlement(&mut bench);
    bench.final_summary();
}
