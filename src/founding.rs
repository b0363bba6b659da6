//! What a market is founded with on the command line, and never changes.

use crate::arguments;
use crate::node::Named;
use ::pricing::MechanismKind;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use contracts::beacon::course::{Course, CourseError};
use contracts::beacon::mixed::Rule;
use contracts_bitcoin::beacon;
use market::Genesis;
use std::sync::Arc;
use types::{ChainRule, Did, Hash, Span};

/// How many rounds of counters a market may allow.
const ROUNDS: std::ops::RangeInclusive<i64> = 0..=20;
/// How deep a block may have to be.
const DEPTH: std::ops::RangeInclusive<i64> = 1..=100;

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
    /// With --chain, how long before an epoch's opening the median time must be that chooses its block: fixed when the market is founded,
    /// 3h where nothing is said.
    #[arg(long, value_name = "DURATION", value_parser = arguments::span)]
    beacon_lead: Option<Span>,
    /// With --chain, how many blocks there must be from an epoch's block on: fixed when the market is founded, 6 where nothing is said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(DEPTH))]
    beacon_depth: Option<u32>,
}

/// When epochs open, and by which chain's blocks.
pub(crate) struct Schedule {
    /// How often; as often as an epoch stands for where nothing is said.
    pub(crate) epoch_every: Option<Span>,
    /// The chain.
    pub(crate) chain: Option<Arc<Named>>,
}

impl Schedule {
    /// What a new market is founded with, where there is a chain.
    pub(crate) async fn found(&self, founding: &Founding) -> Result<Option<ChainRule>> {
        let Some(chain) = &self.chain else { return Ok(None) };
        let usual = Rule::default();
        let lead = founding.beacon_lead.unwrap_or(usual.lead);
        let depth = founding.beacon_depth.unwrap_or(usual.depth);
        let every = self.epoch_every.or(founding.epoch).unwrap_or(Span::HOUR);
        let founded = network::clock::now();
        let schedule = beacon::Schedule { founded, every, rule: Rule { lead, depth } };
        let node = chain.node().await;
        let node = node.context("a market is founded with a chain once that answers")?;
        let rule = beacon::found(&*node, &schedule).await?;
        Course::check_rule(&rule).context("this chain opens no market's epochs")?;
        Ok(Some(rule))
    }

    /// How often epochs open in a market that is there.
    ///
    /// # Errors
    /// Names what it was founded with otherwise; `reads_only` needs no chain.
    pub(crate) fn holds_of(&self, genesis: &Genesis, reads_only: bool) -> Result<Span> {
        let other = "or found another in a new directory";
        if let Some(Err(CourseError::Start(easy))) = genesis.chain.as_ref().map(Course::check_rule)
        {
            bail!("{easy}; found another in a new directory");
        }
        match (&genesis.chain, &self.chain) {
            (None, None) => Ok(self.epoch_every.unwrap_or(genesis.epoch)),
            (None, Some(_)) => {
                bail!("this market was founded without a chain; leave --chain out, {other}")
            }
            (Some(_), None) if !reads_only => bail!(
                "blocks open this market's epochs: name the chain that it was founded with by --chain URL, {other}"
            ),
            (Some(rule), _) => match self.epoch_every {
                Some(wanted) if wanted != rule.every => bail!(
                    "this market was founded to open an epoch every {}, not {wanted}; leave --epoch-every out, {other}",
                    rule.every
                ),
                _ => Ok(rule.every),
            },
        }
    }
}

