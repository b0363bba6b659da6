//! An ask in whole numbers, so that a hundred thousand of them can be compared in a millisecond.
//!
//! These are for choosing, never for charging: they ignore what a charge rounds, and stop at the largest
//! number instead of failing.

use crate::{PricingError, PricingPolicy};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use types::documents::Ask;
use types::{Bytes, Span, Terms};

/// Fixed-point bits of the amounts a slot multiplies its rates by.
const SHIFT: u32 = 20;
/// One GB-day in byte-microseconds.
const GB_DAY: u128 = 1_000_000_000 * Span::DAY.0 as u128;
/// Parts of the rates' unit in one msat.
const MICROS: u64 = 1_000_000;

/// An ask's prices in millionths of an msat. Made once, when the ask is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// For keeping a GB for a day on the hot tier.
    pub keeping_micro: u64,
    /// For sending a GB out.
    pub egress_micro: u64,
    /// For taking a GB in.
    pub ingress_micro: u64,
    /// A slot earns as if at least this much were kept in it.
    pub minimum_use: Bytes,
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
        })
    }

    /// What `work` costs at these rates, in millionths of an msat: keeping, taking in and reading together.
    pub fn cost_micro(&self, work: &SlotWork) -> u64 {
        let gb_days = if self.minimum_use <= work.capacity {
            work.gb_days
        } else {
            work.gb_days_of(self.minimum_use)
        };
        let keeping = u128::from(self.keeping_micro) * u128::from(gb_days);
        let moving = u128::from(self.ingress_micro) * u128::from(work.gb_in)
            + u128::from(self.egress_micro) * u128::from(work.gb_out);
        u64::try_from(keeping.saturating_add(moving) >> SHIFT).unwrap_or(u64::MAX)
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
fn micros(price: Decimal) -> u64 {
    let scaled =
        price.round_dp_with_strategy(6, RoundingStrategy::AwayFromZero) * Decimal::from(MICROS);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::tests::ask;
    use types::{GbPrice, Price, Tier};

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
    fn minimum_use_and_moving_make_an_ask_dearer() {
        let work = SlotWork::of(&PricingPolicy::default(), &terms(4), Span::DAY);
        let plain = Rate::of(&ask(100)).unwrap();
        let floor = Rate { minimum_use: Bytes(2_000_000_000), ..plain };
        let reads = Rate { egress_micro: 1_000_000, ..plain };
        let takes = Rate { ingress_micro: 1_000_000, ..plain };
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
        };
        assert_eq!(most.cost_micro(&work), u64::MAX);
    }
}
