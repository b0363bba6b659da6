//! What every running treasurer needs, a client's and a provider's alike: how it works, and what it shows of itself.

use crate::arguments;
use anyhow::{Context, Result};
use bitcoin::{Amount, Network};
use clap::Args;
use contracts_bitcoin::chain::{Chain, Tip};
use contracts_bitcoin::treasurer::{EscrowLine, Manner, Round, Treasurer, TreasurerError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;
use types::{Did, Hash, Span, Timestamp};

/// Of how many refusals it is remembered that they were told.
const REFUSED_MAX: usize = 1_000;
/// Where a running treasurer writes what it has seen, in its folder.
const SHOWN_FILE: &str = "state.json";

/// How a treasurer works.
#[derive(Args)]
pub(crate) struct MannerArgs {
    /// Under how many blocks an escrow's funding counts, its own counted, and its end is final.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000), value_name = "BLOCKS",
        help_heading = "Coins")]
    confirmations: u32,
    /// After how many blocks an escrow that nobody closes is refunded to both, where the contract's term and 30 days do not take more. A
    /// provider agrees to so many at most.
    #[arg(long, default_value_t = 52_560, value_parser = clap::value_parser!(u16).range(1..), value_name = "BLOCKS",
        help_heading = "Coins")]
    refund_blocks: u16,
    /// The most satoshis that a client puts into one funding, whatever it has accepted.
    #[arg(long, default_value_t = 10_000_000, value_name = "SAT", help_heading = "Coins")]
    deal_max: u64,
    /// The most satoshis that are paid to lift one transaction that no block takes, when fees rise.
    #[arg(long, default_value_t = 100_000, value_name = "SAT", help_heading = "Coins")]
    lift_max: u64,
    /// How many replacements of one slot's provider a client funds.
    #[arg(long, default_value_t = 3, value_name = "N", help_heading = "Coins")]
    replacements_max: u16,
    /// The name of the rules by which the market settles: where its fees go, and whose attestations count. A folder goes by the first that
    /// it sees, and refuses others until they are named here.
    #[arg(long, value_name = "NAME", help_heading = "Coins")]
    settlement_rules: Option<Hash>,
    /// How often chain, auditors and market are asked.
    #[arg(long, default_value = "5s", value_parser = arguments::span, value_name = "DURATION", help_heading = "Coins")]
    every: Span,
    /// Look for coins from the chain's beginning, as for words that are brought back; else from now on.
    #[arg(long, help_heading = "Coins")]
    from_beginning: bool,
}

impl MannerArgs {
    /// How often there is a round.
    pub(crate) fn every(&self) -> Duration {
        self.every.as_duration()
    }

    /// How it works in `market`.
    pub(crate) fn manner(&self, market: Did, network: Network) -> Result<Manner> {
        let usual = Manner::new(market);
        // A development chain's blocks come when they are wanted.
        let block_time = usual.block_time.filter(|_| network != Network::Regtest);
        let confirmations = NonZeroU32::new(self.confirmations);
        Ok(Manner {
            confirmations: confirmations.context("give --confirmations of 1 or more")?,
            refund_blocks: self.refund_blocks,
            block_time,
            deal_max: Amount::from_sat(self.deal_max),
            lift_max: Amount::from_sat(self.lift_max),
            replacements_max: self.replacements_max,
            rules: self.settlement_rules,
            refund_blocks_min: usual.refund_blocks_min.min(self.refund_blocks),
            ..usual
        })
    }

    /// Since when a new folder's coins are looked for; nothing for the chain's beginning.
    ///
    /// # Errors
    /// Where the chain does not answer.
    pub(crate) async fn birthday(&self, chain: &impl Chain) -> Result<Option<Tip>> {
        Ok(if self.from_beginning { None } else { Some(chain.tip().await?) })
    }
}

