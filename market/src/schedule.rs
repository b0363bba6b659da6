//! What is to be asked of providers: routine challenges of an epoch, intensified audits, sources of a rebuild, and of
//! whom nothing else is asked whether they are there.

use crate::event::SlotId;
use crate::state::Market;
use contracts::{Cause, Contract, ContractState, Slot, SlotState, audit_plan};
use std::collections::BTreeMap;
use types::documents::SlotChallenge;
use types::{Did, Timestamp};

/// How many chunks an intensified audit asks for.
pub const INTENSIFIED: u32 = 256;

/// The open epoch's routine challenges that have no verdict yet, provider by provider.
pub fn routine(market: &Market) -> BTreeMap<Did, Vec<SlotChallenge>> {
    let mut planned_of: Vec<(Did, SlotChallenge, u32)> = Vec::new();
    for contract in market.open_contracts() {
        let Some(planned) = planned(market, contract) else { continue };
        for (number, slot) in (0u16..).zip(&contract.slots) {
            let least = least(contract, slot);
            if is_due(market, contract, slot) && planned.max(least) > 0 {
                let challenge = challenge(contract, number, slot, planned);
                planned_of.push((slot.provider(), challenge, least));
            }
        }
    }
    // What is known of providers lies in the order of their names: looked at in that order, it is found near what was found before.
    planned_of.sort_by_key(|(provider, ..)| *provider);
    let of_each = planned_of.chunk_by(|(one, ..), (next, ..)| one == next).map(|slots| {
        let provider = slots[0].0;
        let suspicion = market.suspicion(&provider);
        let raised = |(_, planned, least): &(Did, SlotChallenge, u32)| {
            let count = audit_plan::under_suspicion(planned.count, suspicion).max(*least);
            SlotChallenge { count, ..*planned }
        };
        (provider, slots.iter().map(raised).collect())
    });
    of_each.collect()
}

/// How many chunks of a slot are asked for at least. One that did not answer is asked in every epoch, so that it can show that it
/// is back; one that leaves shows first that it leaves everything behind.
fn least(contract: &Contract, slot: &Slot) -> u32 {
    let leaves = slot.leaving.is_some() && contract.state == ContractState::Active;
    if leaves { INTENSIFIED } else { u32::from(slot.state == SlotState::AtFault) }
}

/// How many chunks of each slot of `contract` the open epoch asks for, before anything raises it: the plan's number while
/// its term lasts; once it is over, what shows that every slot has kept its bytes to the end.
fn planned(market: &Market, contract: &Contract) -> Option<u32> {
    let (now, first) = (market.epoch(), contract.first_epoch?);
    let plan = &contract.audit;
    match contract.state {
        ContractState::Active if now >= first && !contract.is_over(now) => {
            Some(audit_plan::challenges_in_epoch(plan, contract.epoch, now.since(first)))
        }
        ContractState::Completed if contract.is_over(now) => {
            Some(audit_plan::at_the_end(plan, contract.epoch))
        }
        _ => None,
    }
}

/// Whether routine audits ask a provider anything, in this epoch or another: its verdicts say then whether it answers.
pub fn is_audited(market: &Market, provider: &Did) -> bool {
    market.holdings(provider).filter_map(|id| market.slot(id)).any(|(contract, slot)| {
        let runs = match contract.state {
            ContractState::Active => true,
            ContractState::Completed => contract.is_audited_in(market.epoch(), slot),
            _ => false,
        };
        runs && can_be_asked(slot) && slot.size.shards > 0
    })
}

/// The providers whose ask stands at `now` and whom no audit asks: they are asked whether they are there, each once an
/// epoch, however many they are.
pub fn unaudited(market: &Market, now: Timestamp) -> Vec<Did> {
    let offers = market.offers().iter().filter(|(_, offer)| offer.stands(now));
    let asked = |did: &&Did| !market.is_banned(did) && !is_audited(market, did);
    offers.map(|(did, _)| did).filter(asked).copied().collect()
}

fn is_due(market: &Market, contract: &Contract, slot: &Slot) -> bool {
    can_be_asked(slot)
        && contract.is_audited_in(market.epoch(), slot)
        && slot.size.shards > 0
        && slot.audited.is_none_or(|epoch| epoch < market.epoch())
}

/// Whether a slot's provider has to prove anything in routine audits.
fn can_be_asked(slot: &Slot) -> bool {
    let silent = slot.fault.is_some_and(|fault| fault.cause == Cause::Unreachable);
    slot.state == SlotState::Filled || (slot.is_unjudged() && silent)
}

/// The intensified audit of a slot, if it still holds anything.
pub fn intensified(market: &Market, id: SlotId) -> Option<SlotChallenge> {
    let (contract, slot) = market.slot(id)?;
    (slot.size.shards > 0).then(|| challenge(contract, id.slot, slot, INTENSIFIED))
}

const fn challenge(contract: &Contract, number: u16, slot: &Slot, count: u32) -> SlotChallenge {
    SlotChallenge { contract: contract.id, slot: number, size: slot.size, count }
}

/// The slots that a rebuild may read from, those that are paid for it first.
pub fn sources(market: &Market, id: SlotId) -> Vec<(u16, Did)> {
    let slots = market.contract(&id.contract).map(|c| c.slots.as_slice()).unwrap_or_default();
    let holds =
        |(number, slot): &(u16, &Slot)| *number != id.slot && slot.state == SlotState::Filled;
    (0u16..).zip(slots).filter(holds).map(|(number, slot)| (number, slot.provider())).collect()
}
