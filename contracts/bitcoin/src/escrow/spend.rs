//! Transactions that spend an escrow: how they share the money out, what signs them, and what they weigh.
//!
//! An escrow holds the collateral, which the shares sum to, and a fee reserve for whatever spends it; so shares are exact. A
//! share that is too small for the network to carry (dust) is not paid out but left to the miner, so that it makes nobody richer
//! who is in the contract.

mod build;
mod witness;

use super::{Escrow, EscrowKeys, Leaf, LeafProof, curve};
use bitcoin::secp256k1::{Keypair, Message, XOnlyPublicKey, schnorr};
use bitcoin::sighash::{Prevouts, SighashCache, TapSighashType};
use bitcoin::taproot::{LeafVersion, TapLeafHash};
use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxOut};
use serde::{Deserialize, Serialize};

pub use build::{ANCHOR, RATE_MAX, RATE_MIN};

/// Why an escrow cannot be spent so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// More than there is of bitcoin.
    #[error("these amounts sum to more than 21 million bitcoin")]
    Overflow,
    /// The shares are not what there is to share.
    #[error("shares of {shares} are more than an escrow of {value}; they sum to its collateral")]
    AboveEscrow {
        /// What the shares sum to.
        shares: Amount,
        /// What the escrow holds.
        value: Amount,
    },
    /// Nothing would carry it.
    #[error("a fee reserve of {fee_reserve} is short: this transaction needs at least {least}")]
    ReserveShort {
        /// What is there for fee and anchor.
        fee_reserve: Amount,
        /// What it takes at the least rate that is carried.
        least: Amount,
    },
    /// More than the fee reserve would go to the miner.
    #[error("a fee of {fee} is above the fee reserve of {fee_reserve}; take a lower rate")]
    FeeAboveReserve {
        /// At the rate asked for.
        fee: Amount,
        /// What is there for it.
        fee_reserve: Amount,
    },
    /// No node carries it, or nobody should pay it.
    #[error("a rate of {0} sat/kwu; a rate is from 250 to 2500000 (1 to 10000 sat/vB)")]
    Rate(u64),
    /// There is no such script in the output.
    #[error("this escrow has no arbiter; it is spent by both or by outcome")]
    NoArbiter,
    /// Not the transaction that spends this escrow.
    #[error("input {0} of the transaction does not spend this escrow")]
    ForeignInput(usize),
    /// Made with another key, or over something else.
    #[error("the signature of key {0} does not fit this transaction")]
    BadSignature(XOnlyPublicKey),
}

/// Who gets how much of a collateral.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The provider's share: what it earned, and what is left of its bond.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub provider: Amount,
    /// The client's share: what was not earned, and its part of a penalty.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub client: Amount,
    /// The repair pool's share of a penalty.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub pool: Amount,
}

impl Split {
    /// All shares together, where that is an amount of bitcoin.
    pub fn total(&self) -> Option<Amount> {
        let sum = self.provider.checked_add(self.client)?.checked_add(self.pool)?;
        (sum <= Amount::MAX_MONEY).then_some(sum)
    }
}

/// Where each share goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payees {
    /// The provider's wallet.
    pub provider: ScriptBuf,
    /// The client's wallet.
    pub client: ScriptBuf,
    /// The repair pool's.
    pub pool: ScriptBuf,
}

/// By which path an escrow is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// One signature of client and provider together.
    Key,
    /// Two signatures under a script.
    Script(Leaf),
}

/// An escrow whose output is in a transaction, so that it can be spent.
#[derive(Clone, Debug)]
pub struct Funded {
    escrow: Escrow,
    outpoint: OutPoint,
    value: Amount,
}

impl Escrow {
    /// The fee reserve that lets outcomes and refunds pay `rate`, anchor included, where each of `payees` gets a share.
    ///
    /// # Errors
    /// Where the rate is none.
    pub fn fee_reserve(&self, payees: &Payees, rate: FeeRate) -> Result<Amount, SpendError> {
        build::fee_reserve_at(self, payees, rate)
    }
}

