//! How `bondstore provider run` prices itself: what is written on the command line, as the node takes it.

use crate::arguments;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use provider::{AutoPricer, Demand, Pin, PriceRule, Strategy};
use provider_node::{Pricing, RateSource};
use std::time::Duration;
use types::{Price, Span};

/// How a price follows what is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Curve {
    /// Up by steps above the target, down below it.
    BaseFee,
    /// The price while 30 % to 95 % are sold, up to ten times as much above, down to a fifth below.
    Utilisation,
}

#[derive(Args, Debug)]
pub(crate) struct PricingArgs {
    /// The least to ask, on the hot tier; with it counters are answered.
    #[arg(long, value_name = "MSAT", help_heading = "Pricing")]
    floor: Option<Price>,
    /// The most to ask, on the hot tier; needed with --curve.
    #[arg(long, value_name = "MSAT", help_heading = "Pricing")]
    ceiling: Option<Price>,
    /// How much of the room should be sold, in percent.
    #[arg(long, default_value = "80", value_name = "PERCENT", help_heading = "Pricing",
        value_parser = clap::value_parser!(u32).range(1..=100))]
    target: u32,
    /// Let the price follow what is sold, between floor and ceiling.
    #[arg(long, help_heading = "Pricing")]
    curve: Option<Curve>,
    /// By how much the base-fee curve moves the price at most each time, in percent.
    #[arg(long, default_value = "10", value_name = "PERCENT", help_heading = "Pricing",
        value_parser = clap::value_parser!(u32).range(1..=50))]
    step: u32,
    /// By how many percent less is bought where the price is one percent higher: with a step that is too large for it, the
    /// base-fee curve's price would swing for ever.
    #[arg(long, default_value = "4", value_name = "PERCENT", help_heading = "Pricing",
        value_parser = clap::value_parser!(u32).range(0..=1000))]
    elasticity: u32,
    /// How many steps of the base-fee curve pass before what is sold shows a price.
    #[arg(long, default_value = "2", value_name = "N", help_heading = "Pricing",
        value_parser = clap::value_parser!(u32).range(0..=100))]
    sales_delay: u32,
    /// How often the price is made anew.
    #[arg(long, default_value = "1h", value_name = "DURATION", help_heading = "Pricing",
        value_parser = arguments::span)]
    reprice_every: Span,
    /// In how many rounds of counters the price may fall all the way to the floor.
    #[arg(long, default_value = "3", value_name = "N", help_heading = "Pricing",
        value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Pin the price: so many cents for a TB and 30 days on the hot tier.
    #[arg(long, value_name = "CENTS", help_heading = "Pricing", requires = "rate_source")]
    pin: Option<u32>,
    /// A JSON file, or the http:// or https:// address of one, that says what a bitcoin costs.
    #[arg(long, value_name = "FILE|URL", help_heading = "Pricing", requires = "pin")]
    rate_source: Option<String>,
    /// Where in it the number is, for example /data/amount.
    #[arg(long, default_value = "", value_name = "POINTER", help_heading = "Pricing")]
    rate_pointer: String,
    /// How many cents the number counts: 100 where it is in dollars or euros.
    #[arg(long, default_value = "100", value_name = "CENTS", help_heading = "Pricing",
        value_parser = clap::value_parser!(u32).range(1..))]
    rate_cents: u32,
    /// How old a rate may be before the offer is withdrawn.
    #[arg(long, default_value = "1d", value_name = "DURATION", help_heading = "Pricing",
        value_parser = arguments::span)]
    rate_age: Span,
}

impl PricingArgs {
    /// As the node takes it.
    ///
    /// # Errors
    /// Where something is missing.
    pub(crate) fn pricing(self) -> Result<Pricing> {
        let target_ppm = self.target * 10_000;
        let auto = match (self.curve, self.floor, self.ceiling) {
            (None, ..) => None,
            (Some(curve), Some(floor), Some(ceiling)) => {
                let rule = match curve {
                    Curve::BaseFee => {
                        let elasticity_ppm = self.elasticity * 1_000_000;
                        let demand = Demand { elasticity_ppm, delay: self.sales_delay };
                        PriceRule::BaseFee { step_ppm: self.step * 10_000, demand }
                    }
                    Curve::Utilisation => PriceRule::Utilisation,
                };
                Some(AutoPricer { floor, ceiling, target_ppm, rule })
            }
            (Some(_), ..) => {
                bail!("--curve moves the price between --floor and --ceiling; give both")
            }
        };
        let (rounds, rate_age) = (self.rounds, self.rate_age);
        let strategy = self.floor.map(|floor| Strategy { floor, target_ppm, rounds });
        let pin = self.pin.zip(self.rate_source).map(|(cents, place)| {
            let pin = Pin { cents: cents.into(), age_max: rate_age, jump_max: 2 };
            (pin, RateSource { place, pointer: self.rate_pointer, cents: self.rate_cents })
        });
        let every = Duration::from_micros(self.reprice_every.0);
        let pricing = Pricing { auto, pin, strategy, every };
        pricing.validate()?;
        Ok(pricing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        pricing: PricingArgs,
    }

    fn read(line: &str) -> Result<Pricing> {
        let words = std::iter::once("run").chain(line.split_whitespace());
        Line::try_parse_from(words)?.pricing.pricing()
    }

    #[test]
    fn nothing_said_is_a_price_that_stays() {
        let pricing = read("").unwrap();
        assert!(pricing.auto.is_none() && pricing.pin.is_none() && pricing.strategy.is_none());
    }

    #[test]
    fn a_floor_bargains_a_curve_moves_and_a_pin_follows() {
        let pricing =
            read("--floor 50 --ceiling 400 --curve base-fee --step 5 --target 70").unwrap();
        assert_eq!(pricing.strategy.unwrap().floor, Price::whole(50));
        let auto = pricing.auto.unwrap();
        assert_eq!(
            (auto.target_ppm, auto.rule),
            (700_000, PriceRule::BaseFee { step_ppm: 50_000, demand: Demand::CAUTIOUS })
        );
        let (pin, source) =
            read("--pin 300 --rate-source x.json --rate-pointer /usd").unwrap().pin.unwrap();
        assert_eq!((pin.cents.to_string(), source.pointer), ("300".into(), "/usd".into()));
    }

    #[test]
    fn what_is_missing_or_contradicts_is_refused() {
        for (line, text) in [
            ("--curve base-fee --floor 50", "give both"),
            ("--curve base-fee --floor 50 --ceiling 40", "floor of 50"),
            ("--pin 300", "--rate-source"),
            ("--pin 3 --rate-source x --curve base-fee --floor 1 --ceiling 2", "utilisation"),
            ("--target 0", "0"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(text), "{line}: {error}");
        }
    }

    #[test]
    fn a_step_above_the_bound_of_stability_is_refused_with_the_largest_below_it() {
        let curve = "--curve base-fee --floor 50 --ceiling 400";
        for (line, right) in [
            ("--step 16", "give at most 154508,"),
            ("--step 31 --elasticity 2", "give at most 309016,"),
            ("--step 25 --sales-delay 1", "give at most 249999,"),
            ("--step 50 --sales-delay 0", "give at most 499999,"),
        ] {
            let error = read(&format!("{curve} {line}")).unwrap_err().to_string();
            assert!(error.contains(right) && error.contains("swing"), "{line}: {error}");
        }
        for line in ["--step 15", "--step 30 --elasticity 2", "--step 50 --elasticity 0"] {
            assert!(read(&format!("{curve} {line}")).is_ok(), "{line}");
        }
    }
}
