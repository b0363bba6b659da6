//! A provider's side until the funding is signed: it answers, checks everything that its money hangs on, and signs before the client.

use super::agreed::{Agreed, check_key};
use super::client::{check_answer, verify_halves};
use super::message::{
    Answer, Assembly, Funded, Halves, Offer, Release, Side, SignedInputs, ToClient, ToProvider,
    Word,
};
use super::watch::{Patience, Watch};
use super::{DealError, Signer, inputs, respend};
use crate::escrow::Party;
use crate::escrow::funding::Funding;
use crate::outcome::Half;
use bitcoin::{Network, Psbt, Transaction};
use serde::{Deserialize, Serialize};
use types::Did;

/// A provider's negotiation of one contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    offer: Offer,
    number: usize,
    word: Option<Word>,
    assembly: Option<Assembly>,
    /// By its slots, once the client's halves hold.
    ours: Vec<Half>,
    released: bool,
    signed: Option<SignedInputs>,
    funded: Option<Transaction>,
}

impl Provider {
    /// Begins with an offer that asks `party`.
    ///
    /// # Errors
    /// What about it cannot be: then there is nothing to answer but why.
    pub fn new(offer: Offer, party: &Did, network: Network) -> Result<Self, DealError> {
        offer.check(network)?;
        let number = offer.number(party).ok_or(DealError::NotAsked(*party))?;
        let (word, assembly, signed, funded) = (None, None, None, None);
        Ok(Self { offer, number, word, assembly, ours: vec![], released: false, signed, funded })
    }

    /// What it is offered.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Its number in the offer.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Whether it brings coins of its wallet, which that has to sign.
    pub fn brings(&self) -> bool {
        self.side().is_ok_and(|side| !side.inputs.is_empty())
    }

    /// Answers the offer, once. Whether stake, rate, fee reserve, refund blocks and auditors are worth it has been judged before: all of
    /// them are the client's choice. Until this wallet has signed, coins that were kept aside for it may be released at any time.
    ///
    /// # Errors
    /// Where it brings too little, or something else than can be.
    pub fn answer(&mut self, word: Word) -> Result<(), DealError> {
        match &self.word {
            Some(known) if *known == word => return Ok(()),
            Some(_) => return Err(DealError::Contradicts("the answer")),
            None => {}
        }
        if let Word::Takes(side) = &word {
            check_answer(&self.offer, self.number, side)?;
        }
        self.word = Some(word);
        Ok(())
    }

