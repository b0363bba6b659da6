//! How a treasurer works, and why it does not.

use crate::chain::ChainError;
use crate::deal::DealError;
use crate::keys::KeyError;
use crate::wallet::{LogError, WalletError};
use bitcoin::{Amount, FeeRate, Network};
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;
use types::{Did, Hash, Span, Timestamp};

/// Why a round ended early, or a call is refused. The next round goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum TreasurerError {
    /// The wallet, or the chain behind it.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The treasurer's own file.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no such key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A deal that is kept is none: the file was written by something else.
    #[error("a deal that was kept is none: {0}; restore the file from a backup")]
    Deal(#[from] DealError),
    /// The rules of settlement that are kept are none.
    #[error("the market's rules that were kept are none: {0}; restore the file from a backup")]
    Rules(String),
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Randomness(String),
    /// The folder is another's.
    #[error(
        "this folder is of {party} in the market {market}; name the folder of this party and market"
    )]
    OtherFolder {
        /// Whose it is.
        party: Did,
        /// With which market it deals.
        market: Did,
    },
    /// The chain is another network's.
    #[error("the chain is of {found}, these coins are of {ours}; name a chain of {ours}")]
    OtherNetwork {
        /// The chain's.
        found: Network,
        /// The wallet's.
        ours: Network,
    },
}

/// How long after a term its faults are judged and its penalties final, at most.
const JUDGED_WITHIN: Duration = Duration::from_hours(30 * 24);

/// How a treasurer works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The market whose contracts it settles.
    pub market: Did,
    /// Under how many blocks a funding counts, its own counted, and an end is final.
    pub confirmations: NonZeroU32,
    /// After how many blocks a client wants refunds to be possible, and a provider at most. Take more than contracts run: a refund
    /// gives both their own, whatever was earned.
    pub refund_blocks: u16,
    /// After how many at least, for a provider.
    pub refund_blocks_min: u16,
    /// How long a block takes on average, by which terms are counted in blocks; nothing where blocks tell no time, as on a development
    /// chain.
    pub block_time: Option<Duration>,
    /// The most that a client puts into one deal, whatever it has accepted.
    pub deal_max: Amount,
    /// How many replacements of one slot's provider a client funds: of those its market alone says that they are needed.
    pub replacements_max: u16,
    /// How long after its quote has expired a client funds a new contract: what it has accepted long ago and left is not to come back.
    pub funded_within: Duration,
    /// The name of the rules by which the market settles, where they are not those that the folder knows, or knows none.
    pub rules: Option<Hash>,
    /// What a client leaves in each escrow for the fee of what ends it, and a provider wants there at least.
    pub fee_reserve: Amount,
    /// How many steps payouts are rounded to; the same for both sides.
    pub steps: NonZeroU16,
    /// What a funding pays at least.
    pub rate_min: FeeRate,
    /// What it pays at most.
    pub rate_max: FeeRate,
    /// How many times more or less than what a provider's own chain says a client's funding may pay.
    pub rate_times: NonZeroU16,
    /// After how many blocks a child pays for what was broadcast and no block took.
    pub lift_after: u32,
    /// The most that one child pays; of what ends an escrow at most half of what that pays out, too.
    pub lift_max: Amount,
    /// After how many blocks an offer that came to nothing is given up, and its coins are free again.
    pub talk_blocks: u32,
    /// After how many blocks a funding that no block has is given up.
    pub funding_blocks: u32,
    /// How many blocks after the auditors' word the other has to agree on a close.
    pub close_blocks: u16,
    /// A treasurer's file that is longer than this is made anew when it is opened.
    pub log_bytes_max: u64,
    /// How long one answer of a peer or an oracle is waited for.
    pub answer_within: Duration,
}

