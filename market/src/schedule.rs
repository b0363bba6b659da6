//! What is to be asked of providers: routine challenges of an epoch, intensified audits, sources of a rebuild.

use crate::event::SlotId;
use crate::state::Market;
use contracts::{Cause, Contract, ContractState, Slot, SlotState, audit_plan};
use std::collections::BTreeMap;
use types::Did;
use types::documents::SlotChallenge;

/// How many chunks an intensified audit asks for.
pub const INTENSIFIED: u32 = 256;

/// The open epoch's routine challenges that have no verdict yet, provider by provider.
pub fn routine(market: &Market) -> BTreeMap<Did, Vec<SlotChallenge>> {
    let mut challenges: BTreeMap<Did, Vec<SlotChallenge>> = BTreeMap::new();
    for contract in market.open_contracts().filter(|c| c.state == ContractState::Active) {
        let Some(first) = contract.first_epoch else { continue };
        let now = market.epoch();
        if now < first || contract.end().is_some_and(|end| now >= end) {
            continue;
        }
        let count =
            audit_plan::challenges_in_epoch(&contract.audit, contract.epoch, now.since(first));
        for (number, slot) in (0u16..).zip(&contract.slots) {
            let count = audit_plan::under_suspicion(count, market.suspicion(&slot.provider()));
            // A slot that did not answer is asked in every epoch, so that it can show that it is back.
            let count = if slot.state == SlotState::AtFault { count.max(1) } else { count };
            // One that leaves shows first that it leaves everything behind.
            let count = if slot.leaving.is_some() { count.max(INTENSIFIED) } else { count };
            if count > 0 && is_audited(market, slot) {
                let challenge = challenge(contract, number, slot, count);
                challenges.entry(slot.provider()).or_default().push(challenge);
            }
        }
    }
    challenges
}

fn is_audited(market: &Market, slot: &Slot) -> bool {
    let silent =
        slot.fault.is_some_and(|f| f.cause == Cause::Unreachable && f.penalised_ppm.is_none());
    let asked = slot.state == SlotState::Filled || (slot.state == SlotState::AtFault && silent);
    asked && slot.size.shards > 0 && slot.audited.is_none_or(|epoch| epoch < market.epoch())
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
