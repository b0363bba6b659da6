//! The client's side until the funding is signed: it asks everybody, puts together what they bring, and signs last.

use super::agreed::{Agreed, check_key, check_side};
use super::message::{
    Answer, Assembly, Funded, Halves, Offer, Release, Side, SignedInputs, ToClient, ToProvider,
    Word,
};
use super::watch::{Patience, Watch};
use super::{DealError, Signer, inputs, respend};
use crate::escrow::Party;
use crate::escrow::funding::{Funding, FundingError, FundingInput, Payer};
use crate::outcome::{Half, Setup};
use bitcoin::secp256k1::schnorr;
use bitcoin::{Network, Psbt, Transaction, Witness};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A client's negotiation with all providers of one contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    offer: Offer,
    words: BTreeMap<usize, Word>,
    /// By slot, once every provider took.
    ours: Vec<Half>,
    /// By provider, each of its slots.
    theirs: BTreeMap<usize, Vec<Half>>,
    inputs: BTreeMap<usize, Vec<Witness>>,
    /// What providers signed of old escrows, by slot.
    #[serde(default)]
    respends: BTreeMap<usize, schnorr::Signature>,
    funded: Option<Transaction>,
}

impl Client {
    /// Begins with `offer`.
    ///
    /// # Errors
    /// What about it cannot be.
    pub fn new(offer: Offer, network: Network) -> Result<Self, DealError> {
        offer.check(network)?;
        Ok(Self {
            offer,
            words: BTreeMap::new(),
            ours: vec![],
            theirs: BTreeMap::new(),
            inputs: BTreeMap::new(),
            respends: BTreeMap::new(),
            funded: None,
        })
    }

