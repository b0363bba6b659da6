//! What an escrow on Bitcoin comes to, once nothing can change it any more.

use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::Contract;
use types::Did;
use types::terms::RailKind;

impl Market {
    /// The providers of `contract` whose escrows are over and whose outcomes are not said yet, though no penalty of theirs can be
    /// disputed any more.
    pub(crate) fn to_conclude(&self, contract: &Contract) -> Vec<(SlotId, Did)> {
        if contract.terms.rail != RailKind::Bitcoin {
            return Vec::new();
        }
        let open = self.escrows.of(contract.id).filter(|(slot, provider, escrow)| {
            let contested = || self.docket.contested(*slot).iter().any(|c| c.provider == *provider);
            escrow.over && escrow.outcome.is_none() && !contested()
        });
        open.map(|(slot, provider, _)| (slot, provider)).collect()
    }

    /// Says the outcome of an escrow: the highest that gives its provider no more than the books have.
    pub(crate) fn conclude(&self, id: SlotId, provider: Did) -> Result<Vec<Event>, Rejection> {
        let (contract, _) = self.known_slot(id)?;
        if !self.to_conclude(contract).contains(&(id, provider)) {
            return Ok(Vec::new());
        }
        let Some(escrow) = self.escrows.get(id, provider) else { return Ok(Vec::new()) };
        let price = |error: types::PriceError| Rejection::Pricing(error.to_string());
        let stake = escrow.stake(&contract.terms).map_err(price)?;
        let paid = escrow.paid;
        let outcome = stake.outcome(paid)?;
        Ok(vec![Event::EscrowConcluded { slot: id, provider, paid, outcome }])
    }
}
