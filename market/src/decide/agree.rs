//! From a quote to a contract: acceptance, confirmations, reserves that step in, expiry.

use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::rail::rail;
use contracts::{
    Account, Agreed, Contract, ContractState, ContractStep, Posting, Slot, SlotState, SlotStep,
};
use std::collections::{BTreeMap, BTreeSet};
use types::documents::{Acceptance, Confirmation, Quote, QuotedSlot};
use types::terms::RailKind;
use types::{Bytes, CostVector, Did, GbPrice, Msat, Terms, Timestamp, Verified};

/// The most that one contract on Bitcoin may lock, price and bonds: 1,000 bitcoin. Nobody has shown the market that they have it, and
/// its books must have room for everybody's.
const ON_CHAIN_MAX: Msat = Msat(100_000_000_000_000);

impl Market {
    pub(crate) fn accept(
        &self,
        now: Timestamp,
        acceptance: &Verified<Acceptance>,
        quote: &Verified<Quote>,
    ) -> Result<Vec<Event>, Rejection> {
        if let Some(contract) = self.contracts.get(&acceptance.id()) {
            debug_assert_eq!(contract.quote, acceptance.quote);
            return Ok(Vec::new());
        }
        self.check_answer(now, quote, ("acceptance", acceptance.client, acceptance.quote))?;
        self.may_reserve(quote.terms.rail, &acceptance.client)?;
        let contract = self.contract_from(now, acceptance, quote)?;
        let escrow = quote.cost.escrow()?;
        bounded_on_chain(&contract, escrow)?;
        let lock = rail(quote.terms.rail).lock_escrow(contract.id, contract.client, escrow);
        let postings = self.posted(lock)?;
        Ok(vec![Event::ContractAgreed { contract: Box::new(contract), postings }])
    }

    /// The contract a quote makes, with reserves in the place of providers whose room is gone.
    fn contract_from(
        &self,
        now: Timestamp,
        acceptance: &Verified<Acceptance>,
        quote: &Verified<Quote>,
    ) -> Result<Contract, Rejection> {
        let (rail, capacity) = (quote.terms.rail, quote.terms.slot_capacity());
        let mut reserves = quote.reserves.clone();
        let mut slots = Vec::with_capacity(quote.slots.len());
        let mut chosen = quote.slots.clone();
        for number in 0..chosen.len() {
            if !self.has_room(rail, &chosen[number].provider, capacity) {
                let steps_in = |reserve: &QuotedSlot| {
                    let others = (0..).zip(&chosen).filter(|(other, _)| *other != number);
                    let slots = others.map(|(_, slot)| slot).chain([reserve]);
                    affords(&quote.cost, &quote.terms, slots)
                        && self.has_room(rail, &reserve.provider, capacity)
                };
                let next = reserves.iter().position(steps_in);
                let stale = "its providers' room was sold meanwhile";
                let next = next.ok_or_else(|| Rejection::QuoteStale(stale.into()))?;
                chosen[number] = reserves.remove(next);
            }
        }
        for chosen in chosen {
            let answer_by = now.after(self.genesis.answer_within);
            slots.push(Slot::reserved(chosen, capacity, quote.epochs, answer_by));
        }
        Ok(Contract {
            id: acceptance.id(),
            client: quote.client,
            quote: quote.id(),
            terms: quote.terms.clone(),
            agreed: Agreed {
                capacity: quote.terms.capacity,
                epochs: quote.epochs,
                cost: quote.cost,
            },
            epoch: quote.epoch,
            epochs: quote.epochs,
            cost: quote.cost,
            audit: quote.audit,
            state: ContractState::Agreed,
            revision: 0,
            layout: None,
            first_epoch: None,
            extension: None,
            left: None,
            store_by: now.after(self.genesis.store_within),
            reserves,
            egress_spent: Msat::ZERO,
            into_bonds: Msat::ZERO,
            shares: BTreeMap::new(),
            slots,
        })
    }

