//! New providers: vetting takes no longer in a larger network, and a new name is worth less than any past but a ban.

#[expect(dead_code, reason = "each test uses a part of it")]
mod common;

use common::{Chance, Life, WEEK, runs};
use proptest::prelude::*;
use reputation::gate::{Figures, Need, TierSet, admit_figures};
use reputation::{ReputationPolicy, weight};
use types::{Bytes, Dimension, Score, Span, Standing, Terms, Tier, Timestamp};

const GB: u64 = 1_000_000_000;
/// New slots that a whole network's clients ask for in an hour, whoever gets them.
const SLOTS_AN_HOUR: f64 = 2.0;

/// How long one newcomer among `newcomers` is New: it is measured every hour, and audited once it is drawn for a slot.
fn vetted_after(seed: u64, newcomers: u32) -> u64 {
    let (mut chance, mut life) = (Chance::of(seed), Life::new(seed % WEEK));
    let (joined, mut holds) = (life.epoch, false);
    while life.standing() == Standing::New && life.epoch < joined + 100 * WEEK {
        holds |= chance.uniform() < SLOTS_AN_HOUR / f64::from(newcomers);
        let slots = u32::from(holds);
        life.live(&[
            (Dimension::Availability, 1 + slots, 0),
            (Dimension::Possession, 3 * slots, 0),
        ]);
    }
    assert_eq!(life.standing(), Standing::Standard);
    life.epoch - joined
}

#[test]
fn vetting_takes_as_long_among_a_hundred_thousand_newcomers_as_among_ten() {
    for newcomers in [10, 100, 1_000, 10_000, 100_000] {
        let times: Vec<u64> = (0..runs(50)).map(|seed| vetted_after(seed, newcomers)).collect();
        let (least, most) = (times.iter().min(), times.iter().max());
        println!("among {newcomers} newcomers: New for {least:?} to {most:?} epochs");
        assert_eq!((least, most), (Some(&(4 * WEEK)), Some(&(4 * WEEK))));
    }
}

/// An hour: what may be bad in it, of three.
type Hour = [u32; 4];

fn hours() -> impl Strategy<Value = Vec<Hour>> {
    let spoilt = prop_oneof![20 => Just(0u32), 1 => 1u32..=3];
    prop::collection::vec([spoilt.clone(), spoilt.clone(), spoilt.clone(), spoilt], 1..400)
}

/// A record that can be reached: `hours`, each lived so often in a row.
fn reached(hours: &[Hour], each: u32) -> Life {
    let mut life = Life::new(0);
    for bad in hours {
        for _ in 0..each {
            let shown = |d: Dimension| (d, 3 - bad[d as usize], bad[d as usize]);
            life.live(&Dimension::ALL.map(shown));
        }
    }
    life
}

fn admits(score: Score, committed: u64, wanted: u64, standing_min: Standing) -> bool {
    let mut terms = Terms::standard(Bytes(4 * wanted * GB), Span::DAY);
    terms.placement.standing_min = standing_min;
    let capacity = Bytes(wanted * GB);
    let need = Need { terms: &terms, capacity, span: Span::DAY, now: Timestamp(0) };
    let figures = Figures {
        capacity: Bytes(u64::MAX),
        committed: Bytes(committed * GB),
        duration_max: Span(u64::MAX),
        expires: Timestamp(i64::MAX),
        tiers: TierSet::of(&Tier::ALL),
        score,
    };
    admit_figures(&ReputationPolicy::default(), &need, &figures).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    /// At the same price and with the same bytes to keep: whoever would do better under a new name is banned.
    #[test]
    fn a_new_name_is_worth_no_more_than_any_past_but_a_ban(
        hours in hours(), each in 1u32..30, cost in 1u64..1_000_000, cheapest in 1u64..1_000_000,
        committed in 0u64..2_000, wanted in 1u64..400,
    ) {
        let policy = ReputationPolicy::default();
        let (fled, fresh) = (reached(&hours, each).record.score(), Score::default());
        if fled.standing != Standing::Banned {
            let [old, new] = [fled, fresh].map(|score| weight(&policy, &score, cost, cheapest));
            prop_assert!(new <= old, "{fled:?}: {old} under its name, {new} under a new one");
            prop_assert!(new < old || fled.standing == Standing::New);
            for least in [Standing::Low, Standing::New, Standing::Standard, Standing::High] {
                prop_assert!(
                    !admits(fresh, committed, wanted, least) || admits(fled, committed, wanted, least),
                    "{fled:?} with {committed} GB is refused {wanted} GB that a new name is given"
                );
            }
        }
    }

    /// Of draws at the same price, so many new names have at most n / (n + 12.5 × the vetted that fit), whatever either has shown.
    #[test]
    fn many_new_names_have_a_bounded_share_of_the_draws(
        names in 1u64..10_000, vetted in 1u64..10_000, bounds in [0u16..=1000, 0u16..=1000, 0u16..=1000, 0u16..=1000],
        cost in any::<u64>(), cheapest in any::<u64>(),
    ) {
        let policy = ReputationPolicy::default();
        let weigh = |standing, bounds| {
            let score = Score { standing, points: 0, bounds };
            u128::from(weight(&policy, &score, cost, cheapest))
        };
        let new = u128::from(names) * weigh(Standing::New, bounds);
        let old = u128::from(vetted) * weigh(Standing::Standard, bounds);
        prop_assert!(2 * new * (2 * u128::from(names) + 25 * u128::from(vetted)) <= 4 * u128::from(names) * (new + old));
    }

    /// Splitting one provider's bytes among new names gives each no more than a new name's room, and the whole no bond less.
    #[test]
    fn new_names_have_room_for_a_terabyte_each_and_a_quarter_in_a_slot(
        committed in 0u64..2_000, wanted in 1u64..2_000,
    ) {
        let admitted = admits(Score::default(), committed, wanted, Standing::Low);
        prop_assert_eq!(admitted, wanted <= 250 && committed + wanted <= 1_000);
    }
}

#[test]
fn a_ban_lasts_ten_good_years() {
    // Under its old name a banned provider gets nothing, for ever.
    let mut life = Life::new(0);
    while !life.is_banned() {
        life.live(&[(Dimension::Possession, 0, 3)]);
    }
    for _ in 0..520 * WEEK {
        life.live(&[(Dimension::Possession, 3, 0)]);
    }
    assert!(life.is_banned());
    assert_eq!(weight(&ReputationPolicy::default(), &life.record.score(), 1, 1), 0);
}