    /// Takes what the client says. What was taken already is taken again without effect.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn take(&mut self, message: ToProvider, signer: &Signer<'_>) -> Result<(), DealError> {
        match message {
            ToProvider::Offer(offer) if *offer == self.offer => Ok(()),
            ToProvider::Offer(_) => Err(DealError::Contradicts("the offer")),
            ToProvider::Assembly(assembly) => self.take_assembly(*assembly, signer),
            ToProvider::Release(release) => self.take_release(release),
            ToProvider::Funded(funded) => self.take_funded(funded),
        }
    }

    /// What the client should be told now, again or for the first time.
    pub fn outbox(&self) -> Option<ToClient> {
        if self.funded.is_some() {
            return None;
        }
        if let Some(signed) = &self.signed {
            return Some(ToClient::SignedInputs(Box::new(signed.clone())));
        }
        if let (Some(assembly), false) = (&self.assembly, self.released) {
            let halves = Halves { funding: assembly.funding, halves: self.ours.clone() };
            return Some(ToClient::Halves(halves));
        }
        let word = self.word.clone().filter(|_| self.assembly.is_none())?;
        Some(ToClient::Answer(Box::new(Answer { offer: self.offer.id(), word })))
    }

    /// Whether `release` is what is waited for before the inputs are signed.
    pub fn is_released_by(&self, release: &Release) -> bool {
        let assembly = self.assembly.as_ref();
        self.signed.is_none() && assembly.is_some_and(|known| known.funding == release.funding)
    }

    /// The funding for this wallet to sign, once every half of every slot is there.
    ///
    /// # Errors
    /// None that [`Provider::take`] has not found.
    pub fn to_sign(&self) -> Result<Option<Psbt>, DealError> {
        if !self.released || self.signed.is_some() {
            return Ok(None);
        }
        Ok(Some(self.agreed()?.1.psbt().clone()))
    }

    /// Takes the funding with this wallet's inputs signed. From now on the money may be gone into the contract:
    /// [`Provider::watch`]. `old` are the keys of the old escrows of its slots that go on, in their order.
    ///
    /// # Errors
    /// Where it is not to be signed yet, or is not signed validly.
    pub fn signed(&mut self, psbt: &Psbt, old: &[Signer<'_>]) -> Result<(), DealError> {
        if !self.released {
            let (found, missing) = ("the provider's signature", "the client's release");
            return Err(DealError::Early { found, missing });
        }
        let (agreed, funding) = self.agreed()?;
        let range = inputs::range(&agreed, Some(self.number));
        let witnesses = inputs::witnesses(&funding, psbt, range.clone())?;
        let mut psbt = funding.psbt().clone();
        for (index, witness) in range.zip(witnesses) {
            psbt.inputs[index].final_script_witness = Some(witness);
        }
        let respends = respend::sign((&self.offer, &funding), Some(self.number), old)?;
        self.signed.get_or_insert(SignedInputs { psbt, respends });
        Ok(())
    }

    /// What the provider does from now on; nothing before it has signed.
    ///
    /// # Errors
    /// None that [`Provider::take`] has not found.
    pub fn watch(&self, patience: Patience) -> Result<Option<Watch>, DealError> {
        let (Some(_), Some(assembly)) = (&self.signed, &self.assembly) else { return Ok(None) };
        let (agreed, _) = self.agreed()?;
        let slots = self.offer.slots_of(self.number);
        let theirs = slots.zip(assembly.halves.iter().cloned()).collect();
        Watch::new(Party::Provider, (agreed, theirs), self.funded.clone(), patience).map(Some)
    }

    fn take_assembly(&mut self, assembly: Assembly, signer: &Signer<'_>) -> Result<(), DealError> {
        match &self.assembly {
            Some(known) if *known == assembly => return Ok(()),
            Some(_) => return Err(DealError::Contradicts("the assembly")),
            None => {}
        }
        let side = self.side()?;
        check_key(signer.key, side.key)?;
        let ours = self.offer.id();
        if assembly.offer != ours {
            return Err(DealError::OtherOffer { found: assembly.offer, ours });
        }
        if assembly.sides.get(self.number) != Some(side)
            || assembly.sides.len() != self.offer.providers.len()
        {
            return Err(DealError::Changed);
        }
        let agreed = Agreed { offer: self.offer.clone(), sides: assembly.sides.clone() };
        let funding = agreed.funding()?;
        let (found, ours) = (assembly.funding, funding.txid());
        if found != ours {
            return Err(DealError::OtherFunding { found, ours });
        }
        let verified =
            verify_halves((&agreed, &funding), self.number, Party::Client, &assembly.halves)?;
        let halves = verified.into_iter().map(|(slot, setup)| {
            let half = setup.sign(signer.key, &signer.seed);
            half.map_err(|source| DealError::Setup { slot, source })
        });
        self.ours = halves.collect::<Result<_, _>>()?;
        self.assembly = Some(assembly);
        Ok(())
    }

    fn take_release(&mut self, release: Release) -> Result<(), DealError> {
        let (found, ours) = (release.funding, self.assembled("the release")?.funding);
        if found != ours {
            return Err(DealError::OtherFunding { found, ours });
        }
        self.released = true;
        Ok(())
    }

    fn take_funded(&mut self, funded: Funded) -> Result<(), DealError> {
        if self.signed.is_none() {
            let (found, missing) = ("the whole funding", "the provider's signature");
            return Err(DealError::Early { found, missing });
        }
        inputs::check(&self.agreed()?.1, &funded.transaction)?;
        self.funded.get_or_insert(funded.transaction);
        Ok(())
    }

    fn side(&self) -> Result<&Side, DealError> {
        match &self.word {
            Some(Word::Takes(side)) => Ok(side),
            _ => Err(DealError::Early { found: "the assembly", missing: "a provider's yes" }),
        }
    }

    fn assembled(&self, found: &'static str) -> Result<&Assembly, DealError> {
        self.assembly.as_ref().ok_or(DealError::Early { found, missing: "the assembly" })
    }

    fn agreed(&self) -> Result<(Agreed, Funding), DealError> {
        let sides = self.assembled("the funding")?.sides.clone();
        let agreed = Agreed { offer: self.offer.clone(), sides };
        let funding = agreed.funding()?;
        Ok((agreed, funding))
    }
}