    /// Whether `provider` still offers room for a new contract's slot of `capacity` on `rail`, and is still trusted with it.
    fn has_room(&self, rail: RailKind, provider: &Did, capacity: Bytes) -> bool {
        let Some(offer) = self.offers.get(provider) else { return false };
        let most = self.genesis.reputation.room(&self.score(provider), offer.ask.capacity);
        let fits = self.committed(provider).0.saturating_add(capacity.0) <= most.0;
        let is_free = || self.unfunded_room(provider, most, capacity).is_none();
        fits && (rail != RailKind::Bitcoin || is_free())
    }

    pub(crate) fn confirm(
        &self,
        now: Timestamp,
        confirmation: &Verified<Confirmation>,
    ) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: confirmation.contract, slot: confirmation.slot };
        let (contract, slot) = self.known_slot(id)?;
        only("confirmation", confirmation.provider, slot.provider())?;
        if slot.confirmed {
            return Ok(Vec::new());
        }
        if !is_offered(contract, slot) {
            let allowed = "only a slot that is reserved or to be rebuilt can be confirmed";
            return Err(wrong_state(format!("slot {}", id.slot), slot.state.name(), allowed));
        }
        if confirmation.answer_by != slot.answer_by {
            let (found, wanted) = (confirmation.answer_by.0, slot.answer_by.0);
            let reason = format!(
                "{found} is of another reservation; answer the one whose answer must be there by {wanted}"
            );
            return Err(Rejection::Invalid { field: "answer_by", reason });
        }
        if let Some(reason) = &confirmation.declined {
            let reason = format!("{} declined: {}", slot.provider(), clip(reason));
            return self.pass_over(now, id, reason);
        }
        let bond = slot.quoted.bond;
        let least = bond.sub(slot.quoted.held_bond_max)?;
        let locked = self.can_lock(contract.terms.rail, slot.provider()).min(bond).max(least);
        let rail = rail(contract.terms.rail);
        let lock = rail.lock_bond(contract.id, id.slot, slot.provider(), locked);
        let postings = self.posted(lock)?;
        let repairing = slot.state == SlotState::Repairing;
        let rebuild_by = now.after(contract.terms.repair_time);
        let answer_by = if repairing { rebuild_by } else { slot.answer_by };
        Ok(vec![Event::SlotConfirmed {
            slot: id,
            provider: slot.provider(),
            document: confirmation.id(),
            answer_by,
            lacking: bond.sub(locked)?,
            postings,
        }])
    }

    /// What `party` can lock on the contract's rail: what is on a chain the market does not know, and lets its owner say.
    pub(crate) fn can_lock(&self, rail: RailKind, party: Did) -> Msat {
        match rail {
            RailKind::Ledger => self.available(party),
            RailKind::Bitcoin => Msat(i64::MAX),
        }
    }

    pub(crate) fn reassign_unanswered(
        &self,
        now: Timestamp,
        id: SlotId,
    ) -> Result<Vec<Event>, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let unanswered = !slot.confirmed || slot.state == SlotState::Repairing;
        if now <= slot.answer_by || !unanswered || !is_offered(contract, slot) {
            return Ok(Vec::new());
        }
        let reason = format!("{} did not answer in time", slot.provider());
        self.pass_over(now, id, reason)
    }

    /// What happens when a provider will not have a slot: the next reserve, or a new search, or expiry.
    fn pass_over(
        &self,
        now: Timestamp,
        id: SlotId,
        reason: String,
    ) -> Result<Vec<Event>, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        if slot.state == SlotState::Repairing {
            return Ok(vec![self.vacate(id)?]);
        }
        if slot.state.after(SlotStep::Reassign).is_none() || contract.state != ContractState::Agreed
        {
            return Ok(Vec::new());
        }
        let holders: BTreeSet<Did> = contract.slots.iter().map(Slot::provider).collect();
        let fits = |q: &&QuotedSlot| {
            let others = (0u16..).zip(&contract.slots).filter(|(number, _)| *number != id.slot);
            let slots = others.map(|(_, slot)| &slot.quoted).chain([*q]);
            !holders.contains(&q.provider)
                && affords(&contract.cost, &contract.terms, slots)
                && self.has_room(contract.terms.rail, &q.provider, slot.capacity)
        };
        let Some(next) = contract.reserves.iter().find(fits) else {
            return self.expire_because(contract, format!("{reason}, and no reserve is left"));
        };
        let answer_by = now.after(self.genesis.answer_within);
        let with = Slot::reserved(next.clone(), slot.capacity, contract.epochs, answer_by);
        let (provider, with) = (slot.provider(), Box::new(with));
        Ok(vec![Event::SlotReassigned { slot: id, provider, reason, with }])
    }

    pub(crate) fn expire(
        &self,
        now: Timestamp,
        id: types::ContractId,
    ) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&id)?;
        if contract.state != ContractState::Agreed || now <= contract.store_by {
            return Ok(Vec::new());
        }
        let kept = match contract.fee_unstored() {
            Msat::ZERO => String::new(),
            fee => format!(", though every provider was ready: the escrow fee of {fee} is due"),
        };
        self.expire_because(contract, format!("nothing was stored in time{kept}"))
    }

    fn expire_because(&self, contract: &Contract, reason: String) -> Result<Vec<Event>, Rejection> {
        if contract.state.after(ContractStep::Expire).is_none() {
            return Ok(Vec::new());
        }
        let postings = self.all_back(contract)?;
        let (contract, holders) = (contract.id, contract.holders());
        Ok(vec![Event::ContractExpired { contract, holders, reason, postings }])
    }

    /// What ends a contract that did not come about: escrow and bonds return to whoever locked them, less the escrow fee
    /// where every provider was ready.
    pub(super) fn all_back(&self, contract: &Contract) -> Result<Vec<Posting>, Rejection> {
        let rail = rail(contract.terms.rail);
        let escrow = self.ledger.balance(Account::Escrow(contract.id));
        let fee = contract.fee_unstored();
        let mut postings = rail.take_fees(contract.id, fee);
        postings.extend(rail.refund(contract.id, contract.client, escrow.sub(fee)?));
        for (number, slot) in (0u16..).zip(&contract.slots) {
            let bond = self.ledger.balance(Account::Bond(contract.id, number));
            postings.extend(rail.release_bond(contract.id, number, slot.provider(), bond));
        }
        self.posted(postings)
    }
}

