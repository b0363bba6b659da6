//! What a longer or larger contract is, costs and needs: every provider's consent by its standing ask.

use super::wrong_state;
use crate::event::SlotId;
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::amendment::AmendedSlot;
use contracts::bond::{self, BondInputs};
use contracts::rail::rail;
use contracts::{Amendment, Contract, ContractState, Posting, Slot, SlotState, audit_plan, terms};
use reputation::gate::{self, Candidate, Need};
use types::documents::{Ask, AuditPlan};
use types::terms::{RailKind, Renewal};
use types::{Bytes, Epoch, Msat, Span, Terms, Timestamp};

/// A contract as it is to become.
struct Plan<'a> {
    now: Timestamp,
    contract: &'a Contract,
    terms: Terms,
    audit: AuditPlan,
    /// Epochs that are added.
    more: u64,
    /// Epochs to come, with the open one.
    left: u64,
    /// Epochs to come, without the open one.
    ahead: u64,
}

impl Market {
    /// Refuses what a contract whose money lies in escrows on Bitcoin cannot do: its escrows hold what they were funded with.
    pub(crate) fn changes_no_escrow(
        contract: &Contract,
        field: &'static str,
    ) -> Result<(), Rejection> {
        if contract.terms.rail != RailKind::Bitcoin {
            return Ok(());
        }
        let reason = format!(
            "contract {} has its money in escrows on Bitcoin, which hold what they were funded with; make another contract for more",
            contract.id
        );
        Err(Rejection::Invalid { field, reason })
    }

    /// `contract` with `capacity`, running `epochs` in all. Where nothing changes, nobody need consent.
    pub(super) fn amendment(
        &self,
        now: Timestamp,
        contract: &Contract,
        capacity: Bytes,
        epochs: u64,
    ) -> Result<Amendment, Rejection> {
        let plan = self.plan(now, contract, capacity, epochs)?;
        let mut slots = Vec::with_capacity(contract.slots.len());
        for (number, slot) in (0u16..).zip(&contract.slots) {
            slots.push(self.amended_slot(&plan, number, slot)?);
        }
        let both = || slots.iter().zip(&contract.slots);
        let costs = both().map(|(amended, slot)| amended.added(slot));
        let costs = costs.collect::<Result<Vec<_>, _>>()?;
        let bonds = both().map(|(amended, slot)| amended.bond.sub(slot.quoted.bond));
        let bonds = Msat::sum(bonds.collect::<Result<Vec<_>, _>>()?)?;
        let added = pricing::cost_vector(&self.genesis.pricing, &costs, Msat::ZERO, bonds)?;
        Ok(Amendment { capacity, epochs, audit: plan.audit, added, slots })
    }

