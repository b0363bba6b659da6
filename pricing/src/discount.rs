//! Discounts of an ask: cheaper for larger slots, cheaper for longer contracts.

use crate::{PricingError, PricingPolicy};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use types::documents::{Ask, Discount};
use types::{Bytes, Price, PriceError, Span, Terms};

/// The most steps a list of discounts may have.
pub const STEPS_MAX: usize = 8;
/// Decimal places that count in a slot's price: millionths of an msat.
const PLACES: u32 = 6;
/// A whole, in permille.
const WHOLE: u64 = 1_000;

/// Both kinds of discount of one ask. They multiply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discounts {
    /// By slot size.
    pub volume: Vec<Discount<Bytes>>,
    /// By duration.
    pub duration: Vec<Discount<Span>>,
}

impl Discounts {
    /// Those of `ask`; nothing where it has none.
    pub fn of(ask: &Ask) -> Option<Self> {
        let (volume, duration) = (ask.volume_discounts.clone(), ask.duration_discounts.clone());
        let has_some = !volume.is_empty() || !duration.is_empty();
        has_some.then_some(Self { volume, duration })
    }

    /// What of a price is paid, in millionths, for a slot of `capacity` kept for `span`.
    pub fn paid_ppm(&self, capacity: Bytes, span: Span) -> u64 {
        paid(&self.volume, &capacity) * paid(&self.duration, &span)
    }
}

/// Checks an ask's discounts: up to [`STEPS_MAX`] of each kind, rising, each taking off 1 to 999 permille.
///
/// # Errors
/// [`PricingError::Discount`] names the list, the step and what would be right.
pub fn validate_discounts(ask: &Ask) -> Result<(), PricingError> {
    rising("volume_discounts", &ask.volume_discounts)?;
    rising("duration_discounts", &ask.duration_discounts)
}

/// What a slot under `terms` costs per GB and day with the provider of `ask`: on the terms' tier, after the discounts that its
/// size and `span` reach, rounded up to a millionth of an msat.
///
/// # Errors
/// [`PricingError`] when the ask does not serve the tier or its price is out of range.
pub fn slot_price(
    policy: &PricingPolicy,
    ask: &Ask,
    terms: &Terms,
    span: Span,
) -> Result<Price, PricingError> {
    let tier = terms.tier;
    if !ask.tiers.contains(&tier) {
        let names: Vec<_> = ask.tiers.iter().map(|tier| tier.name()).collect();
        return Err(PricingError::TierNotServed { wanted: tier, served: names.join(", ") });
    }
    let full = policy.on_tier(ask.price, tier)?;
    let paid =
        paid(&ask.volume_discounts, &terms.slot_capacity()) * paid(&ask.duration_discounts, &span);
    let share = Decimal::from_i128_with_scale(paid.into(), 6);
    let product = full.0.checked_mul(share).ok_or(PriceError::OutOfRange(full.0))?;
    let price = product.round_dp_with_strategy(PLACES, RoundingStrategy::AwayFromZero);
    Ok(Price(price.normalize()).validated()?)
}

/// What is paid at `reached`, in permille: the last step that is reached counts.
fn paid<T: PartialOrd>(steps: &[Discount<T>], reached: &T) -> u64 {
    let last = steps.iter().take_while(|step| step.from <= *reached).last();
    last.map_or(WHOLE, |step| WHOLE.saturating_sub(step.permille.into()))
}

fn rising<T: PartialOrd + std::fmt::Display>(
    field: &'static str,
    steps: &[Discount<T>],
) -> Result<(), PricingError> {
    let refuse = |reason| Err(PricingError::Discount { field, reason });
    if steps.len() > STEPS_MAX {
        return refuse(format!("{} steps; give at most {STEPS_MAX}", steps.len()));
    }
    if let Some(step) = steps.iter().find(|step| !(1..=999).contains(&step.permille)) {
        let (from, permille) = (&step.from, step.permille);
        return refuse(format!(
            "the step from {from} takes off {permille} permille; give 1 to 999"
        ));
    }
    for pair in steps.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if before.from >= after.from || before.permille >= after.permille {
            return refuse(format!(
                "the step from {} ({} permille) follows the one from {} ({} permille); let both rise from step to step",
                after.from, after.permille, before.from, before.permille
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::tests::ask;
    use types::Tier;

    fn step<T>(from: T, permille: u16) -> Discount<T> {
        Discount { from, permille }
    }

    /// 10 % off from 1 GB and 25 % from 10 GB; 20 % off from 30 days.
    fn discounted() -> Ask {
        let mut ask = ask(100);
        ask.volume_discounts =
            vec![step(Bytes(1_000_000_000), 100), step(Bytes(10_000_000_000), 250)];
        ask.duration_discounts = vec![step(Span(30 * Span::DAY.0), 200)];
        ask
    }

    fn price(ask: &Ask, slot_gigabytes: u64, days: u64, tier: Tier) -> String {
        let span = Span(days * Span::DAY.0);
        let mut terms = Terms::standard(Bytes(4 * slot_gigabytes * 1_000_000_000), span);
        (terms.tier, terms.shard_bytes) = (tier, 1_000_000);
        slot_price(&PricingPolicy::default(), ask, &terms, span).unwrap().to_string()
    }

    #[test]
    fn the_last_step_that_is_reached_counts_and_both_kinds_multiply() {
        let ask = discounted();
        for (gigabytes, days, tier, expected) in [
            (0, 1, Tier::Hot, "100"),
            (1, 1, Tier::Hot, "90"),
            (9, 29, Tier::Hot, "90"),
            (10, 29, Tier::Hot, "75"),
            (10, 30, Tier::Hot, "60"),
            (0, 30, Tier::Cold, "32"),
            (40, 300, Tier::Archive, "12"),
        ] {
            assert_eq!(price(&ask, gigabytes, days, tier), expected, "{gigabytes} {days}");
        }
    }

    #[test]
    fn an_ask_that_does_not_serve_the_tier_says_which_it_serves() {
        let mut ask = ask(80);
        ask.tiers = vec![Tier::Warm, Tier::Cold];
        let terms = Terms::standard(Bytes(1), Span::DAY);
        let error = slot_price(&PricingPolicy::default(), &ask, &terms, Span::DAY).unwrap_err();
        assert_eq!(error.to_string(), "the ask does not serve the hot tier; it serves warm, cold");
    }

    #[test]
    fn senseless_discounts_are_refused_by_field() {
        let good = discounted();
        assert_eq!(validate_discounts(&good), Ok(()));
        let gb = |n: u64| Bytes(n * 1_000_000_000);
        for (volume, text) in [
            (vec![step(gb(1), 0)], "volume_discounts: the step from 1.00 GB takes off 0 permille"),
            (vec![step(gb(1), 1_000)], "takes off 1000 permille; give 1 to 999"),
            (vec![step(gb(1), 10), step(gb(1), 20)], "let both rise"),
            (vec![step(gb(1), 20), step(gb(2), 10)], "let both rise"),
            ((1..=9).map(|n| step(gb(u64::from(n)), n)).collect(), "9 steps; give at most 8"),
        ] {
            let ask = Ask { volume_discounts: volume, ..good.clone() };
            let error = validate_discounts(&ask).unwrap_err();
            assert_eq!(error.code(), "invalid_discount");
            assert!(error.to_string().contains(text), "{error}");
        }
        let ask = Ask { duration_discounts: vec![step(Span::DAY, 1_000)], ..good };
        assert!(
            validate_discounts(&ask).unwrap_err().to_string().starts_with("duration_discounts")
        );
    }
}