/// What a treasurer has seen in its last round, for whoever asks while it works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// When.
    pub(crate) at: Timestamp,
    /// Whose coins these are.
    pub(crate) party: Did,
    /// With which market it deals.
    pub(crate) market: Did,
    /// Whose chain it looks at.
    pub(crate) network: Network,
    /// Where to send coins for it.
    pub(crate) address: String,
    /// The last block.
    pub(crate) height: u32,
    /// What it has outside escrows.
    pub(crate) balance_sat: u64,
    /// Its escrows.
    pub(crate) escrows: Vec<EscrowLine>,
    /// Why what is to be done is not done yet.
    pub(crate) waiting: Vec<String>,
    /// What others say that they must not, and what is not done therefore.
    #[serde(default)]
    pub(crate) refused: Vec<String>,
    /// The name of the rules by which the market settles, once they are known.
    #[serde(default)]
    pub(crate) rules: Option<Hash>,
}

impl Shown {
    /// As `treasurer` sees it after `round`.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(crate) fn of(treasurer: &mut Treasurer, round: &Round) -> Result<Self, TreasurerError> {
        Ok(Self {
            at: network::clock::now(),
            party: treasurer.party(),
            market: treasurer.manner().market,
            network: treasurer.network(),
            address: treasurer.address()?.to_string(),
            height: treasurer.tip().height,
            balance_sat: treasurer.balance().to_sat(),
            escrows: treasurer.escrows(),
            waiting: round.waiting.clone(),
            refused: round.refused.clone(),
            rules: treasurer.rules(),
        })
    }

    /// What the treasurer of `folder` has written last; nothing where none has worked there yet.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(SHOWN_FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        let shown = serde_json::from_slice(&text);
        shown.map(Some).with_context(|| {
            format!("{} is damaged; the treasurer's next round writes it anew", path.display())
        })
    }

    /// Writes it, so that a reader sees all of it or what was there before.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let (path, new) = (folder.join(SHOWN_FILE), folder.join(format!("{SHOWN_FILE}.new")));
        let text = serde_json::to_vec_pretty(self)?;
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// Takes note of rounds: in the log, and in the folder.
#[derive(Default)]
pub(crate) struct Notes {
    /// What has waited lately, and when last, so that it is told once.
    waited: BTreeMap<String, Timestamp>,
    /// What was refused, so that it is told once.
    refused: BTreeSet<String>,
}

impl Notes {
    /// A round is over. A folder that cannot be written to is no reason to end.
    pub(crate) fn take(&mut self, folder: &Path, treasurer: &mut Treasurer, round: &Round) {
        for contract in &round.offered {
            tracing::info!(%contract, "escrows are offered");
        }
        for txid in &round.funded {
            tracing::info!(%txid, "a funding is signed by all");
        }
        for escrow in &round.agreed {
            tracing::info!(%escrow, "the end of an escrow is agreed on");
        }
        for reason in self.new_of(&round.waiting, network::clock::now()) {
            tracing::warn!(%reason, "something waits");
        }
        // A market that words each refusal anew must not fill the memory.
        if self.refused.len() > REFUSED_MAX {
            self.refused.clear();
        }
        for reason in &round.refused {
            if self.refused.insert(reason.clone()) {
                tracing::error!(%reason, "something is refused");
            }
        }
        let written = Shown::of(treasurer, round).map_err(anyhow::Error::from);
        if let Err(error) = written.and_then(|shown| shown.write(folder)) {
            tracing::warn!(%error, "what the treasurer sees is not shown");
        }
    }

    /// What of `waiting` has not waited within an hour before.
    fn new_of(&mut self, waiting: &[String], now: Timestamp) -> Vec<String> {
        self.waited.retain(|_, last| now.since(*last) < Span::HOUR);
        let told = |reason: &&String| self.waited.insert((*reason).clone(), now).is_none();
        waiting.iter().filter(told).cloned().collect()
    }

    /// A round ended early.
    pub(crate) fn fail(error: &TreasurerError) {
        tracing::warn!(%error, "the round ended early; trying again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_once_though_it_comes_and_goes() {
        let mut notes = Notes::default();
        let mut at = |minute: i64, waiting: &str| {
            let waiting: Vec<String> = waiting.split_whitespace().map(str::to_owned).collect();
            notes.new_of(&waiting, Timestamp(minute * 60_000_000)).join(" ")
        };
        assert_eq!(at(0, "one"), "one");
        assert_eq!(at(1, "one two"), "two");
        assert_eq!(at(2, ""), "");
        assert_eq!(at(50, "one"), "", "it waits still");
        assert_eq!(at(61, "two"), "two", "it waits anew");
        assert_eq!(at(109, "one"), "");
    }
}
