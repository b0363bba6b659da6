//! A year of honest providers with the outages that machines have, under the shipped rules: they lose the pay of the epochs
//! in which they were away, and nothing else.
//!
//! The outages are those of docs/reputation.md, an hour an epoch: four a year by chance, each as long as a log-normal of
//! median 1 h and σ = 1 says, a day at most; two hours a month are announced, within what the terms allow. One answer in
//! a hundred comes late.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{CLIENT, DEPOSIT, FIRST, terms};
use common::{MARKET, World, did, honest, verdict};
use contracts::{Account, ContractState};
use market::{Command, Event, Genesis, Market, check, schedule};
use types::documents::{AuditKind, SlotVerdict};
use types::{ContractId, Did, Epoch, Hash, Msat, Span, Standing};

/// Epochs of a contract's year, and those after it until everything is settled.
const YEAR: u64 = 8_760;
const AFTER: u64 = 100;
/// How many years are lived, each by four providers.
const YEARS: u64 = 4;
/// A month, and the hours of it that are announced.
const MONTH: u64 = 720;
const ANNOUNCED: u64 = 2;
/// The terms promise the first byte after two seconds.
const IN_TIME_MS: u32 = 20;
const LATE_MS: u32 = 2_400;

/// Chance that is the same in every run.
struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    /// 0 to 1, without 1.
    fn uniform(&mut self) -> f64 {
        self.drawn += 1;
        let parts: [&[u8]; 2] = [&self.seed.to_le_bytes(), &self.drawn.to_le_bytes()];
        let hash = Hash::derive("an honest year", &parts).0;
        let drawn = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
        f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
    }

    /// Of mean 0 and deviation 1 (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// One provider's machines, and what came of them.
struct Machines {
    chance: Chance,
    /// Hours of the outage that are left.
    down: f64,
    /// Whether it was away unannounced and has not answered since: its first answer is in time.
    missed: bool,
    /// Epochs without an answer, and with a late one.
    away: u64,
    late: u64,
    outages: u64,
}

impl Machines {
    fn of(seed: u64) -> Self {
        let chance = Chance { seed, drawn: 0 };
        Self { chance, down: 0.0, missed: false, away: 0, late: 0, outages: 0 }
    }

    /// How soon it answers in the next hour; nothing where it does not.
    fn answer(&mut self, announced: bool) -> Option<u32> {
        if self.down <= 0.0 && self.chance.uniform() * 8_760.0 < 4.0 {
            self.outages += 1;
            self.down = self.chance.normal().exp().min(24.0);
        }
        let away = announced || self.down > 0.0;
        self.down -= 1.0;
        let late = !away && !self.missed && self.chance.uniform() < 0.01;
        self.missed = away && (self.missed || !announced);
        self.away += u64::from(away);
        self.late += u64::from(late);
        (!away).then_some(if late { LATE_MS } else { IN_TIME_MS })
    }
}

/// A market with epochs of an hour, and a contract of a year with four providers in it.
fn founded() -> (World, ContractId) {
    let mut world = World::lasting(YEAR + AFTER, honest);
    let anchor = world.market.genesis().beacon_anchor;
    world.market = Market::new(Genesis::standard(did(MARKET), Span::HOUR, anchor));
    world.fund(CLIENT, 10 * DEPOSIT);
    for n in FIRST..FIRST + 4 {
        world.fund(did(n), DEPOSIT);
        let mut ask = world.ask_of(n);
        ask.duration_max = Span(400 * Span::DAY.0);
        world.publish(ask);
    }
    let mut year = terms();
    year.duration = Span(YEAR * Span::HOUR.0);
    let contract = world.store_under(&year);
    (world, contract)
}

/// Judges and applies a command that must be taken, of which nothing may come that costs an honest provider anything.
fn done(world: &mut World, command: &Command) {
    let events = world.market.decide(world.now, command);
    for event in events.unwrap_or_else(|refusal| panic!("{}: {refusal}", command.name())) {
        world.market.apply(&event);
        let costs = match &event {
            Event::StandingChanged { change, .. } => change.to < change.from,
            Event::Penalised { .. }
            | Event::SlotVacated { .. }
            | Event::SlotRelieved { .. }
            | Event::ContractFailed { .. } => true,
            _ => false,
        };
        assert!(!costs, "{event:?}");
    }
}

