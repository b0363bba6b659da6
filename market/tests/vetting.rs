//! Vetting by the shipped rules: how long a newcomer without a slot is New, however many others are, and what does not make
//! it shorter.
#![cfg(test)]

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::{AUDITOR, MARKET, World, did, honest, signed};
use market::{Command, Event, check, schedule};
use std::collections::BTreeMap;
use types::documents::{Ask, Measurement};
use types::{Did, Epoch, Hash, Standing};

/// What vetting takes: four weeks of hours.
const VETTING: u64 = 672;
/// How long the stories go on.
const EPOCHS: u64 = 700;

/// A market in which nobody has a slot.
struct Crowd {
    world: World,
    /// When each provider left New, and for what.
    left: BTreeMap<Did, (Epoch, Standing)>,
}

/// Who measures from where in an epoch, and how many of so many probes the provider answers.
type Seen = (u8, &'static str, u32, u32);

/// The market's own question, answered.
const THERE: &[Seen] = &[(MARKET, "market", 1, 1)];

impl Crowd {
    fn of(newcomers: u64) -> Self {
        let mut crowd = Self { world: World::lasting(EPOCHS, honest), left: BTreeMap::new() };
        (0..newcomers).for_each(|number| crowd.join(name(number)));
        crowd
    }

    /// Judges and applies a command that must be taken. What must hold is checked by the epoch: it takes a pass over everybody.
    fn done(&mut self, command: &Command) -> Vec<Event> {
        let name = command.name();
        let events = self.world.market.decide(self.world.now, command);
        let events = events.unwrap_or_else(|refusal| panic!("{name} is refused: {refusal}"));
        for event in &events {
            self.world.market.apply(event);
        }
        events
    }

    fn join(&mut self, provider: Did) {
        let ask = Ask { provider, operator: provider.to_string(), ..self.world.ask_of(1) };
        self.done(&Command::PublishAsk { ask: signed(ask), network: provider.to_string() });
    }

    /// Opens the next epoch, in which everybody whom the schedule names is measured as `seen` says.
    fn live(&mut self, seen: impl Fn(Did, Epoch) -> &'static [Seen]) {
        let open = self.world.open_epoch().expect("epochs enough");
        for event in self.done(&open) {
            if let Event::StandingChanged { provider, epoch, change } = event
                && change.from == Standing::New
                && change.is_new_standing()
            {
                self.left.insert(provider, (epoch, change.to));
            }
        }
        let epoch = self.world.market.epoch();
        for provider in schedule::unaudited(&self.world.market, self.world.now) {
            for (auditor, vantage, probes, answered) in seen(provider, epoch) {
                let measurement = Measurement {
                    auditor: did(*auditor),
                    vantage: (*vantage).to_owned(),
                    provider,
                    epoch,
                    probes: *probes,
                    answered: *answered,
                    first_byte_ms: 20,
                    throughput: 0,
                };
                self.done(&Command::Measure(signed(measurement)));
            }
        }
    }

    fn standing(&self, provider: Did) -> Standing {
        self.world.market.score(&provider).standing
    }
}

fn name(number: u64) -> Did {
    Did(Hash::of(&number.to_le_bytes()).0)
}

#[test]
fn a_newcomer_without_a_slot_is_vetted_as_soon_among_a_thousand_as_among_ten() {
    for newcomers in [10, 100, 1_000] {
        let mut crowd = Crowd::of(newcomers);
        for _ in 0..VETTING {
            assert!(crowd.left.is_empty(), "{newcomers}: {:?}", crowd.left.first_key_value());
            crowd.live(|_, _| THERE);
        }
        check(&crowd.world.market).expect("what must hold holds");
        let vetted = (Epoch(VETTING), Standing::Standard);
        assert_eq!(crowd.left.len() as u64, newcomers);
        assert!(crowd.left.values().all(|left| *left == vetted), "{newcomers}: {:?}", crowd.left);
    }
}

#[test]
fn more_names_and_more_vantage_points_vet_nobody_sooner() {
    const FROM_ALL_OVER: &[Seen] = &[
        (AUDITOR, "eu", 400, 400),
        (AUDITOR, "us", 400, 400),
        (MARKET, "a", 400, 400),
        (MARKET, "b", 9, 9),
    ];
    let mut crowd = Crowd::of(2);
    let mut names = 2;
    let favoured = name(0);
    while crowd.left.len() < 2 {
        crowd.live(|provider, _| if provider == favoured { FROM_ALL_OVER } else { THERE });
        // A name more every week, to no avail for any of them.
        if crowd.world.market.epoch().0.is_multiple_of(168) {
            crowd.join(name(names));
            names += 1;
        }
    }
    assert_eq!(crowd.left.get(&favoured), Some(&(Epoch(VETTING), Standing::Standard)));
    assert_eq!(crowd.left.get(&name(1)), crowd.left.get(&favoured));
    assert!((2..names).all(|later| crowd.standing(name(later)) == Standing::New));
}

#[test]
fn whom_the_market_does_not_find_there_is_not_vetted() {
    /// Answers the auditor alone, which has no word without the market's.
    const ELSEWHERE: &[Seen] = &[(AUDITOR, "eu", 4, 4)];
    /// Is not there.
    const AWAY: &[Seen] = &[(MARKET, "market", 1, 0)];
    let [steady, unheard, nightly, gone] = [0, 1, 2, 3].map(name);
    let mut crowd = Crowd::of(4);
    for _ in 0..VETTING {
        crowd.live(|provider, epoch| {
            if provider == unheard {
                ELSEWHERE
            } else if provider == gone || provider == nightly && epoch.0 % 24 < 8 {
                AWAY
            } else {
                THERE
            }
        });
    }
    assert_eq!(crowd.standing(steady), Standing::Standard);
    assert_eq!(crowd.standing(unheard), Standing::New, "nothing is known of it");
    assert!(crowd.standing(nightly) < Standing::New, "eight hours a day are more than an outage");
    assert_eq!(crowd.standing(gone), Standing::Banned);
}

#[test]
fn vetting_without_a_slot_gives_a_newcomers_room() {
    let mut crowd = Crowd::of(1);
    (0..VETTING).for_each(|_| crowd.live(|_, _| THERE));
    let (score, policy) =
        (crowd.world.market.score(&name(0)), &crowd.world.market.genesis().reputation);
    assert_eq!(score.standing, Standing::Standard);
    let all = types::Bytes(u64::MAX);
    assert_eq!(policy.room(&score, all), policy.newcomers.total_max, "it has proven no byte");
}