impl Manner {
    /// What suits Bitcoin's main network: 3 confirmations, refunds after a year, 1 to 500 sat/vB, three hours for offers and a day for
    /// fundings.
    pub fn new(market: Did) -> Self {
        Self {
            market,
            confirmations: const { NonZeroU32::new(3).unwrap() },
            refund_blocks: 52_560,
            refund_blocks_min: 4_320,
            block_time: Some(Duration::from_mins(10)),
            deal_max: Amount::from_sat(10_000_000),
            replacements_max: 3,
            funded_within: Duration::from_hours(7 * 24),
            rules: None,
            fee_reserve: Amount::from_sat(3_000),
            steps: const { NonZeroU16::new(100).unwrap() },
            rate_min: FeeRate::from_sat_per_vb_u32(1),
            rate_max: FeeRate::from_sat_per_vb_u32(500),
            rate_times: const { NonZeroU16::new(4).unwrap() },
            lift_after: 2,
            lift_max: Amount::from_sat(100_000),
            talk_blocks: 18,
            funding_blocks: 144,
            close_blocks: 6,
            log_bytes_max: 16 << 20,
            answer_within: Duration::from_secs(30),
        }
    }

    /// After how many blocks a contract that lasts for `duration` is surely over and judged: its term, and 30 days for faults and disputes.
    fn blocks_of(&self, duration: Span) -> u32 {
        let Some(block_time) = self.block_time else { return 0 };
        let lasts = duration.as_duration().saturating_add(JUDGED_WITHIN);
        let blocks = lasts.as_millis().div_ceil(block_time.as_millis().max(1));
        u32::try_from(blocks).unwrap_or(u32::MAX)
    }

    /// Until when a funding may be signed that must count by `fund_by`: it takes its blocks to be deep enough.
    pub(super) fn sign_by(&self, fund_by: Timestamp) -> Timestamp {
        let Some(block_time) = self.block_time else { return fund_by };
        let takes = block_time.saturating_mul(self.confirmations.get()).as_micros();
        Timestamp(fund_by.0.saturating_sub(i64::try_from(takes).unwrap_or(i64::MAX)))
    }

    /// After how many blocks at least a contract of `duration` may be refunded.
    pub(super) fn refund_least(&self, duration: Span) -> u32 {
        self.blocks_of(duration).max(self.refund_blocks_min.into())
    }

    /// After how many blocks at most, for a provider; what a client asks for.
    ///
    /// # Errors
    /// Where no refund can be so late: a relative timelock counts to 65,535 (BIP-68).
    pub(super) fn refund_most(&self, duration: Span) -> Result<u16, String> {
        let most = self.refund_least(duration).max(self.refund_blocks.into());
        u16::try_from(most).map_err(|_| {
            format!("the contract runs for {duration}: no refund can wait so long; make one of 400 days at most")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_waits_until_a_contract_is_over_and_judged() {
        let manner = Manner::new(Did([1; 32]));
        let days = |days: u64| Span(days * Span::DAY.0);
        // 144 blocks a day, and 30 days more.
        for (term, least, most) in
            [(1, 4_464, 52_560), (365, 56_880, 56_880), (400, 61_920, 61_920)]
        {
            assert_eq!(manner.refund_least(days(term)), least, "{term}");
            assert_eq!(manner.refund_most(days(term)), Ok(most), "{term}");
        }
        let refused = manner.refund_most(days(426)).unwrap_err();
        assert!(refused.contains("400 days at most"), "{refused}");
        let hour = |hour: i64| Timestamp(hour * 3_600_000_000);
        assert_eq!(
            manner.sign_by(hour(24)),
            Timestamp(hour(23).0 + 1_800_000_000),
            "3 blocks before"
        );
        let timeless = Manner { block_time: None, refund_blocks: 600, ..manner };
        assert_eq!(
            (timeless.refund_least(days(400)), timeless.refund_most(days(400))),
            (4_320, Ok(4_320))
        );
        assert_eq!(timeless.sign_by(hour(24)), hour(24));
    }
}