impl Founding {
    /// The constitution of a new market.
    pub(crate) fn genesis(
        self,
        (market, beacon_anchor): (Did, Hash),
        chain: Option<ChainRule>,
    ) -> Genesis {
        let epoch = self.epoch.unwrap_or(Span::HOUR);
        let mut genesis = Genesis::standard(market, epoch, beacon_anchor);
        genesis.auditors = self.auditor;
        genesis.chain = chain;
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
        let rule = genesis.chain.map(|rule| (rule.lead, rule.depth));
        if let Some(wanted) = self.beacon_lead.filter(|wanted| Some(*wanted) != rule.map(|r| r.0)) {
            let founded = rule.map_or_else(|| "no chain".into(), |r| format!("a lead of {}", r.0));
            bail!(
                "this market was founded with {founded}, not with a lead of {wanted}; leave --beacon-lead out, {other}"
            );
        }
        if let Some(wanted) = self.beacon_depth.filter(|wanted| Some(*wanted) != rule.map(|r| r.1))
        {
            let founded = rule.map_or_else(|| "no chain".into(), |r| format!("a depth of {}", r.1));
            bail!(
                "this market was founded with {founded}, not with a depth of {wanted}; leave --beacon-depth out, {other}"
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
    use crate::node::ChainAccess;
    use clap::Parser;
    use types::{KnownBlock, Timestamp};

    #[derive(Parser)]
    struct ChainLine {
        #[command(flatten)]
        access: ChainAccess,
    }

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
        read(line).unwrap().genesis((Did([1; 32]), Hash([2; 32])), None)
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
    fn a_market_keeps_its_chain_and_its_schedule() {
        let plain = founded("");
        let start = KnownBlock { hash: Hash([3; 32]), time: 4, bits: 5, since: 6 };
        let rule = ChainRule {
            network: Hash([3; 32]),
            founded: Timestamp(0),
            every: Span::DAY,
            lead: Span::HOUR,
            depth: 6,
            height: 0,
            start,
        };
        let chained = Genesis { chain: Some(rule), ..founded("") };
        read("--beacon-lead 1h --beacon-depth 6").unwrap().holds_of(&chained).unwrap();
        let error = read("--beacon-depth 7").unwrap().holds_of(&chained).unwrap_err().to_string();
        assert!(error.contains("with a depth of 6, not with a depth of 7"), "{error}");
        let bitcoin = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        let network = contracts::beacon::header::turned(&bitcoin.parse().unwrap());
        let made_up = Genesis { chain: Some(ChainRule { network, ..rule }), ..founded("") };
        let access = || ChainLine::parse_from(["run"]).access;
        let schedule = |named: bool, epoch_every| Schedule {
            epoch_every,
            chain: named.then(|| Arc::new(Named::new("http://127.0.0.1:1".into(), access()))),
        };
        let every =
            |named, every, genesis: &Genesis| schedule(named, every).holds_of(genesis, false);
        assert_eq!(every(false, None, &plain).unwrap(), Span::HOUR);
        assert_eq!(every(false, Some(Span::DAY), &plain).unwrap(), Span::DAY);
        assert_eq!(every(true, None, &chained).unwrap(), Span::DAY);
        assert_eq!(schedule(false, None).holds_of(&chained, true).unwrap(), Span::DAY);
        for (found, right) in [
            (every(true, None, &plain), "founded without a chain; leave --chain out"),
            (every(false, None, &chained), "by --chain URL"),
            (every(true, Some(Span::HOUR), &chained), "an epoch every 1d, not 1h"),
            (every(true, None, &made_up), "bitcoin with target 0x00000005, which is easier than"),
        ] {
            let error = found.unwrap_err().to_string();
            assert!(error.contains(right), "{error}");
        }
    }

    #[test]
    fn what_a_market_was_not_founded_with_is_named() {
        let genesis = founded("--mechanism pay-as-bid");
        for (line, text) in [
            ("--epoch 2h", "epochs of 1h, not 2h"),
            ("--mechanism clearing-price", "the mechanism pay-as-bid, not clearing-price"),
            ("--counter-rounds 4", "with 3 rounds of counters, not 4"),
            ("--beacon-lead 2h", "with no chain, not with a lead of 2h"),
            ("--beacon-depth 4", "with no chain, not with a depth of 4"),
        ] {
            let error = read(line).unwrap().holds_of(&genesis).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("leave --"), "{error}");
        }
        read("--epoch 1h").unwrap().holds_of(&genesis).unwrap();
    }
}
