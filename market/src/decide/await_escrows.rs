//! Extensions of contracts on Bitcoin. Their money is in outputs, which hold what they were funded with; so an extension is agreed first,
//! client and providers have the money go on in larger ones, and it is in force once all providers see those.

use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::{Contract, ContractState, SlotState};
use types::documents::{Extension, Sighting};
use types::{Timestamp, Verified};

/// How many outputs are agreed for one provider's time in a slot, with the first: each is announced and attested, also where it never comes
/// to be.
pub(crate) const OUTPUTS_MAX: usize = 32;

impl Market {
    /// Agrees on an extension of a contract on Bitcoin; one to as many epochs as there are ends the waiting for another.
    pub(super) fn extend_later(
        &self,
        now: Timestamp,
        contract: &Contract,
        extension: &Verified<Extension>,
    ) -> Result<Vec<Event>, Rejection> {
        let (id, holders, document) = (contract.id, contract.holders(), extension.id());
        let awaited = self.escrows.awaited(id);
        if awaited.is_some_and(|awaited| awaited.document == document) {
            return Ok(Vec::new());
        }
        let (number, latest) = (extension.number, self.escrows.latest(id));
        if number <= latest {
            let what = "extension number";
            return Err(Rejection::Superseded { what, found: number, latest });
        }
        if extension.automatic {
            let reason = "escrows on Bitcoin go on by their parties' signatures; extend the contract by hand";
            return Err(Rejection::Invalid { field: "automatic", reason: reason.into() });
        }
        let (amendment, postings) = self.longer(now, contract, extension.epochs)?;
        let amendment = Box::new(amendment);
        if extension.epochs == contract.epochs {
            let (contract, automatic) = (id, false);
            return Ok(vec![Event::ContractExtended {
                contract,
                holders,
                document,
                number,
                automatic,
                amendment,
                postings,
            }]);
        }
        self.may_await(contract)?;
        Ok(vec![Event::ExtensionAgreed { contract: id, holders, document, number, amendment }])
    }

    /// Whether new outputs may be agreed for a contract now.
    fn may_await(&self, contract: &Contract) -> Result<(), Rejection> {
        let invalid = |reason| Err(Rejection::Invalid { field: "contract", reason });
        if let Some(awaited) = self.escrows.awaited(contract.id) {
            let (number, epochs) = (awaited.number, awaited.amendment.epochs);
            return invalid(format!(
                "its extension {number} to {epochs} epochs waits for its escrows; extend it to the {} epochs that it has to end that, then again",
                contract.epochs
            ));
        }
        let mut slots = (0u16..).zip(&contract.slots);
        let unsound = slots.find(|(_, s)| s.state != SlotState::Filled || s.leaving.is_some());
        if let Some((slot, s)) = unsound {
            let state = if s.leaving.is_some() { "leaving" } else { s.state.name() };
            let allowed = "a contract on Bitcoin is extended while all of its slots are filled";
            return Err(wrong_state(format!("slot {slot}"), state, allowed));
        }
        if self.escrows.outputs(contract.id) >= OUTPUTS_MAX {
            return invalid(format!(
                "its escrows were agreed {OUTPUTS_MAX} times; make another contract for more"
            ));
        }
        Ok(())
    }

    /// A provider sees its escrow of an extension; after the last of them the extension is in force.
    pub(crate) fn sight(&self, sighting: &Verified<Sighting>) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: sighting.contract, slot: sighting.slot };
        let (contract, slot) = self.known_slot(id)?;
        only("sighting", sighting.provider, slot.provider())?;
        let extension = sighting.extension;
        let escrow = self.escrows.get(id, slot.provider());
        if extension > 0 && escrow.is_some_and(|escrow| escrow.in_force == extension) {
            return Ok(Vec::new());
        }
        let awaited = self.escrows.awaited(id.contract).filter(|known| known.number == extension);
        let Some(awaited) = awaited else {
            let reason =
                format!("extension {extension} of contract {} is not awaited", id.contract);
            let right = "sight the one that is, where there is one";
            return Err(Rejection::Invalid {
                field: "extension",
                reason: format!("{reason}; {right}"),
            });
        };
        if awaited.sighted.contains(&id.slot) {
            return Ok(Vec::new());
        }
        if contract.state != ContractState::Active
            || contract.end().is_none_or(|end| self.epoch >= end)
        {
            let allowed = "an extension comes into force before the contract's end";
            return Err(wrong_state(
                format!("contract {}", id.contract),
                contract.state.name(),
                allowed,
            ));
        }
        let (provider, document) = (slot.provider(), sighting.id());
        let mut events = vec![Event::ExtensionSighted { slot: id, provider, document, extension }];
        if awaited.sighted.len().saturating_add(1) == contract.slots.len() {
            events.push(Event::ContractExtended {
                contract: id.contract,
                holders: contract.holders(),
                document: awaited.document,
                number: extension,
                automatic: false,
                postings: self.amendment_postings(contract, &awaited.amendment)?,
                amendment: Box::new(awaited.amendment.clone()),
            });
        }
        Ok(events)
    }
}
