//! An ask in whole numbers, so that a hundred thousand of them can be compared in a millisecond.
//!
//! These are for choosing, never for charging: they ignore what a charge rounds, and stop at the largest
//! number instead of failing.

use crate::discount::Discounts;
use crate::{PricingError, PricingPolicy};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use types::documents::Ask;
use types::{Bytes, Price, Span, Terms};

/// Fixed-point bits of the amounts a slot multiplies its rates by.
const SHIFT: u32 = 20;
/// One GB-day in byte-microseconds.
const GB_DAY: u128 = 1_000_000_000 * Span::DAY.0 as u128;
/// Parts of the rates' unit in one msat.
const MICROS: u64 = 1_000_000;

/// An ask's prices in millionths of an msat. Made once, when the ask is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// For keeping a GB for a day on the hot tier.
    pub keeping_micro: u64,
    /// For sending a GB out.
    pub egress_micro: u64,
    /// For taking a GB in.
    pub ingress_micro: u64,
    /// A slot earns as if at least this much were kept in it.
    pub minimum_use: Bytes,
    /// What larger slots and longer contracts pay less.
    pub discounts: Option<Box<Discounts>>,
}

impl Rate {
    /// The rates of `ask`, each rounded up to a whole millionth of an msat.
    ///
    /// # Errors
    /// [`PricingError::Price`] when a price is out of range.
    pub fn of(ask: &Ask) -> Result<Self, PricingError> {
        Ok(Self {
            keeping_micro: micros(ask.price.validated()?.0),
            egress_micro: micros(ask.egress.validated()?.0),
            ingress_micro: micros(ask.ingress.validated()?.0),
            minimum_use: ask.minimum_use,
            discounts: Discounts::of(ask).map(Box::new),
        })
    }

    /// What `work` costs at these rates, in millionths of an msat: keeping, taking in and reading together.
    pub fn cost_micro(&self, work: &SlotWork) -> u64 {
        let full = u128::from(self.keeping_micro) * u128::from(self.paid_for(work));
        let keeping = match &self.discounts {
            None => full,
            Some(discounts) => {
                let paid = u128::from(discounts.paid_ppm(work.capacity, work.span));
                full / u128::from(MICROS) * paid
                    + full % u128::from(MICROS) * paid / u128::from(MICROS)
            }
        };
        let whole = keeping.saturating_add(self.moving(work)) >> SHIFT;
        u64::try_from(whole).unwrap_or(u64::MAX)
    }

    /// The price of keeping on the work's tier at which `work` costs `cost_micro`, rounded down to a millionth of an msat;
    /// nothing where moving alone costs more.
    pub fn price_at(&self, work: &SlotWork, cost_micro: u64) -> Option<Price> {
        let keeping = (u128::from(cost_micro) << SHIFT).checked_sub(self.moving(work))?;
        let hot = keeping.checked_div(self.paid_for(work).into())?;
        let on_tier = hot.checked_mul(work.tier_ppm.into())? / u128::from(MICROS);
        let micro = i128::try_from(on_tier).ok()?;
        let price = Decimal::try_from_i128_with_scale(micro, 6).ok()?;
        Price(price.normalize()).validated().ok()
    }

    /// About what is asked for keeping on the work's tier, after discounts, in millionths of an msat; less than one too low.
    pub fn price_micro(&self, work: &SlotWork) -> u64 {
        let discounts = self.discounts.as_ref();
        let paid = discounts.map_or(MICROS, |steps| steps.paid_ppm(work.capacity, work.span));
        let hot = u128::from(self.keeping_micro) * u128::from(paid) / u128::from(MICROS);
        let on_tier = hot.saturating_mul(work.tier_ppm.into()) / u128::from(MICROS);
        u64::try_from(on_tier).unwrap_or(u64::MAX)
    }

    /// The hot-tier GB-days that `work` pays for, in fixed point.
    fn paid_for(&self, work: &SlotWork) -> u64 {
        if self.minimum_use <= work.capacity {
            work.gb_days
        } else {
            work.gb_days_of(self.minimum_use)
        }
    }

    /// What taking in and reading cost, in fixed point.
    fn moving(&self, work: &SlotWork) -> u128 {
        u128::from(self.ingress_micro) * u128::from(work.gb_in)
            + u128::from(self.egress_micro) * u128::from(work.gb_out)
    }
}

/// What a slot asks of its provider, in the form [`Rate::cost_micro`] multiplies with. Made once per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotWork {
    capacity: Bytes,
    span: Span,
    tier_ppm: u32,
    gb_days: u64,
    gb_in: u64,
    gb_out: u64,
}

impl SlotWork {
    /// The work of one slot under `terms` for `span`: its capacity kept and taken in, its part of the reads.
    pub fn of(policy: &PricingPolicy, terms: &Terms, span: Span) -> Self {
        let capacity = terms.slot_capacity();
        let reads = terms.egress.0.div_ceil(u64::from(terms.redundancy.slots().max(1)));
        let mut work = Self {
            capacity,
            span,
            tier_ppm: policy.tiers.of(terms.tier),
            gb_days: 0,
            gb_in: fixed_gb(capacity.0),
            gb_out: fixed_gb(reads),
        };
        work.gb_days = work.gb_days_of(capacity);
        work
    }

