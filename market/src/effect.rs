//! What an event asks of the outside world. The server performs it and answers with another command.

use crate::event::{Event, SlotId};
use crate::state::Market;
use contracts::{Cause, ContractState, SlotState};
use serde::{Deserialize, Serialize};
use types::Did;

/// Something to do outside. Safe to repeat: [`Effect::is_wanted`] says whether it still matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Ask the slot's provider to confirm it.
    Reserve(SlotId, Did),
    /// Estimate the slot's lost fraction by an intensified audit.
    Intensify(SlotId, Did),
    /// Have the slot's provider rebuild it from the others.
    Rebuild(SlotId, Did),
    /// Tell a provider that a slot of its has more room.
    Enlarge(SlotId, Did),
    /// Tell a provider that it may forget a slot.
    Release(SlotId, Did),
}

impl Effect {
    /// Whom it concerns.
    pub const fn provider(&self) -> Did {
        match self {
            Self::Reserve(_, did)
            | Self::Intensify(_, did)
            | Self::Rebuild(_, did)
            | Self::Enlarge(_, did)
            | Self::Release(_, did) => *did,
        }
    }

    /// Which slot it concerns.
    pub const fn slot(&self) -> SlotId {
        match self {
            Self::Reserve(id, _)
            | Self::Intensify(id, _)
            | Self::Rebuild(id, _)
            | Self::Enlarge(id, _)
            | Self::Release(id, _) => *id,
        }
    }

    /// Whether it still has to be done, as the market stands now.
    pub fn is_wanted(&self, market: &Market) -> bool {
        let Some((contract, slot)) = market.slot(self.slot()) else { return false };
        let holds = slot.provider() == self.provider() && contract.state.is_open();
        let lasts = matches!(contract.state, ContractState::Agreed | ContractState::Active);
        match self {
            Self::Reserve(..) => {
                holds
                    && lasts
                    && !slot.confirmed
                    && matches!(slot.state, SlotState::Reserved | SlotState::Repairing)
            }
            Self::Intensify(..) => {
                let lost =
                    slot.fault.is_some_and(|f| f.cause == Cause::Lost && f.penalised_ppm.is_none());
                holds && slot.state == SlotState::AtFault && lost
            }
            Self::Rebuild(..) => {
                let made_good = slot.fault.is_some_and(|f| f.penalised_ppm.is_some());
                let ready = slot.confirmed && (slot.state == SlotState::Repairing);
                holds && lasts && (ready || slot.state == SlotState::AtFault && made_good)
            }
            Self::Enlarge(..) => holds && lasts,
            Self::Release(..) => {
                let gone = matches!(slot.state, SlotState::Vacated | SlotState::Closed);
                gone || slot.provider() != self.provider()
            }
        }
    }
}

/// What `event` asks for, judged on the state after it.
pub fn effects(market: &Market, event: &Event) -> Vec<Effect> {
    let provider = |id: SlotId| market.slot(id).map(|(_, slot)| slot.provider());
    let for_slot = |id: SlotId, make: fn(SlotId, Did) -> Effect| {
        provider(id).map(|did| make(id, did)).into_iter().collect::<Vec<_>>()
    };
    match event {
        Event::ContractAgreed { contract, .. } => (0u16..)
            .zip(&contract.slots)
            .map(|(slot, s)| Effect::Reserve(SlotId { contract: contract.id, slot }, s.provider()))
            .collect(),
        Event::SlotReassigned { slot, .. } | Event::RepairOrdered { slot, .. } => {
            for_slot(*slot, Effect::Reserve)
        }
        Event::SlotConfirmed { slot, .. } => {
            let repairing =
                market.slot(*slot).is_some_and(|(_, s)| s.state == SlotState::Repairing);
            if repairing { for_slot(*slot, Effect::Rebuild) } else { Vec::new() }
        }
        Event::SlotFaulted { slot, fault, .. } if fault.cause == Cause::Lost => {
            for_slot(*slot, Effect::Intensify)
        }
        Event::Penalised { slot, .. } => {
            let effect = for_slot(*slot, Effect::Rebuild);
            effect.into_iter().filter(|e| e.is_wanted(market)).collect()
        }
        Event::SlotVacated { slot, provider, .. } => vec![Effect::Release(*slot, *provider)],
        Event::ContractSettled { settlement, .. } => {
            each_slot(market, settlement.contract, Effect::Release)
        }
        Event::ContractExpired { contract, .. } | Event::ContractCancelled { contract, .. } => {
            each_slot(market, *contract, Effect::Release)
        }
        Event::ContractGrown { contract, .. } => each_slot(market, *contract, Effect::Enlarge),
        _ => Vec::new(),
    }
}

fn each_slot(
    market: &Market,
    id: types::ContractId,
    make: fn(SlotId, Did) -> Effect,
) -> Vec<Effect> {
    let slots = market.contract(&id).map(|c| c.slots.as_slice()).unwrap_or_default();
    (0u16..).zip(slots).map(|(slot, s)| make(SlotId { contract: id, slot }, s.provider())).collect()
}
