//! The auction against its definition: who wins, up to what limit, and that nothing is gained by asking another price.

use super::*;
use proptest::prelude::*;

const RULES: Rules =
    Rules { slots: 3, spare: 1, distinct_operators: true, distinct_networks: true, seed: 7 };

fn bid(name: u8, cost: u64, operator: u64, network: u64) -> Bid {
    Bid { cost, provider: Did([name; 32]), operator, network }
}

fn clear(bids: &[Bid], rules: Rules) -> Vec<Won> {
    Auction::new(bids, rules, |_| true).clear()
}

#[test]
fn the_cheapest_that_fit_beside_each_other_win_up_to_the_first_ask_that_loses() {
    let bids = [
        bid(1, 50, 1, 1),
        bid(2, 10, 2, 2),
        bid(3, 20, 2, 3),
        bid(4, 30, 4, 2),
        bid(5, 40, 5, 5),
        bid(6, 60, 6, 6),
        bid(7, 70, 7, 7),
    ];
    let won = |at, limit| Won { at, limit };
    // Without 2, 3 and 4 are free to win: 3 shares its operator, so 20 is 2's limit. 5 and 1 lose to 6.
    let expected = [won(1, Some(20)), won(4, Some(60)), won(0, Some(60)), won(5, None)];
    assert_eq!(clear(&bids, RULES), expected);
    let alike = Rules { distinct_operators: false, distinct_networks: false, ..RULES };
    let expected = [won(1, Some(40)), won(2, Some(40)), won(3, Some(40)), won(4, None)];
    assert_eq!(clear(&bids, alike), expected);
}

#[test]
fn who_has_a_slot_already_and_who_is_not_admitted_takes_no_part() {
    let bids = [bid(1, 10, 1, 1), bid(2, 20, 2, 2), bid(3, 30, 3, 3), bid(4, 40, 4, 4)];
    let mut asked = Vec::new();
    let rules = Rules { slots: 1, spare: 0, ..RULES };
    let mut auction = Auction::new(&bids, rules, |at| {
        asked.push(at);
        at != 1
    });
    auction.keep_apart_from(&bid(9, 0, 1, 9));
    assert_eq!(auction.clear(), [Won { at: 2, limit: Some(40) }]);
    assert_eq!(asked, [0, 1, 2, 3]);
}

#[test]
fn too_few_win_what_there_is_and_nobody_limits_them() {
    let bids = [bid(1, 10, 1, 1), bid(2, 20, 2, 2)];
    let expected = [Won { at: 0, limit: None }, Won { at: 1, limit: None }];
    assert_eq!(clear(&bids, RULES), expected);
    assert_eq!(clear(&[], RULES), []);
}

#[test]
fn ties_are_broken_by_the_seed_and_then_by_the_provider() {
    let bids: Vec<Bid> = (0..20).map(|n| bid(n, 5, n.into(), n.into())).collect();
    let first = |seed| clear(&bids, Rules { seed, ..RULES })[0].at;
    assert_eq!(first(1), first(1));
    assert!((0..20).any(|seed| first(seed) != first(0)), "the seed matters");
    // Two that the seed cannot tell apart, since it looks at the first eight bytes alone.
    let (mut low, mut high) = (bid(1, 5, 1, 1), bid(1, 5, 2, 2));
    (low.provider.0[31], high.provider.0[31]) = (0, 9);
    let one = Rules { slots: 1, spare: 0, ..RULES };
    assert_eq!(clear(&[high, low], one)[0].at, 1);
}

fn bids() -> impl Strategy<Value = Vec<Bid>> {
    prop::collection::vec((0u64..60, 0u64..10, 0u64..10), 1..25).prop_map(|rows| {
        let named = (0u8..).zip(rows);
        named.map(|(name, (cost, operator, network))| bid(name, cost, operator, network)).collect()
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    (1usize..6, 0usize..3, any::<bool>(), any::<bool>(), any::<u64>()).prop_map(
        |(slots, spare, distinct_operators, distinct_networks, seed)| Rules {
            slots,
            spare,
            distinct_operators,
            distinct_networks,
            seed,
        },
    )
}

/// The limit of `at` if it has a slot, and none if not.
fn slot_of(bids: &[Bid], rules: Rules, at: usize) -> Option<Won> {
    let won = clear(bids, rules);
    won.into_iter().take(rules.slots).find(|won| won.at == at)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Monotone: whoever wins would win with less. And the limit is exact: below it the slot is won, above it lost.
    #[test]
    fn whoever_wins_wins_with_any_ask_below_its_limit_and_with_none_above(
        bids in bids(), rules in rules(), other in 0u64..70,
    ) {
        for at in 0..bids.len() {
            let Some(Won { limit, .. }) = slot_of(&bids, rules, at) else { continue };
            let mut changed = bids.clone();
            changed[at].cost = other;
            let again = slot_of(&changed, rules, at);
            match limit {
                Some(limit) if other > limit => prop_assert!(again.is_none()),
                Some(limit) if other == limit => {}
                _ => prop_assert_eq!(again.map(|won| won.limit), Some(limit), "the limit does not depend on the ask"),
            }
        }
    }

    /// Truthful: paid its limit (its ceiling where there is none), no provider gains by asking anything but its cost.
    #[test]
    fn no_other_ask_earns_more_than_the_truth(
        bids in bids(), rules in rules(), other in 0u64..80, ceiling in 60u64..70,
    ) {
        // What asks above the client's ceiling takes no part.
        let gain = |asks: &[Bid], at: usize, worth: u64| {
            let admitted = |at: usize| asks[at].cost <= ceiling;
            let won = Auction::new(asks, rules, admitted).clear();
            let paid = won.iter().take(rules.slots).find(|won| won.at == at);
            paid.map_or(0, |won| {
                let paid = won.limit.unwrap_or(ceiling).min(ceiling);
                i128::from(paid) - i128::from(worth)
            })
        };
        for at in 0..bids.len() {
            let worth = bids[at].cost;
            let mut lying = bids.clone();
            lying[at].cost = other;
            prop_assert!(gain(&bids, at, worth) >= gain(&lying, at, worth));
            prop_assert!(gain(&bids, at, worth) >= 0);
        }
    }

    #[test]
    fn winners_never_share_what_must_be_distinct_and_are_the_cheapest(bids in bids(), rules in rules()) {
        let won = clear(&bids, rules);
        let all: Vec<&Bid> = won.iter().map(|won| &bids[won.at]).collect();
        prop_assert!(all.is_sorted_by_key(|bid| bid.cost));
        for (number, bid) in all.iter().enumerate() {
            for other in &all[..number] {
                prop_assert!(!rules.distinct_operators || bid.operator != other.operator);
                prop_assert!(!rules.distinct_networks || bid.network != other.network);
            }
        }
        let mut shuffled = bids.clone();
        shuffled.reverse();
        let again = clear(&shuffled, rules);
        let names = |bids: &[Bid], won: &[Won]| won.iter().map(|won| bids[won.at].provider).collect::<Vec<_>>();
        prop_assert_eq!(names(&bids, &won), names(&shuffled, &again), "the order they came in does not matter");
    }
}
