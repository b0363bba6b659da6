//! The base-fee controller: each step moves the price in proportion to how far use is from its target.
//!
//! ```text
//! next = price × (1 + step × deviation),   deviation = (sold − target) / target, −1 to 1
//! ```
//!
//! Near the balance, with a demand of elasticity ε that is observed τ steps late, that is x' = x − step·ε·x(τ ago): it comes to
//! rest if and only if step × ε < 2 cos(τπ / (2τ + 1)) = 2 sin(π / (4τ + 2)), which is 2, 1, 0.618, 0.445, 0.347 for τ = 0 to 4.
//! Where the bound is broken the price swings, but never by more than a step and never past floor and ceiling. So whoever sets
//! a step says what [`Demand`] it counts on, and is refused a step above the bound.

use super::fixed::{ONE, sine_of_part, times};
use super::{PriceCurve, Use};
use crate::PricingError;
use crate::policy::WHOLE_PPM;
use serde::{Deserialize, Serialize};
use types::Price;

/// What moves the price, and between what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseFeeRules {
    /// The most that one step changes the price, in parts per million of it; 1 to 500,000.
    pub step_ppm: u32,
    /// The sold share at which the price stays, in parts per million.
    pub target_ppm: u32,
    /// The least price.
    pub floor: Price,
    /// The highest price.
    pub ceiling: Price,
}

/// How demand answers to a price, as far as whoever sets a controller counts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Its elasticity, in parts per million: at 1,000,000, one per cent dearer sells one per cent less.
    pub elasticity_ppm: u32,
    /// How many steps late what is sold shows what was asked.
    pub delay: u32,
}

impl Demand {
    /// What to count on where nothing is known: one per cent dearer sells four per cent less, seen two steps late.
    pub const CAUTIOUS: Self = Self { elasticity_ppm: 4_000_000, delay: 2 };

    /// The largest step with which a price comes to rest before this demand, in parts per million of the price.
    pub fn step_max_ppm(&self) -> u32 {
        let bound = u64::from(stable_step_ppm(self.delay)) * u64::from(WHOLE_PPM);
        // Below the bound, not at it: there the price swings for ever.
        let most = bound.saturating_sub(1).checked_div(u64::from(self.elasticity_ppm));
        let most = most.and_then(|most| u32::try_from(most).ok());
        most.unwrap_or(BaseFeeRules::STEP_MAX_PPM).min(BaseFeeRules::STEP_MAX_PPM)
    }
}

/// The controller and the price it stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseFee {
    /// Its rules.
    pub rules: BaseFeeRules,
    /// The price now.
    pub price: Price,
}

impl BaseFeeRules {
    /// The largest step: half the price.
    const STEP_MAX_PPM: u32 = WHOLE_PPM / 2;

    /// These rules, when they are sensible.
    ///
    /// # Errors
    /// [`PricingError`] names the field and its limits.
    pub fn validated(self) -> Result<Self, PricingError> {
        let fields = [
            ("step_ppm", self.step_ppm, Self::STEP_MAX_PPM),
            ("target_ppm", self.target_ppm, WHOLE_PPM),
        ];
        for (name, found_ppm, max_ppm) in fields {
            if found_ppm == 0 || found_ppm > max_ppm {
                return Err(PricingError::ShareOutOfRange { name, found_ppm, max_ppm });
            }
        }
        let (floor, ceiling) = (self.floor.validated()?, self.ceiling.validated()?);
        if floor > ceiling {
            return Err(PricingError::FloorAboveCeiling { floor, ceiling });
        }
        Ok(self)
    }

    /// These rules, when they are sensible and the price comes to rest before `demand`.
    ///
    /// # Errors
    /// [`PricingError`] names the field and its limits.
    pub fn validated_for(self, demand: Demand) -> Result<Self, PricingError> {
        let rules = self.validated()?;
        if rules.is_stable(demand) {
            return Ok(rules);
        }
        let Demand { elasticity_ppm, delay } = demand;
        let (step_ppm, max_ppm) = (rules.step_ppm, demand.step_max_ppm());
        Err(PricingError::StepUnstable { step_ppm, max_ppm, elasticity_ppm, delay })
    }

    /// Whether the price comes to rest before `demand`, and does not swing around its target for ever.
    pub fn is_stable(&self, demand: Demand) -> bool {
        self.step_ppm <= demand.step_max_ppm()
    }
}

impl BaseFee {
    /// The controller one step later, when `taken` was observed.
    #[must_use]
    pub fn next(&self, taken: Use) -> Self {
        self.after_ppm(taken.sold_ppm())
    }

    /// As [`BaseFee::next`], for a demand in parts per million of what is offered, which may be above the whole.
    #[must_use]
    pub fn after_ppm(&self, sold_ppm: u32) -> Self {
        let target = u128::from(self.rules.target_ppm.max(1));
        let sold = u128::from(sold_ppm).min(2 * target);
        let most = u128::from(self.rules.step_ppm.min(BaseFeeRules::STEP_MAX_PPM));
        let change = most * (ONE / u128::from(WHOLE_PPM)) * sold.abs_diff(target) / target;
        let factor = if sold >= target { ONE + change } else { ONE - change };
        let price = times(self.price, factor);
        let nudged = if price == self.price { nudge(price, sold, target) } else { price };
        Self { price: nudged.max(self.rules.floor).min(self.rules.ceiling), ..*self }
    }
}

/// A price so small that a step rounds to nothing still moves, by a millionth of an msat.
fn nudge(price: Price, sold: u128, target: u128) -> Price {
    let least = rust_decimal::Decimal::new(1, 6);
    match sold.cmp(&target) {
        std::cmp::Ordering::Greater => Price(price.0 + least),
        std::cmp::Ordering::Less => Price((price.0 - least).max(rust_decimal::Decimal::ZERO)),
        std::cmp::Ordering::Equal => price,
    }
}

impl PriceCurve for BaseFee {
    /// The price after one step from where the controller stands.
    fn price(&self, taken: Use) -> Price {
        self.next(taken).price
    }
}

/// What step × elasticity must stay below for the price to come to rest, in parts per million, when demand is observed
/// `delay` steps late; rounded down.
pub fn stable_step_ppm(delay: u32) -> u32 {
    let part = delay.saturating_mul(4).saturating_add(2);
    let bound = 2 * sine_of_part(part) / (ONE / u128::from(WHOLE_PPM));
    u32::try_from(bound).unwrap_or(2 * WHOLE_PPM)
}

#[cfg(test)]
mod tests;
