//! A year under the default policy: rare outages cost nobody its place, a new name is no way out.

use reputation::{Evidence, Outcome, Record, ReputationPolicy, weight};
use types::{Dimension, Epoch, Hash, Score, Standing};

const YEAR: u64 = 8_760;
const WEEK: u64 = 168;

/// A small generator (`SplitMix64`), so that every run draws the same.
struct Chance(u64);

impl Chance {
    /// True with a probability of `ppm` in a million.
    fn strikes(&mut self, ppm: u64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1_000_000 < ppm
    }
}

/// Opens epochs 1 to `epochs`; in each, `fails` says how many of `slots` fail in `dimension`. Stops at a ban, and says when.
fn live(
    record: &mut Record,
    dimension: Dimension,
    slots: u32,
    epochs: std::ops::RangeInclusive<u64>,
    mut fails: impl FnMut(u64) -> u32,
) -> Option<u64> {
    let policy = ReputationPolicy::default();
    for epoch in epochs {
        if let Some(change) = record.review(&policy, Epoch(epoch)) {
            record.adopt(&policy, &change, Epoch(epoch));
        }
        if record.score().standing == Standing::Banned {
            return Some(epoch);
        }
        let bad = fails(epoch);
        let evidence = Evidence { epoch: Epoch(epoch), document: Hash::default() };
        record.note(&policy, Outcome { dimension, good: slots - bad, bad }, evidence);
    }
    None
}

#[test]
fn the_estimate_alone_would_never_have_expelled_it() {
    let policy = ReputationPolicy::default();
    let mut tally = reputation::tally::Tally::default();
    for epoch in 1..=10 * YEAR {
        tally.observe(&policy.tally, Epoch(epoch), 20_000);
        let bound = tally.bound(&policy.tally);
        assert!(
            epoch < 300 || bound >= policy.dimension(Dimension::Availability).bound_min,
            "{epoch}: {bound}"
        );
    }
}

#[test]
fn outages_of_a_thousandth_cost_no_honest_provider_its_place() {
    for (runs, slots) in [(100u64, 1u32), (20, 100)] {
        for seed in 0..runs {
            let mut chance = Chance(seed);
            let mut record = Record::new(Epoch(0));
            // All slots go down together: the worst there is for the large.
            let fails = |_| if chance.strikes(1_000) { slots } else { 0 };
            assert_eq!(live(&mut record, Dimension::Availability, slots, 1..=YEAR, fails), None);
            assert!(record.score().standing >= Standing::Standard, "{seed}: {:?}", record.score());
        }
    }
}

#[test]
fn a_whole_years_outages_at_once_cost_no_vetted_provider_its_place() {
    for start in [1_000, 4_000, 8_700] {
        let mut record = Record::new(Epoch(0));
        let fails = |epoch| if (start..start + 9).contains(&epoch) { 10 } else { 0 };
        assert_eq!(live(&mut record, Dimension::Availability, 10, 1..=YEAR, fails), None);
        assert!(record.score().standing >= Standing::Standard, "{start}: {:?}", record.score());
    }
}

/// So many of ten slots fail, once in so many epochs.
#[derive(Clone, Copy)]
struct Conduct {
    every: u64,
    failing: u32,
}

impl Conduct {
    fn at(self, epoch: u64) -> u32 {
        if epoch.is_multiple_of(self.every) { self.failing } else { 0 }
    }
}

/// A provider whose `conduct` has just made it Low, and the epoch.
fn fallen(dimension: Dimension, conduct: Conduct) -> (Record, u64) {
    let mut record = Record::new(Epoch(0));
    for week in 0..20 {
        let from = week * WEEK;
        if record.score().standing == Standing::Low {
            return (record, from);
        }
        live(&mut record, dimension, 10, from + 1..=from + WEEK, |epoch| conduct.at(epoch));
    }
    panic!("never Low: {:?}", record.score());
}

#[test]
fn whoever_is_low_does_better_under_its_old_name() {
    let policy = ReputationPolicy::default();
    let conduct = |every, failing| Conduct { every, failing };
    let cases = [
        (
            Dimension::Latency,
            conduct(9, 10),
            [conduct(u64::MAX, 0), conduct(300, 10), conduct(60, 10)],
        ),
        (
            Dimension::Possession,
            conduct(20, 1),
            [conduct(u64::MAX, 0), conduct(400, 1), conduct(150, 1)],
        ),
    ];
    for (dimension, bad, grades_of_well) in cases {
        let (fled, now) = fallen(dimension, bad);
        for well in grades_of_well {
            let (mut old, mut new) = (fled.clone(), Record::new(Epoch(now)));
            for from in (0..60).map(|week| now + week * WEEK) {
                for record in [&mut old, &mut new] {
                    live(record, dimension, 10, from + 1..=from + WEEK, |epoch| well.at(epoch));
                }
                let (old, new) = (old.score(), new.score());
                let worth = |score: Score| weight(&policy, &score, 1, 1);
                let both_up = old.standing == new.standing && old.standing >= Standing::Standard;
                assert!(
                    worth(old) > worth(new) || both_up,
                    "{dimension:?} {from}: {old:?} {new:?}"
                );
            }
        }
    }
}