    /// What is offered.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Takes what provider number `from` says. What was taken already is taken again without effect.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn take(
        &mut self,
        from: usize,
        message: ToClient,
        signer: &Signer<'_>,
    ) -> Result<(), DealError> {
        if from >= self.offer.providers.len() {
            return Err(DealError::NoProvider(from));
        }
        match message {
            ToClient::Answer(answer) => self.take_answer(from, *answer, signer),
            ToClient::Halves(halves) => self.take_halves(from, halves),
            ToClient::SignedInputs(signed) => self.take_inputs(from, &signed),
        }
    }

    /// What every provider should be told now, again or for the first time.
    ///
    /// # Errors
    /// None that [`Client::take`] has not found.
    pub fn outbox(&self) -> Result<Vec<(usize, ToProvider)>, DealError> {
        if let Some(transaction) = &self.funded {
            let all = 0..self.offer.providers.len();
            let funded = |to| (to, ToProvider::Funded(Funded { transaction: transaction.clone() }));
            return Ok(all.map(funded).collect());
        }
        if self.declined().is_some() {
            return Ok(vec![]);
        }
        if self.ours.is_empty() {
            let silent = (0..self.offer.providers.len()).filter(|to| !self.words.contains_key(to));
            let offer = |to| (to, ToProvider::Offer(Box::new(self.offer.clone())));
            return Ok(silent.map(offer).collect());
        }
        let (agreed, funding) = self.agreed()?;
        let funding = funding.txid();
        let all = 0..agreed.sides.len();
        if self.theirs.len() < agreed.sides.len() {
            let missing = all.filter(|to| !self.theirs.contains_key(to));
            let assembly = |to| {
                let halves = self.offer.slots_of(to).filter_map(|slot| self.ours.get(slot));
                let (offer, sides) = (self.offer.id(), agreed.sides.clone());
                let halves = halves.cloned().collect();
                let assembly = Assembly { offer, sides, funding, halves };
                (to, ToProvider::Assembly(Box::new(assembly)))
            };
            return Ok(missing.map(assembly).collect());
        }
        let missing = all.filter(|to| !self.inputs.contains_key(to));
        Ok(missing.map(|to| (to, ToProvider::Release(Release { funding }))).collect())
    }

    /// The funding for this wallet to sign, once everybody else has.
    ///
    /// # Errors
    /// None that [`Client::take`] has not found.
    pub fn to_sign(&self) -> Result<Option<Psbt>, DealError> {
        let everybody = self.inputs.len() == self.offer.providers.len();
        if !everybody || self.funded.is_some() {
            return Ok(None);
        }
        Ok(Some(self.agreed()?.1.psbt().clone()))
    }

    /// Takes the funding with this wallet's inputs signed, and gives the whole transaction to broadcast: once this state is stored.
    /// `old` are the keys of the old escrows that go on, in the order of the slots.
    ///
    /// # Errors
    /// Where others have not signed yet, or it is not signed validly.
    pub fn signed(&mut self, psbt: &Psbt, old: &[Signer<'_>]) -> Result<&Transaction, DealError> {
        if self.inputs.len() < self.offer.providers.len() {
            let (found, missing) = ("the client's signature", "every provider's");
            return Err(DealError::Early { found, missing });
        }
        let (agreed, funding) = self.agreed()?;
        let own = inputs::witnesses(&funding, psbt, inputs::range(&agreed, None))?;
        let mut transaction = funding.psbt().unsigned_tx.clone();
        let both = (&self.offer, &funding);
        let ours = respend::sign(both, None, old)?;
        let old = respend::witnesses(both, &ours, &self.respends)?;
        let all = own.iter().chain(self.inputs.values().flatten()).chain(&old);
        for (input, witness) in transaction.input.iter_mut().zip(all) {
            input.witness = witness.clone();
        }
        inputs::check(&funding, &transaction)?;
        Ok(self.funded.get_or_insert(transaction))
    }

    /// The first provider that does not want its slots, with its reason. Nobody has signed anything then, and nobody will.
    pub fn declined(&self) -> Option<DealError> {
        self.words.iter().find_map(|(provider, word)| match word {
            Word::Declines(reason) => {
                Some(DealError::Declined { provider: *provider, reason: reason.clone() })
            }
            Word::Takes(_) => None,
        })
    }

    /// What the client does from now on; nothing before it has signed the funding, since it has nothing in it yet.
    ///
    /// # Errors
    /// None that [`Client::take`] has not found.
    pub fn watch(&self, patience: Patience) -> Result<Option<Watch>, DealError> {
        let Some(transaction) = &self.funded else { return Ok(None) };
        let (agreed, _) = self.agreed()?;
        let theirs = self.theirs.iter().flat_map(|(provider, halves)| {
            self.offer.slots_of(*provider).zip(halves.iter().cloned())
        });
        let theirs = theirs.collect();
        Watch::new(Party::Client, (agreed, theirs), Some(transaction.clone()), patience).map(Some)
    }

    fn take_answer(
        &mut self,
        from: usize,
        answer: Answer,
        signer: &Signer<'_>,
    ) -> Result<(), DealError> {
        let ours = self.offer.id();
        if answer.offer != ours {
            return Err(DealError::OtherOffer { found: answer.offer, ours });
        }
        match self.words.get(&from) {
            Some(known) if *known == answer.word => return Ok(()),
            Some(_) => return Err(DealError::Contradicts("the answer")),
            None => {}
        }
        if let Word::Takes(side) = &answer.word {
            check_answer(&self.offer, from, side)?;
        }
        let mut next = self.clone();
        next.words.insert(from, answer.word);
        next.assemble(signer)?;
        *self = next;
        Ok(())
    }

    /// Signs every slot's half, once all have taken their slots.
    fn assemble(&mut self, signer: &Signer<'_>) -> Result<(), DealError> {
        let complete = self.words.len() == self.offer.providers.len();
        if !complete || self.declined().is_some() {
            return Ok(());
        }
        check_key(signer.key, self.offer.client.key)?;
        let (agreed, funding) = self.agreed()?;
        let halves = (0..self.offer.slots.len()).map(|slot| {
            let half = agreed.setup(&funding, slot)?.sign(signer.key, &signer.seed);
            half.map_err(|source| DealError::Setup { slot, source })
        });
        self.ours = halves.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn take_halves(&mut self, from: usize, message: Halves) -> Result<(), DealError> {
        if self.ours.is_empty() {
            let (found, missing) = ("a provider's half", "every provider's answer");
            return Err(DealError::Early { found, missing });
        }
        let (agreed, funding) = self.agreed()?;
        let (found, ours) = (message.funding, funding.txid());
        if found != ours {
            return Err(DealError::OtherFunding { found, ours });
        }
        match self.theirs.get(&from) {
            Some(known) if *known == message.halves => return Ok(()),
            Some(_) => return Err(DealError::Contradicts("the half")),
            None => {}
        }
        verify_halves((&agreed, &funding), from, Party::Provider, &message.halves)?;
        self.theirs.insert(from, message.halves);
        Ok(())
    }

    fn take_inputs(&mut self, from: usize, message: &SignedInputs) -> Result<(), DealError> {
        if self.theirs.len() < self.offer.providers.len() {
            let (found, missing) = ("a provider's signature", "every half of every slot");
            return Err(DealError::Early { found, missing });
        }
        if self.inputs.contains_key(&from) {
            return Ok(());
        }
        let (agreed, funding) = self.agreed()?;
        let range = inputs::range(&agreed, Some(from));
        let witnesses = inputs::witnesses(&funding, &message.psbt, range)?;
        let respends = respend::verify((&self.offer, &funding), from, &message.respends)?;
        self.respends.extend(respends);
        self.inputs.insert(from, witnesses);
        Ok(())
    }

    /// What was agreed on, once everybody took.
    fn agreed(&self) -> Result<(Agreed, Funding), DealError> {
        let sides = self.words.values().filter_map(|word| match word {
            Word::Takes(side) => Some(side.clone()),
            Word::Declines(_) => None,
        });
        let agreed = Agreed { offer: self.offer.clone(), sides: sides.collect() };
        let funding = agreed.funding()?;
        Ok((agreed, funding))
    }
}

/// Whether what provider number `from` brings would do, if it were the only one.
pub(super) fn check_answer(offer: &Offer, from: usize, side: &Side) -> Result<(), DealError> {
    check_side(side)?;
    let own = offer.slots.iter().filter(|slot| slot.provider == from).cloned();
    let slots = own.map(|slot| super::message::SlotOffer { provider: 0, ..slot }).collect();
    let providers = offer.providers.get(from).copied().into_iter().collect();
    let mut client = offer.client.clone();
    client.inputs.extend(left_elsewhere(offer, from)?);
    let offer = Offer { providers, slots, client, ..offer.clone() };
    let alone = Agreed { offer, sides: vec![side.clone()] };
    let funding = alone.funding().map_err(|error| match error {
        DealError::Funding(FundingError::Short { who: Payer::Provider(_), brought, owed }) => {
            FundingError::Short { who: Payer::Provider(from), brought, owed }.into()
        }
        other => other,
    })?;
    (0..alone.offer.slots.len()).try_for_each(|slot| alone.setup(&funding, slot).map(drop))
}

/// What the client has left of the old escrows of other providers' slots: it may pay for this one's.
fn left_elsewhere(offer: &Offer, from: usize) -> Result<Vec<FundingInput>, DealError> {
    let slots = offer.slots.iter().enumerate().filter(|(_, slot)| slot.provider != from);
    let spends = slots.filter_map(|(number, slot)| Some((number, slot.spends.as_ref()?)));
    let left = spends.map(|(slot, spent)| {
        let owed = offer.parts(slot)?.client.checked_add(offer.fee_reserve);
        spent.left(slot, owed.ok_or(FundingError::Overflow)?)
    });
    left.collect()
}

/// The set-ups of the slots of `provider`, where `halves` are all that `party` has to sign of them.
pub(super) fn verify_halves(
    (agreed, funding): (&Agreed, &Funding),
    provider: usize,
    party: Party,
    halves: &[Half],
) -> Result<Vec<(usize, Setup)>, DealError> {
    let slots: Vec<usize> = agreed.offer.slots_of(provider).collect();
    let (found, expected) = (halves.len(), slots.len());
    if found != expected {
        return Err(DealError::HalfCount { found, expected });
    }
    let verified = slots.into_iter().zip(halves).map(|(slot, half)| {
        let setup = agreed.setup(funding, slot)?;
        let verified = setup.verify(party, half);
        verified.map_err(|source| DealError::Setup { slot, source })?;
        Ok((slot, setup))
    });
    verified.collect()
}
