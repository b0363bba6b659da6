//! What others ask: the prices that a quarter, half and three quarters of what is offered can be had for.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::{Bytes, Price, Tier};

/// A standing ask, as far as a suggestion looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The price on the hot tier.
    pub price: Price,
    /// What is offered and not sold.
    pub free: Bytes,
    /// Where.
    pub region: &'a str,
    /// The tiers it serves.
    pub tiers: &'a [Tier],
}

/// What providers ask on one tier, in one region or in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The tier.
    pub tier: Tier,
    /// The region; nothing for all of them.
    pub region: Option<String>,
    /// How many asks there are.
    pub asks: u64,
    /// What they offer and have not sold, in all.
    pub free: Bytes,
    /// A quarter of that can be had for this or less, per GB and day on the tier.
    pub low: Price,
    /// Half.
    pub middle: Price,
    /// Three quarters.
    pub high: Price,
}

/// What is offered in one tier and region: prices, and how much is free at each.
type Offered = Vec<(Price, Bytes)>;

/// The suggestions from `asks` for every tier, over all regions and then region by region, where anything is offered; `on_tier`
/// says what a hot price is on a tier. Asks that have nothing left to sell say nothing about the price.
pub fn suggest<'a>(
    asks: impl IntoIterator<Item = Listed<'a>>,
    on_tier: impl Fn(Price, Tier) -> Option<Price>,
) -> Vec<Suggestion> {
    let mut groups: BTreeMap<(u8, Option<&str>), Offered> = BTreeMap::new();
    for ask in asks.into_iter().filter(|ask| ask.free.0 > 0) {
        for tier in ask.tiers {
            for region in [None, Some(ask.region)] {
                groups.entry((*tier as u8, region)).or_default().push((ask.price, ask.free));
            }
        }
    }
    let mut found = Vec::with_capacity(groups.len());
    for ((number, region), mut offered) in groups {
        let tier = Tier::ALL.into_iter().find(|tier| *tier as u8 == number);
        offered.sort_unstable();
        let row = tier.and_then(|tier| summed_up(tier, region, &offered, &on_tier));
        found.extend(row);
    }
    found
}

/// The suggestion from what is `offered`, the cheapest first.
fn summed_up(
    tier: Tier,
    region: Option<&str>,
    offered: &[(Price, Bytes)],
    on_tier: &impl Fn(Price, Tier) -> Option<Price>,
) -> Option<Suggestion> {
    let total: u128 = offered.iter().map(|(_, free)| u128::from(free.0)).sum();
    let quantile = |quarters: u128| {
        let mut upto = 0u128;
        let reached = offered.iter().find(|(_, free)| {
            upto += u128::from(free.0);
            upto * 4 >= total * quarters
        });
        reached.and_then(|(price, _)| on_tier(*price, tier))
    };
    Some(Suggestion {
        tier,
        region: region.map(str::to_owned),
        asks: u64::try_from(offered.len()).unwrap_or(u64::MAX),
        free: Bytes(u64::try_from(total).unwrap_or(u64::MAX)),
        low: quantile(1)?,
        middle: quantile(2)?,
        high: quantile(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PricingPolicy;

    #[test]
    fn quarters_are_weighted_by_what_is_free_per_tier_and_region() {
        let all = Tier::ALL;
        let listed = |price, free, region, tiers| Listed {
            price: Price::whole(price),
            free: Bytes(free),
            region,
            tiers,
        };
        let asks = [
            listed(50, 10, "eu", &all[..]),
            listed(80, 20, "eu", &all[..]),
            listed(100, 40, "us", &all[..1]),
            listed(900, 30, "us", &all[..1]),
            listed(1, 0, "asia", &all[..]),
        ];
        let policy = PricingPolicy::default();
        let found = suggest(asks, |price, tier| policy.on_tier(price, tier).ok());
        let row = |tier, region: Option<&str>| {
            let row = found.iter().find(|row| row.tier == tier && row.region.as_deref() == region);
            row.map(|row| {
                (row.asks, row.free.0, [row.low, row.middle, row.high].map(|p| p.to_string()))
            })
        };
        let prices = |low: &str, middle: &str, high: &str| [low, middle, high].map(str::to_owned);
        assert_eq!(row(Tier::Hot, None), Some((4, 100, prices("80", "100", "900"))));
        assert_eq!(row(Tier::Hot, Some("eu")), Some((2, 30, prices("50", "80", "80"))));
        assert_eq!(row(Tier::Cold, None), Some((2, 30, prices("20", "32", "32"))));
        assert_eq!(row(Tier::Cold, Some("us")), None);
        assert_eq!(row(Tier::Hot, Some("asia")), None, "nothing is left there");
    }
}
