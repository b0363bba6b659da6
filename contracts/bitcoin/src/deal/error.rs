//! Why a contract does not come about, or does not end so.

use super::stakes::StakeError;
use crate::escrow::close::CloseError;
use crate::escrow::funding::FundingError;
use crate::escrow::spend::SpendError;
use crate::escrow::{EscrowError, Party};
use crate::outcome::oracle::OracleError;
use crate::outcome::setup::SetupError;
use bitcoin::secp256k1::XOnlyPublicKey;
use bitcoin::{Network, ScriptBuf, Txid};
use types::{Did, Hash};

/// What is wrong with a message or a call. Nothing was changed by it, but for an auditor's second word, which is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DealError {
    /// A slot's stake is none.
    #[error("slot {slot}: {source}")]
    Stake {
        /// Which slot.
        slot: usize,
        /// Why.
        source: StakeError,
    },
    /// A slot's escrow cannot be.
    #[error("slot {slot}: {source}")]
    Escrow {
        /// Which slot.
        slot: usize,
        /// Why.
        source: EscrowError,
    },
    /// A slot's auditors cannot be, or their words are none.
    #[error("slot {slot}: {source}")]
    Oracle {
        /// Which slot.
        slot: usize,
        /// Why.
        source: OracleError,
    },
    /// A slot is not set up: its terms, or a half.
    #[error("slot {slot}: {source}")]
    Setup {
        /// Which slot.
        slot: usize,
        /// Why.
        source: SetupError,
    },
    /// There is no such funding.
    #[error(transparent)]
    Funding(#[from] FundingError),
    /// An escrow cannot be spent so.
    #[error(transparent)]
    Spend(#[from] SpendError),
    /// No signature of both comes about.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// Coins of another network.
    #[error("the offer is for {found}, this party is on {ours}")]
    Network {
        /// The offer's.
        found: Network,
        /// Ours.
        ours: Network,
    },
    /// Nodes might not carry what pays to it.
    #[error("the script {0} is of no usual kind; pay to P2TR, P2WPKH, P2WSH, P2SH or P2PKH")]
    Script(ScriptBuf),
    /// One word would end two slots.
    #[error("slot {slot} has an auditor's nonce of slot {other}; every slot needs an announcement")]
    SharedNonce {
        /// Which slot.
        slot: usize,
        /// The earlier one.
        other: usize,
    },
    /// Who is asked for nothing.
    #[error("provider {0} has no slot, or was named before; name whom slots name, each once")]
    Idle(usize),
    /// A number beyond the offer's providers.
    #[error("there is no provider {0} in this offer")]
    NoProvider(usize),
    /// Not among those who are asked.
    #[error("the offer does not ask {0}")]
    NotAsked(Did),
    /// Not a slot of this party.
    #[error("slot {0} is not this party's")]
    NoSlot(usize),
    /// Two who would be one.
    #[error("key {0} is named twice; each party and arbiter needs a key of its own")]
    SameKey(XOnlyPublicKey),
    /// Not the key that was named.
    #[error("the key at hand is not {0}, which this party named for the contract")]
    OtherKey(XOnlyPublicKey),
    /// About another offer.
    #[error("it is about offer {found}, not {ours}")]
    OtherOffer {
        /// What it is about.
        found: Hash,
        /// Ours.
        ours: Hash,
    },
    /// About another funding.
    #[error("it is about funding {found}, not {ours}")]
    OtherFunding {
        /// What it is about.
        found: Txid,
        /// What was agreed on.
        ours: Txid,
    },
    /// The other changed what we said.
    #[error("the assembly changes what this provider brings")]
    Changed,
    /// Said otherwise before.
    #[error("{0} came before, and was another; what was said stands")]
    Contradicts(&'static str),
    /// A message that presupposes another.
    #[error("{found} comes before {missing}")]
    Early {
        /// What came.
        found: &'static str,
        /// What has to come first.
        missing: &'static str,
    },
    /// Too few or too many.
    #[error("{found} halves; there must be {expected}, one a slot")]
    HalfCount {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A signature that the network would refuse.
    #[error("input {0} of the funding is not signed, or not validly; sign it finally")]
    Unsigned(usize),
    /// An old escrow that would not be spent.
    #[error(
        "the {party}'s signature for the old escrow of slot {slot} does not fit the funding; sign with the key that is in it"
    )]
    Respend {
        /// Of which slot.
        slot: usize,
        /// Whose.
        party: Party,
    },
    /// Too few or too many signatures or keys.
    #[error("{found} for old escrows; there must be {expected}, one for each that goes on")]
    OldKeys {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// Somebody does not want it.
    #[error("provider {provider} declines: {reason}")]
    Declined {
        /// Who.
        provider: usize,
        /// Why, in its words.
        reason: String,
    },
    /// An auditor's second word.
    #[error(
        "auditor {auditor} attested {first} of slot {slot} and now {second}; both are proof against it"
    )]
    Equivocates {
        /// Of which slot.
        slot: usize,
        /// Who.
        auditor: usize,
        /// What it said first.
        first: u16,
        /// What it says now.
        second: u16,
    },
    /// A close that is not what is due.
    #[error("the close of slot {0} shares out something else than was agreed")]
    OtherSplit(usize),
}