impl Funded {
    pub(super) fn new(escrow: Escrow, outpoint: OutPoint, value: Amount) -> Self {
        Self { escrow, outpoint, value }
    }

    /// The output's keys and scripts.
    pub fn escrow(&self) -> &Escrow {
        &self.escrow
    }

    /// Where the output is.
    pub fn outpoint(&self) -> OutPoint {
        self.outpoint
    }

    /// What it holds: collateral and fee reserve.
    pub fn value(&self) -> Amount {
        self.value
    }

    /// The output itself.
    pub fn output(&self) -> TxOut {
        TxOut { value: self.value, script_pubkey: self.escrow.script.clone() }
    }

    fn keys(&self) -> &EscrowKeys {
        &self.escrow.keys
    }

    /// A transaction that pays `split` out, paid for by the fee reserve, with an anchor on it by which anybody can
    /// raise the fee (CPFP). Outcomes and refunds are such; `sequence` holds a refund back. The same arguments give the same
    /// transaction.
    ///
    /// # Errors
    /// Where the shares leave no fee reserve, or one that no node would carry the transaction for.
    pub fn settlement(
        &self,
        split: &Split,
        payees: &Payees,
        sequence: Sequence,
    ) -> Result<Transaction, SpendError> {
        build::settlement(self, split, payees, sequence)
    }

    /// A transaction that both agree on now, at `rate`: what the fee reserve has more than the fee goes back to the client, who paid it. It
    /// carries no anchor.
    ///
    /// # Errors
    /// Where the shares leave no fee reserve, or one below the fee; where the rate is none.
    pub fn agreed(
        &self,
        split: &Split,
        payees: &Payees,
        path: Path,
        rate: FeeRate,
    ) -> Result<Transaction, SpendError> {
        build::agreed(self, split, payees, (path, rate))
    }

    /// What is signed to spend this escrow alone, by `path`, in `transaction`.
    ///
    /// # Errors
    /// Where the transaction has another input, or the path is not in the output.
    pub fn message(&self, transaction: &Transaction, path: Path) -> Result<Message, SpendError> {
        if transaction.input.len() != 1 {
            return Err(SpendError::ForeignInput(transaction.input.len()));
        }
        self.message_at(transaction, 0, &[self.output()], path)
    }

    /// The same where the escrow is input `index` among others, whose outputs are `spent`: a renewal takes several escrows at once.
    ///
    /// # Errors
    /// Where input `index` is not this escrow, or the path is not in the output.
    pub fn message_at(
        &self,
        transaction: &Transaction,
        index: usize,
        spent: &[TxOut],
        path: Path,
    ) -> Result<Message, SpendError> {
        let foreign = || SpendError::ForeignInput(index);
        let input = transaction.input.get(index).ok_or_else(foreign)?;
        if input.previous_output != self.outpoint || spent.get(index) != Some(&self.output()) {
            return Err(foreign());
        }
        let (mut cache, spent) = (SighashCache::new(transaction), Prevouts::All(spent));
        let all = TapSighashType::Default;
        let hash = match path {
            Path::Key => cache.taproot_key_spend_signature_hash(index, &spent, all),
            Path::Script(leaf) => {
                let leaf =
                    TapLeafHash::from_script(&self.leaf(leaf)?.script, LeafVersion::TapScript);
                cache.taproot_script_spend_signature_hash(index, &spent, leaf, all)
            }
        };
        hash.map(Message::from).map_err(|_| foreign())
    }

    /// One party's signature under the script of `leaf`. `aux` is BIP-340's auxiliary randomness.
    ///
    /// # Errors
    /// As [`Funded::message`].
    pub fn sign(
        &self,
        transaction: &Transaction,
        leaf: Leaf,
        key: &Keypair,
        aux: &[u8; 32],
    ) -> Result<schnorr::Signature, SpendError> {
        let message = self.message(transaction, Path::Script(leaf))?;
        Ok(curve::SECP.sign_schnorr_with_aux_rand(&message, key, aux))
    }

    fn leaf(&self, leaf: Leaf) -> Result<&LeafProof, SpendError> {
        self.escrow.leaf(leaf).ok_or(SpendError::NoArbiter)
    }
}
