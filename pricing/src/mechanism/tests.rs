//! What the winners are paid, mechanism by mechanism.

use super::*;
use crate::cost::tests::ask;
use crate::{PricingPolicy, slot_price};
use types::documents::Ask;
use types::{Bytes, GbPrice, Span, Terms};

fn terms() -> Terms {
    let mut terms = Terms::standard(Bytes(400_000_000_000), Span(10 * Span::DAY.0));
    terms.shard_bytes = 1_000_000;
    terms
}

/// What the winners are paid, where `loser` is the first ask to lose.
fn paid(
    mechanism: MechanismKind,
    winners: &[Ask],
    loser: Option<&Ask>,
    ceiling: Option<u32>,
) -> Vec<String> {
    let (policy, terms) = (PricingPolicy::default(), terms());
    let work = SlotWork::of(&policy, &terms, terms.duration);
    let limit = loser.map(|ask| Rate::of(ask).unwrap().cost_micro(&work));
    let rates: Vec<Rate> = winners.iter().map(|ask| Rate::of(ask).unwrap()).collect();
    let winners: Vec<Winner<'_>> = winners
        .iter()
        .zip(&rates)
        .map(|(ask, rate)| {
            let asked = slot_price(&policy, ask, &terms, terms.duration).unwrap();
            Winner { asked, rate, limit }
        })
        .collect();
    let paying = Paying { work: &work, ceiling: ceiling.map(Price::whole) };
    let prices = mechanism.slot_prices(&paying, &winners).unwrap();
    prices.iter().map(|price| price.0.round_dp(4).normalize().to_string()).collect()
}

#[test]
fn posted_asks_and_bids_are_paid_as_asked_whatever_the_others_ask() {
    let (asks, loser) = ([ask(120), ask(80)], ask(500));
    for mechanism in [MechanismKind::PostedAsk, MechanismKind::PayAsBid] {
        assert_eq!(paid(mechanism, &asks, Some(&loser), None), ["120", "80"]);
    }
    assert!(!MechanismKind::PostedAsk.is_auction() && MechanismKind::PayAsBid.is_auction());
}

#[test]
fn the_clearing_price_is_the_first_losing_ask_capped_by_the_ceiling() {
    let (clearing, asks, loser) = (MechanismKind::ClearingPrice, [ask(80), ask(90)], ask(110));
    assert_eq!(paid(clearing, &asks, Some(&loser), None), ["110", "110"]);
    assert_eq!(paid(clearing, &asks, Some(&loser), Some(100)), ["100", "100"]);
    assert_eq!(paid(clearing, &asks, None, Some(100)), ["100", "100"]);
    assert_eq!(paid(clearing, &asks, None, None), ["90", "90"], "as the dearest winner asks");
}

#[test]
fn a_winner_that_charges_for_moving_is_paid_that_much_less_for_keeping() {
    let mut moves = ask(80);
    moves.ingress = GbPrice::whole(100);
    let prices = paid(MechanismKind::ClearingPrice, &[ask(80), moves], Some(&ask(110)), None);
    // 100 msat per GB once are 10 msat per GB and day over ten days.
    assert_eq!(prices, ["110", "100"]);
}
