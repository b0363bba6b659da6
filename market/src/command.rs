//! What can be asked of the market. Commands that come from a party carry its verified document.

use serde::{Deserialize, Serialize};
use types::documents::{
    Acceptance, Ask, Cancellation, Challenge, Confession, Confirmation, Departure, Deposit,
    Dispute, Extension, Grant, Growth, Maintenance, Measurement, Proof, Quote, Revision,
    Revocation, StorageReceipt, TopUp, Verdict, Voucher, Withdrawal,
};
use types::{ContractId, Did, Epoch, Hash, Verified};

/// One thing to judge. The journal has it with its documents' names in their places.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A provider offers storage. `network` is the /24 or /64 the server saw the endpoint in.
    PublishAsk {
        /// The ask.
        ask: Verified<Ask>,
        /// Where its endpoint is.
        network: String,
    },
    /// The operator received money for a party.
    Deposit(Verified<Deposit>),
    /// A party takes money out.
    Withdraw(Verified<Withdrawal>),
    /// A client takes a quote.
    Accept {
        /// Its acceptance.
        acceptance: Verified<Acceptance>,
        /// The quote, as this market signed it.
        quote: Box<Verified<Quote>>,
    },
    /// A provider answers a reservation.
    Confirm(Verified<Confirmation>),
    /// What the slots hold from now on.
    Revise {
        /// The client's revision.
        revision: Verified<Revision>,
        /// A receipt for every slot it changes.
        receipts: Vec<Verified<StorageReceipt>>,
    },
    /// A client makes its contract longer, or says whether it renews itself.
    Extend(Verified<Extension>),
    /// A client gives its contract more room.
    Grow(Verified<Growth>),
    /// A client ends its contract.
    Cancel(Verified<Cancellation>),
    /// A provider leaves a slot.
    Depart(Verified<Departure>),
    /// A provider adds to its bond.
    TopUp(Verified<TopUp>),
    /// The next epoch begins.
    OpenEpoch {
        /// Its number: one above the last.
        epoch: Epoch,
        /// The hash chain's link for it: the preimage of the last one.
        beacon: Hash,
        /// The chain's headers behind those that the market knows, up to the one that makes the epoch's block deep enough; none in a
        /// market without a chain, and where the block is known already.
        #[serde(default, skip_serializing_if = "bytes::Bytes::is_empty", with = "in_base64")]
        headers: bytes::Bytes,
    },
    /// An audit's outcome.
    RecordVerdict(Verified<Verdict>),
    /// A provider reports its own loss.
    Confess(Verified<Confession>),
    /// A provider contests a verdict.
    Dispute(Box<Contest>),
    /// A provider announces maintenance.
    Announce(Verified<Maintenance>),
    /// An auditor has measured a provider.
    Measure(Verified<Measurement>),
    /// What a penalty holds for the client is the client's: it can be disputed no more.
    Release {
        /// Of which contract.
        contract: ContractId,
        /// Of which slot.
        slot: u16,
    },
    /// A slot was rebuilt: the provider's receipt and the revision the market signs as repairer.
    FinishRebuild {
        /// The rebuilding provider's receipt.
        receipt: Verified<StorageReceipt>,
        /// The market's revision.
        revision: Verified<Revision>,
    },
    /// A provider redeems a voucher.
    RedeemVoucher(Verified<Voucher>),
    /// A client shares what it keeps.
    Grant(Verified<Grant>),
    /// A client takes a grant back.
    Revoke(Verified<Revocation>),
    /// What a slot has earned goes into its bond until that is whole.
    HoldBack {
        /// Of which contract.
        contract: ContractId,
        /// Which slot.
        slot: u16,
    },
    /// A reservation was not answered in time.
    Reassign {
        /// Of which contract.
        contract: ContractId,
        /// Which slot.
        slot: u16,
    },
    /// A contract did not come about in time.
    Expire(ContractId),
    /// A slot has been at fault for too long, or stands vacated: find it a new provider.
    Replace {
        /// Of which contract.
        contract: ContractId,
        /// Which slot.
        slot: u16,
        /// What placement draws from.
        seed: [u8; 32],
    },
    /// A contract that renews itself is in its last epoch.
    Renew(ContractId),
    /// A contract's term has ended.
    Complete(ContractId),
    /// A contract's money is paid out.
    Settle(ContractId),
    /// A provider's part of a contract on Bitcoin is over: say what it came to.
    Conclude {
        /// Of which contract.
        contract: ContractId,
        /// Of which slot.
        slot: u16,
        /// Whose part.
        provider: Did,
    },
}