    /// The hot-tier GB-days that keeping `bytes` comes to, in fixed point.
    fn gb_days_of(&self, bytes: Bytes) -> u64 {
        let byte_micros = u128::from(bytes.0) * u128::from(self.span.0);
        let hot = byte_micros.saturating_mul(self.tier_ppm.into()) / u128::from(MICROS);
        u64::try_from(hot.saturating_mul(1 << SHIFT).div_ceil(GB_DAY)).unwrap_or(u64::MAX)
    }
}

/// `bytes` in GB, in fixed point, rounded up.
fn fixed_gb(bytes: u64) -> u64 {
    u64::try_from((u128::from(bytes) << SHIFT).div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
}

/// A price that lies in range, in millionths, rounded up.
pub fn micros(price: Decimal) -> u64 {
    let scaled =
        price.round_dp_with_strategy(6, RoundingStrategy::AwayFromZero) * Decimal::from(MICROS);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::tests::ask;
    use types::{GbPrice, Tier};

    fn terms(gigabytes: u64) -> Terms {
        let day = Span(10 * Span::DAY.0);
        let mut terms = Terms::standard(Bytes(gigabytes * 1_000_000_000), day);
        terms.shard_bytes = 1_000_000;
        terms
    }

    #[test]
    fn a_rate_is_the_ask_in_millionths() {
        let mut ask = ask(100);
        ask.egress = "0.0000001".parse().unwrap();
        ask.ingress = GbPrice(Decimal::from(types::price::MAX));
        let rate = Rate::of(&ask).unwrap();
        assert_eq!(rate.keeping_micro, 100_000_000);
        assert_eq!((rate.egress_micro, rate.ingress_micro), (1, types::price::MAX * MICROS));
        ask.price = Price(Decimal::NEGATIVE_ONE);
        assert!(Rate::of(&ask).is_err());
    }

    #[test]
    fn the_comparison_agrees_with_the_charge_to_a_millionth_part() {
        let policy = PricingPolicy::default();
        for tier in Tier::ALL {
            let mut terms = terms(400);
            terms.tier = tier;
            let ask = ask(123);
            let work = SlotWork::of(&policy, &terms, terms.duration);
            let price = policy.on_tier(ask.price, tier).unwrap();
            let exact = price.charge(terms.slot_capacity(), terms.duration).unwrap();
            let compared = Rate::of(&ask).unwrap().cost_micro(&work);
            let exact = u64::try_from(exact.0).unwrap() * MICROS;
            assert!(compared.abs_diff(exact) <= exact / 1_000_000 + MICROS, "{compared} {exact}");
        }
    }

    #[test]
    fn discounts_count_in_the_comparison_as_in_the_charge() {
        let policy = PricingPolicy::default();
        let mut ask = ask(100);
        ask.volume_discounts =
            vec![types::documents::Discount { from: Bytes(50_000_000_000), permille: 250 }];
        let rate = Rate::of(&ask).unwrap();
        for (gigabytes, expected) in [(40, "100"), (400, "75")] {
            let terms = terms(gigabytes);
            let work = SlotWork::of(&policy, &terms, terms.duration);
            let price = crate::slot_price(&policy, &ask, &terms, terms.duration).unwrap();
            assert_eq!(price.to_string(), expected);
            let exact = price.charge(terms.slot_capacity(), terms.duration).unwrap();
            let (exact, compared) =
                (u64::try_from(exact.0).unwrap() * MICROS, rate.cost_micro(&work));
            assert!(compared.abs_diff(exact) <= exact / 1_000_000 + MICROS, "{compared} {exact}");
        }
    }

    #[test]
    fn a_cost_leads_back_to_its_price_on_every_tier() {
        let policy = PricingPolicy::default();
        let mut ask = ask(137);
        (ask.egress, ask.ingress) = (GbPrice::whole(11), GbPrice::whole(3));
        let rate = Rate::of(&ask).unwrap();
        for tier in Tier::ALL {
            let mut terms = terms(400);
            terms.tier = tier;
            let work = SlotWork::of(&policy, &terms, terms.duration);
            let price = policy.on_tier(ask.price, tier).unwrap();
            let found = rate.price_at(&work, rate.cost_micro(&work)).unwrap();
            let off = (price.0 - found.0).abs();
            assert!(off <= Decimal::new(2, 6), "{tier:?}: {price} {found}");
            assert_eq!(rate.price_at(&work, 0), None, "moving alone costs more than nothing");
        }
    }

    #[test]
    fn minimum_use_and_moving_make_an_ask_dearer() {
        let work = SlotWork::of(&PricingPolicy::default(), &terms(4), Span::DAY);
        let plain = Rate::of(&ask(100)).unwrap();
        let floor = Rate { minimum_use: Bytes(2_000_000_000), ..plain.clone() };
        let reads = Rate { egress_micro: 1_000_000, ..plain.clone() };
        let takes = Rate { ingress_micro: 1_000_000, ..plain.clone() };
        for dearer in [floor, reads, takes] {
            assert!(dearer.cost_micro(&work) > plain.cost_micro(&work), "{dearer:?}");
        }
    }

    #[test]
    fn the_absurd_stops_at_the_largest_number() {
        let mut terms = Terms::standard(Bytes(u64::MAX), Span(u64::MAX));
        terms.egress = Bytes(u64::MAX);
        let work = SlotWork::of(&PricingPolicy::default(), &terms, terms.duration);
        let most = Rate {
            keeping_micro: u64::MAX,
            egress_micro: u64::MAX,
            ingress_micro: u64::MAX,
            minimum_use: Bytes(u64::MAX),
            discounts: None,
        };
        assert_eq!(most.cost_micro(&work), u64::MAX);
    }
}