/// Opens the next epoch, does what is due, and audits everybody.
fn live(world: &mut World, machines: &mut [Machines]) {
    let open = world.open_epoch().expect("epochs enough");
    done(world, &open);
    for due in world.market.due(world.now) {
        done(world, &due.command([3; 32]));
    }
    let epoch = world.market.epoch();
    let hour = epoch.0 % MONTH;
    for (provider, challenges) in schedule::routine(&world.market) {
        let machines = &mut machines[usize::from(provider.0[0] - FIRST)];
        let answer = machines.answer((10..10 + ANNOUNCED).contains(&hour));
        let found = challenges.iter().map(|c| SlotVerdict {
            contract: c.contract,
            slot: c.slot,
            challenges: c.count,
            passed: if answer.is_some() { c.count } else { 0 },
            answered: answer.is_some(),
            latency_ms: answer.unwrap_or(0),
        });
        let verdict = verdict(provider, epoch, AuditKind::Routine, found.collect());
        done(world, &verdict);
        if hour == 1 {
            let notice = world.announce(provider.0[0], 9, 2);
            done(world, &notice);
        }
    }
}

/// What a slot earns in a year of which its provider was away for some epochs and late in others: base, premium and ingress
/// in full for every epoch with an answer, the bonus but for what lateness costs.
fn earned(world: &World, contract: ContractId, slot: u16, machines: &Machines) -> i64 {
    let cost = world.slot(contract, slot).quoted.cost;
    let part = |amount: Msat, epochs_milli: u64| {
        let due = i128::from(amount.0) * i128::from(epochs_milli) / i128::from(1_000 * YEAR);
        i64::try_from(due).expect("a part of an amount")
    };
    let there = 1_000 * (YEAR - machines.away);
    // 150 × 2,000 ÷ 2,400 points for latency in place of 150: 975 in all, and half of the bonus.
    let bonus = there - 500 * machines.late;
    part(cost.keeping().expect("it fits"), there) + part(cost.bonus, bonus) + cost.ingress.0
}

#[test]
fn honest_providers_lose_nothing_in_a_year_but_the_pay_of_the_epochs_they_were_away() {
    let (mut away, mut outages) = (0, 0);
    for year in 0..YEARS {
        let (mut world, contract) = founded();
        let mut machines: Vec<Machines> = (0..4).map(|n| Machines::of(4 * year + n)).collect();
        let bonds: Vec<i64> =
            (0..4).map(|slot| world.balance(Account::Bond(contract, slot))).collect();
        while world.known(contract).state.is_open() {
            if world.market.epoch().0.is_multiple_of(MONTH) {
                check(&world.market).expect("what must hold holds");
            }
            live(&mut world, &mut machines);
        }
        check(&world.market).expect("what must hold holds");
        assert_eq!(world.known(contract).state, ContractState::Settled);
        for slot in 0..4 {
            let provider: Did = world.provider(contract, slot);
            let machines = &machines[usize::from(provider.0[0] - FIRST)];
            let due = earned(&world, contract, slot, machines);
            let bond = bonds[usize::from(slot)];
            assert_eq!(world.share(contract, provider), (due, bond, 0), "{year}: slot {slot}");
            assert_eq!(world.money(provider), DEPOSIT + due);
            let score = world.market.score(&provider);
            assert_eq!(score.standing, Standing::High, "{year}: slot {slot}: {score:?}");
            away += machines.away;
            outages += machines.outages;
        }
        assert!(world.market.epoch() > Epoch(YEAR));
    }
    let lived = 4 * YEARS;
    println!(
        "{lived} provider-years: {outages} outages, {away} hours away, announced ones among them"
    );
    assert!(outages >= 2 * lived && outages <= 6 * lived, "the model's own rate");
}
