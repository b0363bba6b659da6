//! What a provider answers to counters, full and empty, round by round.

use super::*;
use crate::Offer;
use types::documents::{AuditPlan, QuotedSlot};
use types::{Bytes, CostVector, Did, Hash, Msat, SlotCost, Terms, Tier, Timestamp};

const ME: Did = Did([1; 32]);
const CLIENT: Did = Did([2; 32]);
const STRATEGY: fn() -> Strategy =
    || Strategy { floor: Price::whole(60), target_ppm: 800_000, rounds: 2 };

fn standing() -> Ask {
    let offer = Offer::new(Bytes(1_000), Price::whole(100), "me".into());
    offer.ask(ME, "http://127.0.0.1:1".into(), Timestamp(5))
}

fn quote(tier: Tier) -> Quote {
    let mut terms = Terms::standard(Bytes(1_000_000_000), Span(10 * Span::DAY.0));
    terms.tier = tier;
    let slot = QuotedSlot {
        provider: ME,
        ask: Hash([4; 32]),
        price: Price::whole(100),
        egress: GbPrice::whole(10),
        ingress: GbPrice::whole(0),
        minimum_use: Bytes(0),
        cost: SlotCost::default(),
        bond: Msat(0),
        held_bond_max: Msat(0),
    };
    Quote {
        market: Did([9; 32]),
        client: CLIENT,
        request: Hash([5; 32]),
        counter: None,
        round: 0,
        terms,
        epoch: Span::DAY,
        epochs: 10,
        slots: vec![slot],
        reserves: Vec::new(),
        cost: CostVector::default(),
        audit: AuditPlan {
            challenges: 459,
            within: Span(7 * Span::DAY.0),
            confidence_ppm: 990_000,
            capped: false,
        },
        excluded: Vec::new(),
        excluded_count: 0,
        issued: Timestamp(0),
        expires: Timestamp(10),
    }
}

/// What is answered to an offer of `price` in `round` when so many percent are sold.
fn answered(price: &str, round: u8, percent: u64, tier: Tier) -> Result<String, String> {
    let counter = Counter {
        client: CLIENT,
        quote: Hash([6; 32]),
        round,
        price_max: price.parse().unwrap(),
        egress_max: GbPrice::whole(10),
    };
    let quote = quote(tier);
    let asked =
        Asked { counter: &counter, id: Hash([7; 32]), quote: &quote, rates: &TierRates::default() };
    let taken = Use { capacity: Bytes(100), sold: Bytes(percent) };
    let answer = STRATEGY().answer(&asked, &standing(), taken);
    answer.map(|ask| ask.price.to_string()).map_err(|unmoved| unmoved.to_string())
}

#[test]
fn the_emptier_it_is_the_lower_it_goes_round_by_round() {
    let hot = |price, round, percent| answered(price, round, percent, Tier::Hot).unwrap();
    assert_eq!(hot("60", 1, 0), "80", "half the way in the first of two rounds");
    assert_eq!(hot("60", 2, 0), "60");
    assert_eq!(hot("60", 3, 0), "60", "and no further");
    assert_eq!(hot("60", 2, 40), "80", "half of the target sold, half the way");
    assert_eq!(hot("90", 1, 0), "90", "never less than is offered");
    assert_eq!(hot("150", 1, 0), "100", "and never more than the standing ask");
    assert_eq!(hot("100", 1, 100), "100", "what is asked anyway is not refused");
}

#[test]
fn on_another_tier_it_asks_so_that_the_tier_comes_to_what_is_offered() {
    assert_eq!(answered("24", 2, 0, Tier::Cold).unwrap(), "60");
    assert_eq!(answered("32.5", 2, 0, Tier::Cold).unwrap(), "81.25");
    let refused = answered("23.9", 2, 0, Tier::Cold).unwrap_err();
    assert_eq!(refused, "23.9 msat per GB and day are offered and 24 is the least on this tier");
}

#[test]
fn the_markets_rates_count_not_the_usual_ones() {
    let rates = TierRates { cold_ppm: 800_000, ..TierRates::default() };
    let quote = quote(Tier::Cold);
    let counter = |price| Counter {
        client: CLIENT,
        quote: Hash([6; 32]),
        round: 2,
        price_max: Price::whole(price),
        egress_max: GbPrice::whole(10),
    };
    let taken = Use { capacity: Bytes(100), sold: Bytes(0) };
    let answer = |counter: &Counter| {
        let asked = Asked { counter, id: Hash([7; 32]), quote: &quote, rates: &rates };
        STRATEGY().answer(&asked, &standing(), taken)
    };
    assert_eq!(answer(&counter(56)).unwrap().price, Price::whole(70));
    let refused = answer(&counter(47)).unwrap_err().to_string();
    assert!(refused.contains("48 is the least on this tier"), "{refused}");
}

#[test]
fn refusals_carry_figures() {
    let hot = |price, percent| answered(price, 1, percent, Tier::Hot).unwrap_err();
    assert_eq!(hot("59", 0), "59 msat per GB and day are offered and 60 is the least on this tier");
    assert_eq!(
        hot("99", 80),
        "800 permille of its room are sold, and from 800 on it asks 100 msat per GB and day and no less"
    );
    let mut dear = standing();
    dear.egress = GbPrice::whole(11);
    let counter = Counter {
        client: CLIENT,
        quote: Hash([6; 32]),
        round: 1,
        price_max: Price::whole(100),
        egress_max: GbPrice::whole(10),
    };
    let quote = quote(Tier::Hot);
    let asked =
        Asked { counter: &counter, id: Hash([7; 32]), quote: &quote, rates: &TierRates::default() };
    let taken = Use { capacity: Bytes(100), sold: Bytes(0) };
    let refused = STRATEGY().answer(&asked, &dear, taken).unwrap_err();
    assert!(matches!(refused, Unmoved::Reads { .. }), "{refused}");
    let stranger = Ask { provider: Did([8; 32]), ..standing() };
    assert_eq!(STRATEGY().answer(&asked, &stranger, taken), Err(Unmoved::NotOurs));
}

#[test]
fn the_answer_is_for_that_counter_alone_and_changes_the_price_alone() {
    let counter = Counter {
        client: CLIENT,
        quote: Hash([6; 32]),
        round: 2,
        price_max: Price::whole(70),
        egress_max: GbPrice::whole(10),
    };
    let quote = quote(Tier::Hot);
    let asked =
        Asked { counter: &counter, id: Hash([7; 32]), quote: &quote, rates: &TierRates::default() };
    let taken = Use { capacity: Bytes(100), sold: Bytes(0) };
    let ask = STRATEGY().answer(&asked, &standing(), taken).unwrap();
    assert_eq!((ask.counter, ask.price), (Some(Hash([7; 32])), Price::whole(70)));
    assert_eq!(ask.tiers, [Tier::Hot]);
    let tiers = Tier::ALL.to_vec();
    assert_eq!(Ask { counter: None, price: Price::whole(100), tiers, ..ask }, standing());
}
