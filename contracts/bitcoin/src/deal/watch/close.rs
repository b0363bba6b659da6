//! The usual end: both agree on a split, and sign one small transaction together in two messages.
//!
//! The proposal carries a nonce; the consent carries the other's nonce and half. Whoever proposed then has the signature of both.
//! A proposal that is under way is in no stored state, since a nonce must not sign twice: after a crash it is made anew.

use super::{DealError, Signer, Watch, check_key, coin, wire};
use crate::escrow::close::{Close, NonceBytes, PartialBytes};
use crate::escrow::curve;
use crate::escrow::spend::{Path, Split};
use bitcoin::secp256k1::Message;
use bitcoin::{FeeRate, Transaction};
use serde::{Deserialize, Serialize};
use types::Hash;

/// One party's wish to close a slot so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Of which offer's contract.
    pub offer: Hash,
    /// Which slot.
    pub slot: usize,
    /// Who gets what of the collateral. What the fee reserve leaves goes back to the client.
    pub split: Split,
    /// What the close pays to be mined, in satoshis per 1000 weight units.
    pub rate: FeeRate,
    /// A nonce of whoever proposes.
    #[serde(with = "wire::digits")]
    pub nonce: NonceBytes,
}

/// The other's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Of which offer's contract.
    pub offer: Hash,
    /// Which slot.
    pub slot: usize,
    /// A nonce of whoever consents.
    #[serde(with = "wire::digits")]
    pub nonce: NonceBytes,
    /// Its half of the signature.
    #[serde(with = "wire::digits")]
    pub half: PartialBytes,
}

/// A proposal under way. It holds a secret nonce, which signs once.
pub struct Closing {
    slot: usize,
    transaction: Transaction,
    close: Close,
}

impl Watch {
    /// Proposes to close `slot` by `split` at `rate`. The signer's seed must never have been used before.
    ///
    /// # Errors
    /// Where the split is none of the collateral, or the rate none.
    pub fn propose(
        &self,
        slot: usize,
        (split, rate): (Split, FeeRate),
        signer: &Signer<'_>,
    ) -> Result<(Closing, Proposal), DealError> {
        let (transaction, message) = self.agreed_close(slot, &split, rate)?;
        let (close, nonce) = self.begin(slot, message, signer)?;
        let proposal = Proposal { offer: self.kept.agreed.offer.id(), slot, split, rate, nonce };
        Ok((Closing { slot, transaction, close }, proposal))
    }

    /// Consents to a proposal that shares out `split`: what the auditors said ([`Watch::due`]), or what else the caller wants. From then
    /// on the other can broadcast it. The signer's seed must never have been used before.
    ///
    /// # Errors
    /// Where it is of another contract, shares out something else, or its nonce is none.
    pub fn consent(
        &self,
        proposal: &Proposal,
        split: &Split,
        signer: &Signer<'_>,
    ) -> Result<Consent, DealError> {
        let (slot, offer) = (proposal.slot, self.of_this(proposal.offer)?);
        if proposal.split != *split {
            return Err(DealError::OtherSplit(slot));
        }
        let (_, message) = self.agreed_close(slot, &proposal.split, proposal.rate)?;
        let parts: [&[u8]; 3] = [&signer.seed, message.as_ref(), &proposal.nonce];
        let seed = curve::tagged("bondstore/deal/consent/v1", &parts);
        let (close, nonce) = self.begin(slot, message, &Signer { seed, ..*signer })?;
        let (_, half) = close.sign(signer.key, &proposal.nonce)?;
        Ok(Consent { offer, slot, nonce, half })
    }

    /// Takes the other's consent; the close is broadcast from now on, instead of an earlier one: at a higher rate, where no block takes
    /// that.
    ///
    /// # Errors
    /// Where the consent does not fit; then propose anew.
    pub fn conclude(
        &mut self,
        closing: Closing,
        consent: &Consent,
        signer: &Signer<'_>,
    ) -> Result<&Transaction, DealError> {
        self.of_this(consent.offer)?;
        let Closing { slot, transaction, close } = closing;
        if consent.slot != slot {
            return Err(DealError::OtherSplit(consent.slot));
        }
        let (signed, _) = close.sign(signer.key, &consent.nonce)?;
        let signature = signed.finish(&consent.half)?;
        let whole = coin(self.setup(slot)?).finish_agreed(transaction, signature)?;
        Ok(self.kept.closes.entry(slot).insert_entry(whole).into_mut())
    }

    fn of_this(&self, found: Hash) -> Result<Hash, DealError> {
        let ours = self.kept.agreed.offer.id();
        if found == ours { Ok(ours) } else { Err(DealError::OtherOffer { found, ours }) }
    }

    /// The close of `slot`, and what both sign of it.
    fn agreed_close(
        &self,
        slot: usize,
        split: &Split,
        rate: FeeRate,
    ) -> Result<(Transaction, Message), DealError> {
        let terms = self.setup(slot)?.terms();
        if split.total() != Some(terms.payouts.collateral()) {
            return Err(DealError::OtherSplit(slot));
        }
        let transaction = terms.coin.agreed(split, &terms.payees, Path::Key, rate)?;
        let message = terms.coin.message(&transaction, Path::Key)?;
        Ok((transaction, message))
    }

    fn begin(
        &self,
        slot: usize,
        message: Message,
        signer: &Signer<'_>,
    ) -> Result<(Close, NonceBytes), DealError> {
        check_key(signer.key, self.key()?)?;
        let escrow = coin(self.setup(slot)?).escrow();
        Ok(Close::begin(escrow, signer.key, message, signer.seed)?)
    }
}
