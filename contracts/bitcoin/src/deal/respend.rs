//! Escrows whose money goes on: a later funding takes them as inputs, and what each side had in them counts as brought by it.
//!
//! They are spent under the outcome leaf, by a plain signature of each key. The key path would be some forty virtual bytes smaller; but its
//! nonces would have to be remembered between two messages, and used once whatever crashes.

use super::agreed::check_key;
use super::message::Offer;
use super::{DealError, Signer};
use crate::escrow::funding::{Brought, Funding, FundingError, FundingInput};
use crate::escrow::spend::{Path, Split};
use crate::escrow::{Escrow, EscrowKeys, Funded, Leaf, Party, curve};
use bitcoin::secp256k1::{Message, XOnlyPublicKey, schnorr};
use bitcoin::{Amount, OutPoint, TxOut, Witness};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An escrow that a later one of the same slot takes up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Where it is.
    pub outpoint: OutPoint,
    /// The client's key in it.
    pub client: XOnlyPublicKey,
    /// The provider's.
    pub provider: XOnlyPublicKey,
    /// The arbiter's, where it has one.
    pub arbiter: Option<XOnlyPublicKey>,
    /// What the client put in.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub price: Amount,
    /// What the provider put in.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub bond: Amount,
    /// What the client put in for the fee of what ends it.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub fee_reserve: Amount,
}

impl Spent {
    /// `coin`, into which client and provider put what `parts` says.
    pub(super) fn of(coin: &Funded, parts: &Split) -> Option<Self> {
        let EscrowKeys { client, provider, arbiter } = *coin.escrow().keys();
        let fee_reserve = coin.value().checked_sub(parts.total()?)?;
        let (price, bond) = (parts.client, parts.provider);
        let outpoint = coin.outpoint();
        Some(Self { outpoint, client, provider, arbiter, price, bond, fee_reserve })
    }

    /// The coin itself.
    ///
    /// # Errors
    /// Where there can be no such escrow.
    pub fn coin(&self, slot: usize) -> Result<Funded, DealError> {
        let escrow =
            Escrow::new(self.keys()).map_err(|source| DealError::Escrow { slot, source })?;
        let value = self.brought().and_then(|parts| parts.checked_add(self.bond));
        let value = value.filter(|value| *value <= Amount::MAX_MONEY);
        Ok(escrow.funded(self.outpoint, value.ok_or(FundingError::Overflow)?))
    }

    /// The same as an input that may be looked up.
    ///
    /// # Errors
    /// As [`Self::coin`].
    pub fn input(&self, slot: usize) -> Result<FundingInput, DealError> {
        let coin = self.coin(slot)?;
        Ok(FundingInput { outpoint: coin.outpoint(), output: coin.output() })
    }

    /// What it brings, and for whom.
    pub(super) fn brings(&self, slot: usize) -> Result<Brought, DealError> {
        let client = self.brought().ok_or(FundingError::Overflow)?;
        Ok(Brought { coin: self.coin(slot)?, client, provider: self.bond })
    }

    /// What the client has left of it after it paid `owed` for the slot, as an input of its own: for whoever reckons without the slot.
    pub(super) fn left(&self, slot: usize, owed: Amount) -> Result<FundingInput, DealError> {
        let Brought { coin, client, .. } = self.brings(slot)?;
        let value = client.checked_sub(owed).unwrap_or(Amount::ZERO);
        let output = TxOut { value, ..coin.output() };
        Ok(FundingInput { outpoint: coin.outpoint(), output })
    }

    /// The client's part.
    fn brought(&self) -> Option<Amount> {
        self.price.checked_add(self.fee_reserve)
    }

    fn keys(&self) -> EscrowKeys {
        let Self { client, provider, arbiter, .. } = *self;
        EscrowKeys { client, provider, arbiter }
    }
}

/// Whether the old escrows of `offer` can be inputs of one transaction, beside what the client brings.
pub(super) fn check(offer: &Offer) -> Result<(), DealError> {
    let own = offer.client.inputs.iter().map(|input| input.outpoint);
    let (mut seen, mut total): (BTreeSet<OutPoint>, _) = (own.collect(), Amount::ZERO);
    for (slot, spent) in spends(offer) {
        let TxOut { value, script_pubkey } = spent.coin(slot)?.output();
        if !seen.insert(spent.outpoint) {
            return Err(FundingError::DuplicateInput(spent.outpoint).into());
        }
        let least = script_pubkey.minimal_non_dust();
        if value < least {
            return Err(FundingError::Dust { value, least }.into());
        }
        let sum = total.checked_add(value).filter(|sum| *sum <= Amount::MAX_MONEY);
        total = sum.ok_or(FundingError::Overflow)?;
    }
    Ok(())
}

