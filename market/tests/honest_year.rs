//! A year of honest providers under the shipped rules. Those whose outages are all announced, within what the terms allow,
//! lose nothing. Those with the outages that machines have besides lose the pay of the epochs in which they were away
//! unannounced, and nothing else.
//!
//! Two hours a month are announced, an hour an epoch. The other outages are those of docs/reputation.md: four a year by
//! chance, each as long as a log-normal of median 1 h and σ = 1 says, a day at most; and one answer in a hundred is late.
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
#[derive(Debug)]
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
#[derive(Debug)]
struct Machines {
    chance: Chance,
    /// Whether anything goes wrong that was not announced.
    fails: bool,
    /// Hours of the outage that are left.
    down: f64,
    /// Whether it was away unannounced and has not answered since: its first answer is in time.
    missed: bool,
    /// Epochs without an answer that nothing excuses, and epochs with a late one.
    away: u64,
    late: u64,
    outages: u64,
    /// Epochs without an answer that were announced.
    excused: u64,
}

impl Machines {
    fn of(seed: u64, fails: bool) -> Self {
        let chance = Chance { seed, drawn: 0 };
        Self { chance, fails, down: 0.0, missed: false, away: 0, late: 0, outages: 0, excused: 0 }
    }

    /// How soon it answers in the next hour; nothing where it does not.
    fn answer(&mut self, announced: bool) -> Option<u32> {
        if self.fails && self.down <= 0.0 && self.chance.uniform() * 8_760.0 < 4.0 {
            self.outages += 1;
            self.down = self.chance.normal().exp().min(24.0);
        }
        let away = announced || self.down > 0.0;
        self.down -= 1.0;
        let late = self.fails && !away && !self.missed && self.chance.uniform() < 0.01;
        let excused = announced && !self.missed;
        self.missed = away && !excused;
        self.away += u64::from(self.missed);
        self.excused += u64::from(excused);
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
    // The year's last five days allow less than two hours, and none of them is announced.
    let announced = (10..10 + ANNOUNCED).contains(&hour) && epoch.0 < YEAR / MONTH * MONTH;
    for (provider, challenges) in schedule::routine(&world.market) {
        let machines = &mut machines[usize::from(provider.0[0] - FIRST)];
        let answer = machines.answer(announced);
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

/// What a slot earns in a year of which its provider was away unannounced for some epochs and late in others: base, premium and ingress
/// in full for every epoch with an answer or an excuse, the bonus but for what lateness costs.
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

/// Lives a contract's year with those machines; every provider has at its end what [`earned`] says, and its bond.
fn lived(mut machines: Vec<Machines>) -> Vec<Machines> {
    let (mut world, contract) = founded();
    let bonds: Vec<i64> = (0..4).map(|slot| world.balance(Account::Bond(contract, slot))).collect();
    while world.known(contract).state.is_open() {
        if world.market.epoch().0.is_multiple_of(MONTH) {
            check(&world.market).expect("what must hold holds");
        }
        live(&mut world, &mut machines);
    }
    check(&world.market).expect("what must hold holds");
    assert_eq!(world.known(contract).state, ContractState::Settled);
    assert!(world.market.epoch() > Epoch(YEAR));
    for slot in 0..4 {
        let provider: Did = world.provider(contract, slot);
        let due = earned(&world, contract, slot, &machines[usize::from(provider.0[0] - FIRST)]);
        let bond = bonds[usize::from(slot)];
        assert_eq!(world.share(contract, provider), (due, bond, 0), "slot {slot}");
        assert_eq!(world.money(provider), DEPOSIT + due);
        let score = world.market.score(&provider);
        assert_eq!(score.standing, Standing::High, "slot {slot}: {score:?}");
    }
    machines
}

#[test]
fn honest_providers_whose_outages_are_announced_lose_nothing_in_a_year() {
    let machines = lived((0..4).map(|n| Machines::of(n, false)).collect());
    assert!(machines.iter().all(|m| m.excused == ANNOUNCED * (YEAR / MONTH)), "{machines:?}");
    assert!(machines.iter().all(|m| (m.away, m.late) == (0, 0)), "they are paid in full");
}

#[test]
fn honest_providers_lose_nothing_in_a_year_but_the_pay_of_the_epochs_they_were_away_unannounced() {
    let years =
        (0..YEARS).map(|year| lived((0..4).map(|n| Machines::of(4 * year + n, true)).collect()));
    let machines: Vec<Machines> = years.flatten().collect();
    let sum = |of: fn(&Machines) -> u64| machines.iter().map(of).sum::<u64>();
    let (lived, outages) = (4 * YEARS, sum(|m| m.outages));
    println!(
        "{lived} provider-years: {outages} outages, {} hours away, {} more announced",
        sum(|m| m.away),
        sum(|m| m.excused)
    );
    assert!(outages >= 2 * lived && outages <= 6 * lived, "the model's own rate");
}