    fn plan<'a>(
        &self,
        now: Timestamp,
        contract: &'a Contract,
        capacity: Bytes,
        epochs: u64,
    ) -> Result<Plan<'a>, Rejection> {
        let running = contract.end().filter(|end| self.epoch < *end);
        let (true, Some(end)) = (contract.state == ContractState::Active, running) else {
            let (what, state) = (format!("contract {}", contract.id), contract.state.name());
            let allowed =
                "it can be made longer or larger from its first revision to its last epoch";
            return Err(wrong_state(what, state, allowed));
        };
        let mut terms = Terms { capacity, ..contract.terms.clone() };
        let more = epochs.saturating_sub(contract.epochs);
        if more > 0 {
            terms.duration = Span(contract.epoch.0.saturating_mul(epochs));
        }
        // How often a contract may still renew itself is asked when it does.
        terms::validate(&Terms { renewal: Renewal::Manual, ..terms.clone() })?;
        let first = contract.first_epoch.unwrap_or_default();
        let since = |epoch: Epoch| end.plus(more).since(epoch.max(first));
        let (left, ahead) = (since(self.epoch), since(self.epoch.plus(1)));
        let audit = audit_plan::plan(&terms);
        Ok(Plan { now, contract, terms, audit, more, left, ahead })
    }

    fn amended_slot(
        &self,
        plan: &Plan<'_>,
        number: u16,
        slot: &Slot,
    ) -> Result<AmendedSlot, Rejection> {
        let capacity = plan.terms.slot_capacity().max(slot.capacity);
        let mut amended = AmendedSlot::of(slot, capacity, plan.more, plan.left)?;
        // Whoever comes next is asked then, at what it asks then.
        let without = slot.state == SlotState::Vacated || slot.leaving.is_some();
        if without || (plan.more == 0 && capacity == slot.capacity) {
            return Ok(amended);
        }
        amended.bond = slot.quoted.bond.max(bond_for(plan, number, slot, &amended)?);
        self.consents(plan, slot, &amended).map_err(|reason| Rejection::NoConsent {
            slot: number,
            provider: slot.provider(),
            reason,
        })?;
        Ok(amended)
    }

    /// Whether the standing ask of the slot's provider covers what the slot is to be.
    fn consents(&self, plan: &Plan<'_>, slot: &Slot, amended: &AmendedSlot) -> Result<(), String> {
        let provider = slot.provider();
        let offer =
            self.offers.get(&provider).ok_or("it has no standing ask; it must publish one")?;
        let need = Need {
            terms: &plan.terms,
            capacity: Bytes(amended.capacity.0.saturating_sub(slot.capacity.0)),
            span: Span(plan.contract.epoch.0.saturating_mul(plan.ahead)),
            now: plan.now,
        };
        let candidate = Candidate {
            ask: &offer.ask,
            score: self.score(&provider),
            committed: self.committed(&provider),
            available: self.available(provider),
            bond: amended.bond.sub(slot.quoted.bond).map_err(|error| error.to_string())?,
        };
        gate::admit(&self.genesis.reputation, &need, &candidate).map_err(|refusal| {
            let why = refusal.explain();
            format!("{}; {}", why.reason, why.remedy)
        })?;
        self.is_not_dearer(plan, slot, &offer.ask)
    }

    fn is_not_dearer(&self, plan: &Plan<'_>, slot: &Slot, ask: &Ask) -> Result<(), String> {
        let price =
            pricing::slot_price(&self.genesis.pricing, ask, &plan.terms, plan.terms.duration)
                .map_err(|error| error.to_string())?;
        let quoted = &slot.quoted;
        let dearer = |what: &str, asked: String, agreed: String| {
            Err(format!(
                "it asks {asked} for {what} now and {agreed} was agreed; it must lower its ask, or another contract be made"
            ))
        };
        if price > quoted.price {
            return dearer("keeping", price.to_string(), quoted.price.to_string());
        }
        if ask.egress > quoted.egress {
            return dearer("reads", ask.egress.to_string(), quoted.egress.to_string());
        }
        if ask.ingress > quoted.ingress {
            return dearer("taking in", ask.ingress.to_string(), quoted.ingress.to_string());
        }
        if ask.minimum_use > quoted.minimum_use.max(slot.capacity) {
            let agreed = quoted.minimum_use.to_string();
            return dearer("at least", ask.minimum_use.to_string(), agreed);
        }
        Ok(())
    }

    /// The client pays what is added and its fees; providers add to their bonds.
    pub(super) fn amendment_postings(
        &self,
        contract: &Contract,
        amendment: &Amendment,
    ) -> Result<Vec<Posting>, Rejection> {
        let rail = rail(contract.terms.rail);
        let escrow = amendment.added.escrow()?;
        let mut postings = rail.lock_escrow(contract.id, contract.client, escrow);
        postings.extend(rail.take_fees(contract.id, amendment.added.fees()?));
        for (number, (amended, slot)) in (0u16..).zip(amendment.slots.iter().zip(&contract.slots)) {
            let more = amended.bond.sub(slot.quoted.bond)?;
            if slot.confirmed {
                postings.extend(rail.lock_bond(contract.id, number, slot.provider(), more));
            }
        }
        self.posted(postings)
    }

    /// Whether slot `id` is held by a provider that stays.
    pub(super) fn is_settled_in(&self, id: SlotId) -> bool {
        self.slot(id).is_some_and(|(_, slot)| {
            matches!(slot.state, SlotState::Filled | SlotState::AtFault) && slot.leaving.is_none()
        })
    }
}

/// The bond of a slot for what lies ahead of it, by the rule that quotes go by.
fn bond_for(
    plan: &Plan<'_>,
    number: u16,
    slot: &Slot,
    amended: &AmendedSlot,
) -> Result<Msat, Rejection> {
    let bytes = u128::from(amended.capacity.max(slot.quoted.minimum_use).0);
    let cost = amended.part(bytes.saturating_mul(plan.ahead.into()).min(amended.byte_epochs))?;
    let others = (0u16..).zip(&plan.contract.slots).filter(|(other, _)| *other != number);
    let egress: Vec<_> = others.map(|(_, other)| other.quoted.egress).collect();
    let data = plan.terms.redundancy.data;
    let repair_cost = bond::repair_cost(amended.capacity, data, &egress, slot.quoted.ingress)
        .map_err(|error| Rejection::Pricing(error.to_string()))?;
    let inputs = BondInputs {
        terms: &plan.terms,
        plan: &plan.audit,
        epoch: plan.contract.epoch,
        epochs: plan.ahead,
        cost: &cost,
        repair_cost,
    };
    Ok(bond::required(&inputs)?)
}