/// By slot, in order.
fn spends(offer: &Offer) -> impl Iterator<Item = (usize, &Spent)> {
    let slots = offer.slots.iter().enumerate();
    slots.filter_map(|(slot, offered)| Some((slot, offered.spends.as_ref()?)))
}

/// An old escrow as an input of a funding.
struct Taken<'o> {
    slot: usize,
    spent: &'o Spent,
    coin: Funded,
    message: Message,
}

/// The old escrows that a funding of `offer` takes, in the order of its slots.
fn taken<'o>(offer: &'o Offer, funding: &Funding) -> Result<Vec<Taken<'o>>, DealError> {
    let transaction = &funding.psbt().unsigned_tx;
    let outputs = funding.psbt().inputs.iter().filter_map(|input| input.witness_utxo.clone());
    let outputs: Vec<TxOut> = outputs.collect();
    let spends: Vec<_> = spends(offer).collect();
    let first = transaction.input.len().checked_sub(spends.len());
    let first = first.ok_or(DealError::Unsigned(0))?;
    let taken = spends.into_iter().enumerate().map(|(place, (slot, spent))| {
        let coin = spent.coin(slot)?;
        let index = first.saturating_add(place);
        let path = Path::Script(Leaf::Outcome);
        let message = coin.message_at(transaction, index, &outputs, path)?;
        Ok(Taken { slot, spent, coin, message })
    });
    taken.collect()
}

/// Those that the client (no number) or a provider signs for, of which there must be so many as `found`.
fn signed_by<'o>(
    (offer, funding): (&'o Offer, &Funding),
    provider: Option<usize>,
    found: usize,
) -> Result<Vec<Taken<'o>>, DealError> {
    let served = |slot: usize| offer.slots.get(slot).map(|slot| slot.provider);
    let mut own = taken(offer, funding)?;
    own.retain(|taken| provider.is_none() || served(taken.slot) == provider);
    let expected = own.len();
    if found == expected { Ok(own) } else { Err(DealError::OldKeys { found, expected }) }
}

/// The signatures of the client (no number) or a provider for its old escrows, made with the keys that these had in them.
pub(super) fn sign(
    both: (&Offer, &Funding),
    provider: Option<usize>,
    old: &[Signer<'_>],
) -> Result<Vec<schnorr::Signature>, DealError> {
    let party = provider.map_or(Party::Client, |_| Party::Provider);
    let own = signed_by(both, provider, old.len())?;
    let signed = own.iter().zip(old).map(|(taken, signer)| {
        check_key(signer.key, taken.spent.keys().of(party))?;
        Ok(curve::SECP.sign_schnorr_with_aux_rand(&taken.message, signer.key, &signer.seed))
    });
    signed.collect()
}

/// What a provider signed of the old escrows of its slots, by slot.
pub(super) fn verify(
    both: (&Offer, &Funding),
    provider: usize,
    signatures: &[schnorr::Signature],
) -> Result<BTreeMap<usize, schnorr::Signature>, DealError> {
    let own = signed_by(both, Some(provider), signatures.len())?;
    let verified =
        own.iter().zip(signatures).map(|(Taken { slot, spent, message, .. }, signature)| {
            let fits = curve::SECP.verify_schnorr(signature, message, &spent.provider);
            fits.map_err(|_| DealError::Respend { slot: *slot, party: Party::Provider })?;
            Ok((*slot, *signature))
        });
    verified.collect()
}

/// The witnesses of all old escrows, in the order of the slots.
pub(super) fn witnesses(
    (offer, funding): (&Offer, &Funding),
    client: &[schnorr::Signature],
    providers: &BTreeMap<usize, schnorr::Signature>,
) -> Result<Vec<Witness>, DealError> {
    let pairs = taken(offer, funding)?.into_iter().zip(client);
    let witnesses = pairs.map(|(Taken { slot, coin, message, .. }, client)| {
        let party = Party::Provider;
        let provider = providers.get(&slot).ok_or(DealError::Respend { slot, party })?;
        Ok(coin.leaf_witness(&message, Leaf::Outcome, [*client, *provider])?)
    });
    witnesses.collect()
}
