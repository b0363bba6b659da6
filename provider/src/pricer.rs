//! The auto-pricer: from what is sold to the next price.

use pricing::{BaseFee, BaseFeeRules, Demand, PriceCurve, PricingError, Use, Utilisation};
use serde::{Deserialize, Serialize};
use types::Price;

/// How the price follows what is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceRule {
    /// Each step moves the last price by at most so many parts per million of it, up above the target and down below it.
    BaseFee {
        /// The largest step.
        step_ppm: u32,
        /// The demand that is counted on: with a larger step than it allows the price would swing for ever.
        demand: Demand,
    },
    /// The offer's own price while 30 % to 95 % are sold, less below and more above.
    Utilisation,
}

/// A provider's own pricing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoPricer {
    /// The least it asks, on the hot tier.
    pub floor: Price,
    /// The most it asks, on the hot tier.
    pub ceiling: Price,
    /// The sold share it aims at, in parts per million.
    pub target_ppm: u32,
    /// How it gets there.
    pub rule: PriceRule,
}

impl AutoPricer {
    /// This pricer, when its figures are sensible and its price comes to rest.
    ///
    /// # Errors
    /// [`PricingError`] names the figure and its limits.
    pub fn validated(self) -> Result<Self, PricingError> {
        match self.rule {
            PriceRule::BaseFee { demand, .. } => self.rules().validated_for(demand)?,
            PriceRule::Utilisation => self.rules().validated()?,
        };
        Ok(self)
    }

    /// The next price, after `price`, when `taken` is sold of what is offered at `offered`.
    pub fn next(&self, price: Price, offered: Price, taken: Use) -> Price {
        let next = match self.rule {
            PriceRule::BaseFee { .. } => BaseFee { rules: self.rules(), price }.price(taken),
            PriceRule::Utilisation => Utilisation { flat: offered }.price(taken),
        };
        next.max(self.floor).min(self.ceiling)
    }

    fn rules(&self) -> BaseFeeRules {
        let step_ppm = match self.rule {
            PriceRule::BaseFee { step_ppm, .. } => step_ppm,
            PriceRule::Utilisation => 1,
        };
        let Self { floor, ceiling, target_ppm, .. } = *self;
        BaseFeeRules { step_ppm, target_ppm, floor, ceiling }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Bytes;

    const PRICER: fn(PriceRule) -> AutoPricer = |rule| AutoPricer {
        floor: Price::whole(50),
        ceiling: Price::whole(400),
        target_ppm: 800_000,
        rule,
    };

    const fn steps_of(step_ppm: u32) -> PriceRule {
        PriceRule::BaseFee { step_ppm, demand: Demand::CAUTIOUS }
    }

    fn sold(percent: u64) -> Use {
        Use { capacity: Bytes(100), sold: Bytes(percent) }
    }

    #[test]
    fn a_full_provider_asks_more_and_an_empty_one_less_between_floor_and_ceiling() {
        let pricer = PRICER(steps_of(100_000)).validated().unwrap();
        let offered = Price::whole(100);
        assert_eq!(pricer.next(offered, offered, sold(80)), offered);
        assert_eq!(pricer.next(offered, offered, sold(100)).to_string(), "102.5");
        assert_eq!(pricer.next(offered, offered, sold(0)).to_string(), "90");
        let after = |steps: u32, percent| {
            (0..steps).fold(offered, |price, _| pricer.next(price, offered, sold(percent)))
        };
        assert_eq!((after(100, 100), after(100, 0)), (Price::whole(400), Price::whole(50)));
    }

    #[test]
    fn by_utilisation_the_price_depends_on_what_is_sold_alone() {
        let pricer = PRICER(PriceRule::Utilisation).validated().unwrap();
        let next = |percent| pricer.next(Price::whole(77), Price::whole(100), sold(percent));
        assert_eq!(next(50), Price::whole(100));
        assert_eq!((next(0), next(100)), (Price::whole(50), Price::whole(400)));
    }

    #[test]
    fn senseless_figures_are_refused() {
        let good = PRICER(PriceRule::Utilisation);
        let high = AutoPricer { floor: Price::whole(500), ..good };
        let text = high.validated().unwrap_err().to_string();
        assert!(text.contains("floor of 500") && text.contains("ceiling of 400"), "{text}");
        assert!(AutoPricer { target_ppm: 0, ..good }.validated().is_err());
        assert!(PRICER(steps_of(0)).validated().is_err());
    }

    #[test]
    fn a_step_with_which_the_price_would_swing_is_refused_with_the_one_that_would_not() {
        let text = PRICER(steps_of(200_000)).validated().unwrap_err().to_string();
        assert!(text.contains("a step of 200000 ppm") && text.contains("at most 154508"), "{text}");
        let calm = Demand { elasticity_ppm: 2_000_000, delay: 2 };
        let rule = PriceRule::BaseFee { step_ppm: 200_000, demand: calm };
        assert!(PRICER(rule).validated().is_ok());
    }
}
