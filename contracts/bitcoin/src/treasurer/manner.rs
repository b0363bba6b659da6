//! How a treasurer works, and why it does not.

use crate::chain::ChainError;
use crate::deal::DealError;
use crate::keys::KeyError;
use crate::wallet::{LogError, WalletError};
use bitcoin::{Amount, FeeRate, Network};
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;
use types::Did;

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
    /// What a client leaves in each escrow for the fee of what ends it, and a provider wants there at least.
    pub fee_reserve: Amount,
    /// How many steps payouts are rounded to; the same for both sides.
    pub steps: NonZeroU16,
    /// What a funding pays at least.
    pub rate_min: FeeRate,
    /// What it pays at most.
    pub rate_max: FeeRate,
    /// After how many blocks an offer or a funding that came to nothing is given up.
    pub funding_blocks: u32,
    /// How many blocks after the auditors' word the other has to agree on a close.
    pub close_blocks: u16,
    /// How long one answer of a peer or an oracle is waited for.
    pub answer_within: Duration,
}

impl Manner {
    /// What suits Bitcoin's main network: 3 confirmations, refunds after a year, 1 to 500 sat/vB, a day for fundings.
    pub fn new(market: Did) -> Self {
        Self {
            market,
            confirmations: const { NonZeroU32::new(3).unwrap() },
            refund_blocks: 52_560,
            refund_blocks_min: 4_320,
            fee_reserve: Amount::from_sat(3_000),
            steps: const { NonZeroU16::new(100).unwrap() },
            rate_min: FeeRate::from_sat_per_vb_u32(1),
            rate_max: FeeRate::from_sat_per_vb_u32(500),
            funding_blocks: 144,
            close_blocks: 6,
            answer_within: Duration::from_secs(30),
        }
    }
}