/// Whether a slot is its provider's to take: in a new contract, or to rebuild it.
fn is_offered(contract: &Contract, slot: &Slot) -> bool {
    let offered = (contract.state, slot.state);
    let new = (ContractState::Agreed, SlotState::Reserved);
    new == offered || (ContractState::Active, SlotState::Repairing) == offered
}

/// Whether what the client has escrowed pays for these slots: a reserve steps in for that, or not at all.
fn affords<'a>(
    cost: &CostVector,
    terms: &Terms,
    slots: impl Iterator<Item = &'a QuotedSlot>,
) -> bool {
    let slots: Vec<&QuotedSlot> = slots.collect();
    let totals = slots.iter().map(|slot| slot.cost.total()).collect::<Result<Vec<_>, _>>();
    let locked = Msat::sum([cost.storage, cost.premium, cost.bonus, cost.ingress]);
    let reads: Vec<GbPrice> = slots.iter().map(|slot| slot.egress).collect();
    let reads = pricing::egress_cost(terms, &reads);
    let (Ok(needed), Ok(locked), Ok(reads)) = (totals.and_then(Msat::sum), locked, reads) else {
        return false;
    };
    needed <= locked && reads <= cost.egress
}

/// The first 200 characters of a party's words.
fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Whether a contract on Bitcoin locks no more than books should follow.
fn bounded_on_chain(contract: &Contract, escrow: Msat) -> Result<(), Rejection> {
    let bonds = Msat::sum(contract.slots.iter().map(|slot| slot.quoted.bond))?;
    let locks = escrow.add(bonds)?;
    if contract.terms.rail != RailKind::Bitcoin || locks <= ON_CHAIN_MAX {
        return Ok(());
    }
    let reason = format!(
        "price and bonds come to {locks}; a contract on Bitcoin locks at most {ON_CHAIN_MAX}: split it"
    );
    Err(Rejection::Invalid { field: "quote", reason })
}
