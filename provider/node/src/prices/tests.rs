//! Prices that follow what is sold and what a bitcoin costs, and asks that are withdrawn when that is not known.

use super::*;
use provider::Demand;
use rust_decimal::Decimal;
use types::{Did, Hash, Span, Timestamp};

fn offer() -> Offer {
    Offer::new(Bytes(1_000), Price::whole(100), "me".into())
}

fn pinned_to(path: &std::path::Path, age_max: Span) -> Pricing {
    let pin = Pin { cents: Decimal::from(300), age_max, jump_max: 2 };
    let place = path.display().to_string();
    let source = RateSource { place, pointer: "/usd".into(), cents: 100 };
    Pricing { pin: Some((pin, source)), ..Pricing::default() }
}

#[test]
fn without_settings_the_price_is_the_operators() {
    let prices = Prices::new(Pricing::default(), &offer());
    prices.remake(&offer(), Bytes(1_000));
    assert_eq!(prices.offer(&offer()), offer());
}

#[test]
fn a_price_that_follows_sales_rises_when_full_and_falls_when_empty() {
    let rule = PriceRule::BaseFee { step_ppm: 100_000, demand: Demand::CAUTIOUS };
    let (floor, ceiling) = (Price::whole(80), Price::whole(200));
    let auto = AutoPricer { floor, ceiling, target_ppm: 500_000, rule };
    let prices = Prices::new(Pricing { auto: Some(auto), ..Pricing::default() }, &offer());
    prices.remake(&offer(), Bytes(1_000));
    assert_eq!(prices.offer(&offer()).price, Price::whole(110));
    (0..9).for_each(|_| prices.remake(&offer(), Bytes(0)));
    assert_eq!(prices.offer(&offer()).price, Price::whole(80));
}

#[tokio::test]
async fn a_pinned_price_waits_for_a_rate_follows_it_and_is_withdrawn_when_it_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rate.json");
    let prices = Prices::new(pinned_to(&path, Span::DAY), &offer());
    assert_eq!(prices.offer(&offer()).capacity, Bytes(0), "nothing is asked before the first rate");
    assert!(prices.look_up().await.unwrap_err().contains("rate.json"));
    std::fs::write(&path, r#"{"usd": 50000}"#).unwrap();
    prices.look_up().await.unwrap();
    prices.remake(&offer(), Bytes(0));
    let now = prices.offer(&offer());
    assert_eq!((now.price, now.capacity), (Price::whole(200), Bytes(1_000)));
    // What jumps is not believed: the last good rate counts.
    std::fs::write(&path, r#"{"usd": 500}"#).unwrap();
    assert!(prices.look_up().await.unwrap_err().contains("at most 2 times"));
    prices.remake(&offer(), Bytes(0));
    assert_eq!(prices.offer(&offer()).price, Price::whole(200));
    // Until it is too old.
    let old = Timestamp(network::clock::now().0 - i64::try_from(2 * Span::DAY.0).unwrap());
    prices.now().rate = Some(BitcoinRate { cents: Decimal::from(5_000_000), at: old });
    prices.remake(&offer(), Bytes(0));
    assert_eq!(prices.offer(&offer()).capacity, Bytes(0));
    assert!(prices.now().withdrawn.as_ref().unwrap().contains("mend its source"));
}

#[test]
fn a_slot_is_taken_at_what_was_signed_for_it() {
    let strategy = Strategy { floor: Price::whole(60), target_ppm: 800_000, rounds: 2 };
    let prices = Prices::new(Pricing { strategy: Some(strategy), ..Pricing::default() }, &offer());
    let ask = |price: u32| {
        let offer = Offer { price: Price::whole(price), tiers: vec![types::Tier::Hot], ..offer() };
        Verified::simulated(offer.ask(Did([1; 32]), "http://127.0.0.1:1".into(), Timestamp(0)))
    };
    let (cheap, dear) = (ask(70), ask(110));
    prices.signed(&cheap);
    prices.signed(&dear);
    assert_eq!(prices.least(cheap.id(), &offer()).price, Price::whole(70));
    assert_eq!(prices.least(dear.id(), &offer()).price, Price::whole(110));
    assert_eq!(
        prices.least(Hash([9; 32]), &offer()).price,
        Price::whole(12),
        "a fifth of the floor: the archive tier"
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let rule = PriceRule::BaseFee { step_ppm: 100_000, demand: Demand::CAUTIOUS };
    let auto = AutoPricer { floor: Price::whole(1), ceiling: Price::whole(2), target_ppm: 1, rule };
    let pinned = pinned_to(std::path::Path::new("x"), Span::DAY);
    let both = Pricing { auto: Some(auto), ..pinned };
    assert_eq!(both.validate(), Err(PricingSettingsError::PinnedBaseFee));
    let often = Pricing { every: Duration::ZERO, ..Pricing::default() };
    assert_eq!(often.validate(), Err(PricingSettingsError::Every(Duration::ZERO)));
    let high = AutoPricer { floor: Price::whole(3), ..auto };
    let text =
        Pricing { auto: Some(high), ..Pricing::default() }.validate().unwrap_err().to_string();
    assert!(text.contains("floor of 3"), "{text}");
    let swinging = PriceRule::BaseFee { step_ppm: 300_000, demand: Demand::CAUTIOUS };
    let auto = AutoPricer { target_ppm: 800_000, rule: swinging, ..auto };
    let text =
        Pricing { auto: Some(auto), ..Pricing::default() }.validate().unwrap_err().to_string();
    assert!(text.contains("300000 ppm") && text.contains("at most 154508"), "{text}");
}
