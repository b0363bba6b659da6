//! What client and providers say to each other until the funding is signed: three rounds, and the funding itself at the end.
//!
//! | round | the client says | a provider says |
//! |---|---|---|
//! | 1 | [`Offer`] | [`Answer`]: what it brings, or why not |
//! | 2 | [`Assembly`]: what everybody brings, and its halves | [`Halves`] |
//! | 3 | [`Release`]: every half of every slot holds | [`SignedInputs`] |
//! |   | [`Funded`]: the whole transaction | |
//!
//! Where a contract goes on, the offer names of each slot the old escrow that is [`Spent`], and with its inputs a provider signs the old
//! escrows of its slots.
//!
//! Nothing here is secret, and all of it may come twice.

use super::respend::Spent;
use super::wire;
use crate::escrow::funding::{Funder, FundingInput};
use crate::outcome::{Auditor, Half};
use bitcoin::consensus::serde::{Hex, With};
use bitcoin::secp256k1::{XOnlyPublicKey, schnorr};
use bitcoin::{Amount, FeeRate, Network, Psbt, ScriptBuf, Transaction, TxOut, Txid};
use contracts::outcome::Stake;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use types::{ContractId, Did, Hash};

/// What a party brings into a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Its key in every escrow of this contract, and of no other.
    pub key: XOnlyPublicKey,
    /// Where its shares go.
    pub payout: ScriptBuf,
    /// What it pays with.
    #[serde(with = "wire::inputs")]
    pub inputs: Vec<FundingInput>,
    /// Where its change goes.
    pub change: ScriptBuf,
}

impl Side {
    /// The side of `key` that is paid at `payout` and pays with what `funder` brings.
    pub fn new(key: XOnlyPublicKey, payout: ScriptBuf, funder: Funder) -> Self {
        Self { key, payout, inputs: funder.inputs, change: funder.change }
    }

    pub(super) fn funder(&self) -> Funder {
        Funder { inputs: self.inputs.clone(), change: self.change.clone() }
    }
}

/// One slot, and who judges it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotOffer {
    /// What is locked, and what outcomes pay of it.
    #[serde(with = "wire::StakeText")]
    pub stake: Stake,
    /// Which of the offer's providers serves it.
    pub provider: usize,
    /// Who may decide with one of the two, where the terms name somebody.
    pub arbiter: Option<XOnlyPublicKey>,
    /// What each auditor announced for this slot alone.
    #[serde(with = "wire::auditors")]
    pub auditors: Vec<Auditor>,
    /// How many of them must agree.
    pub threshold: usize,
    /// The old escrow whose money goes on in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spends: Option<Spent>,
}

/// What a client offers all providers of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Which contract.
    pub contract: ContractId,
    /// On which network.
    pub network: Network,
    /// Whom it asks.
    pub providers: Vec<Did>,
    /// The slots, in order.
    pub slots: Vec<SlotOffer>,
    /// How many steps payouts are rounded to: 100 for 1 %.
    pub steps: NonZeroU16,
    /// What each escrow holds for the fee of what spends it; from the client.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub fee_reserve: Amount,
    /// How many blocks after the funding's the refund may be mined.
    pub refund_blocks: u16,
    /// What the funding pays to be mined, in satoshis per 1000 weight units.
    pub rate: FeeRate,
    /// Where the repair pool's shares go.
    pub pool: ScriptBuf,
    /// The market's fees, from the client.
    pub market_fee: Option<TxOut>,
    /// What the client brings.
    pub client: Side,
}

/// What a provider says to an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It takes its slots and brings this.
    Takes(Side),
    /// It does not, for this reason.
    Declines(String),
}

/// A provider's answer to an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// To which offer ([`Offer::id`]).
    pub offer: Hash,
    /// What it says.
    pub word: Word,
}

/// The one funding of all slots, with the client's halves of a provider's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assembly {
    /// Of which offer.
    pub offer: Hash,
    /// What each provider brings, in the offer's order.
    pub sides: Vec<Side>,
    /// What the funding comes to.
    pub funding: Txid,
    /// The client's halves, in the order of the receiver's slots.
    pub halves: Vec<Half>,
}

/// A provider's halves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halves {
    /// Of which funding.
    pub funding: Txid,
    /// In the order of its slots.
    pub halves: Vec<Half>,
}

/// The client's word that it holds every half of every slot: providers may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Which funding.
    pub funding: Txid,
}

/// The funding with a provider's inputs signed, and its old escrows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedInputs {
    /// As a PSBT.
    #[serde(with = "wire::psbt")]
    pub psbt: Psbt,
    /// What signs the old escrows of its slots, in their order.
    #[serde(default)]
    pub respends: Vec<schnorr::Signature>,
}

/// The funding, signed by all: whoever has it may broadcast it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Funded {
    /// In hexadecimal digits.
    #[serde(with = "With::<Hex>")]
    pub transaction: Transaction,
}

/// From the client to a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToProvider {
    /// Round 1.
    Offer(Box<Offer>),
    /// Round 2.
    Assembly(Box<Assembly>),
    /// Round 3.
    Release(Release),
    /// The end.
    Funded(Funded),
}

/// From a provider to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToClient {
    /// Round 1.
    Answer(Box<Answer>),
    /// Round 2.
    Halves(Halves),
    /// Round 3.
    SignedInputs(Box<SignedInputs>),
}