/// A dispute with everything it rests on: nothing else is needed to judge it, so the journal has the answers' bytes too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contest {
    /// The provider's objection.
    pub dispute: Verified<Dispute>,
    /// The verdict it contests.
    pub verdict: Verified<Verdict>,
    /// The verdict's challenge.
    pub challenge: Verified<Challenge>,
    /// The provider's proof for that challenge.
    pub proof: Verified<Proof>,
    /// The bytes that the proof speaks for.
    #[serde(with = "in_base64")]
    pub answers: bytes::Bytes,
}

impl Contest {
    fn documents(&self) -> Vec<(types::DocId, &types::Signed)> {
        vec![
            (self.dispute.id(), self.dispute.signed()),
            (self.verdict.id(), self.verdict.signed()),
            (self.challenge.id(), self.challenge.signed()),
            (self.proof.id(), self.proof.signed()),
        ]
    }
}

impl Command {
    /// The next epoch begins, in a market without a chain.
    pub const fn open_epoch(epoch: Epoch, beacon: Hash) -> Self {
        Self::OpenEpoch { epoch, beacon, headers: bytes::Bytes::new() }
    }

    /// The stable name of this kind of command.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PublishAsk { .. } => "publish_ask",
            Self::Deposit(_) => "deposit",
            Self::Withdraw(_) => "withdraw",
            Self::Accept { .. } => "accept",
            Self::Confirm(_) => "confirm",
            Self::Revise { .. } => "revise",
            Self::Extend(_) => "extend",
            Self::Grow(_) => "grow",
            Self::Cancel(_) => "cancel",
            Self::Depart(_) => "depart",
            Self::TopUp(_) => "top_up",
            Self::OpenEpoch { .. } => "open_epoch",
            Self::RecordVerdict(_) => "record_verdict",
            Self::Confess(_) => "confess",
            Self::Dispute(_) => "dispute",
            Self::Announce(_) => "announce",
            Self::Measure(_) => "measure",
            Self::Release { .. } => "release",
            Self::HoldBack { .. } => "hold_back",
            Self::FinishRebuild { .. } => "finish_rebuild",
            Self::RedeemVoucher(_) => "redeem_voucher",
            Self::Grant(_) => "grant",
            Self::Revoke(_) => "revoke",
            Self::Reassign { .. } => "reassign",
            Self::Expire(_) => "expire",
            Self::Replace { .. } => "replace",
            Self::Renew(_) => "renew",
            Self::Complete(_) => "complete",
            Self::Settle(_) => "settle",
            Self::Conclude { .. } => "conclude",
        }
    }

    /// The signed documents it rests on, for the evidence store.
    pub fn documents(&self) -> Vec<(types::DocId, &types::Signed)> {
        fn one<T>(document: &Verified<T>) -> (types::DocId, &types::Signed) {
            (document.id(), document.signed())
        }
        match self {
            Self::PublishAsk { ask, .. } => vec![one(ask)],
            Self::Deposit(deposit) => vec![one(deposit)],
            Self::Withdraw(withdrawal) => vec![one(withdrawal)],
            Self::Accept { acceptance, quote } => vec![one(acceptance), one(quote)],
            Self::Confirm(confirmation) => vec![one(confirmation)],
            Self::Revise { revision, receipts } => {
                std::iter::once(one(revision)).chain(receipts.iter().map(one)).collect()
            }
            Self::Extend(extension) => vec![one(extension)],
            Self::Grow(growth) => vec![one(growth)],
            Self::Cancel(cancellation) => vec![one(cancellation)],
            Self::Depart(departure) => vec![one(departure)],
            Self::TopUp(top_up) => vec![one(top_up)],
            Self::RecordVerdict(verdict) => vec![one(verdict)],
            Self::Confess(confession) => vec![one(confession)],
            Self::Dispute(contest) => contest.documents(),
            Self::Announce(notice) => vec![one(notice)],
            Self::Measure(measurement) => vec![one(measurement)],
            Self::FinishRebuild { receipt, revision } => vec![one(receipt), one(revision)],
            Self::RedeemVoucher(voucher) => vec![one(voucher)],
            Self::Grant(grant) => vec![one(grant)],
            Self::Revoke(revocation) => vec![one(revocation)],
            Self::OpenEpoch { .. }
            | Self::Reassign { .. }
            | Self::Expire(_)
            | Self::Release { .. }
            | Self::HoldBack { .. }
            | Self::Replace { .. }
            | Self::Renew(_)
            | Self::Complete(_)
            | Self::Settle(_)
            | Self::Conclude { .. } => Vec::new(),
        }
    }
}

/// Bytes as base64url text.
mod in_base64 {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        BASE64.decode(text).map(Bytes::from).map_err(D::Error::custom)
    }
}
