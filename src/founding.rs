//! What a market is founded with on the command line, and never changes.

use crate::arguments;
use ::pricing::MechanismKind;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use market::Genesis;
use types::{Did, Hash, Span};

/// How many rounds of counters a market may allow.
const ROUNDS: std::ops::RangeInclusive<i64> = 0..=20;

/// How asks become a quote, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mechanism {
    /// Providers are drawn by price and score, and paid what they ask.
    Posted,
    /// A reverse auction: the cheapest win and are paid what they ask.
    PayAsBid,
    /// A reverse auction: the cheapest win and are paid what the first losing ask would have cost.
    ClearingPrice,
}

impl Mechanism {
    const fn kind(self) -> MechanismKind {
        match self {
            Self::Posted => MechanismKind::PostedAsk,
            Self::PayAsBid => MechanismKind::PayAsBid,
            Self::ClearingPrice => MechanismKind::ClearingPrice,
        }
    }

    fn of(kind: MechanismKind) -> Self {
        let is = |written: &&Self| written.kind() == kind;
        *Self::value_variants().iter().find(is).expect("every mechanism can be written")
    }

    fn written(self) -> String {
        let value = self.to_possible_value().expect("none is hidden");
        value.get_name().to_owned()
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Founding {
    /// What an epoch stands for in prices and terms: fixed when the market is founded, 1h where nothing is said.
    #[arg(long, value_name = "DURATION", value_parser = arguments::span)]
    pub(crate) epoch: Option<Span>,
    /// An auditor that may measure providers beside the market: fixed when the market is founded, repeatable.
    #[arg(long, value_name = "DID")]
    auditor: Vec<Did>,
    /// How asks become a quote: fixed when the market is founded, posted where nothing is said.
    #[arg(long)]
    mechanism: Option<Mechanism>,
    /// How often a quote may be countered: fixed when the market is founded, 3 where nothing is said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(ROUNDS))]
    counter_rounds: Option<u8>,
}

impl Founding {
    /// The constitution of a new market.
    pub(crate) fn genesis(self, market: Did, beacon_anchor: Hash) -> Genesis {
        let epoch = self.epoch.unwrap_or(Span::HOUR);
        let mut genesis = Genesis::standard(market, epoch, beacon_anchor);
        genesis.auditors = self.auditor;
        if let Some(mechanism) = self.mechanism {
            genesis.pricing.mechanism = mechanism.kind();
        }
        if let Some(rounds) = self.counter_rounds {
            genesis.rounds_max = rounds;
        }
        genesis
    }

    /// Whether a market that is there was founded so.
    ///
    /// # Errors
    /// Names what differs.
    pub(crate) fn holds_of(&self, genesis: &Genesis) -> Result<()> {
        let other = "or found another in a new directory";
        let founded = genesis.epoch;
        if let Some(wanted) = self.epoch.filter(|wanted| *wanted != founded) {
            bail!(
                "this market was founded with epochs of {founded}, not {wanted}; leave --epoch out, {other}"
            );
        }
        let founded = Mechanism::of(genesis.pricing.mechanism);
        if let Some(wanted) = self.mechanism.filter(|wanted| *wanted != founded) {
            let (founded, wanted) = (founded.written(), wanted.written());
            bail!(
                "this market was founded with the mechanism {founded}, not {wanted}; leave --mechanism out, {other}"
            );
        }
        let founded = genesis.rounds_max;
        if let Some(wanted) = self.counter_rounds.filter(|wanted| *wanted != founded) {
            bail!(
                "this market was founded with {founded} rounds of counters, not {wanted}; leave --counter-rounds out, {other}"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        founding: Founding,
    }

    fn read(line: &str) -> Result<Founding, clap::Error> {
        let words = std::iter::once("run").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.founding)
    }

    fn founded(line: &str) -> Genesis {
        read(line).unwrap().genesis(Did([1; 32]), Hash([2; 32]))
    }

    #[test]
    fn every_mechanism_can_be_founded_and_nothing_said_is_the_standard() {
        assert_eq!(founded(""), Genesis::standard(Did([1; 32]), Span::HOUR, Hash([2; 32])));
        for (written, kind) in [
            ("posted", MechanismKind::PostedAsk),
            ("pay-as-bid", MechanismKind::PayAsBid),
            ("clearing-price", MechanismKind::ClearingPrice),
        ] {
            let genesis = founded(&format!("--mechanism {written} --counter-rounds 5"));
            assert_eq!((genesis.pricing.mechanism, genesis.rounds_max), (kind, 5));
            read(&format!("--mechanism {written}")).unwrap().holds_of(&genesis).unwrap();
        }
        assert!(read("--mechanism best-price").is_err() && read("--counter-rounds 21").is_err());
    }

    #[test]
    fn what_a_market_was_not_founded_with_is_named() {
        let genesis = founded("--mechanism pay-as-bid");
        for (line, text) in [
            ("--epoch 2h", "epochs of 1h, not 2h"),
            ("--mechanism clearing-price", "the mechanism pay-as-bid, not clearing-price"),
            ("--counter-rounds 4", "with 3 rounds of counters, not 4"),
        ] {
            let error = read(line).unwrap().holds_of(&genesis).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("leave --"), "{error}");
        }
        read("--epoch 1h").unwrap().holds_of(&genesis).unwrap();
    }
}
