//! What an escrow on Bitcoin comes to, once nothing can change it any more.

use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::Contract;
use types::terms::RailKind;
use types::{Did, Msat};

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

    /// What `party` can lock on the contract's rail: what is on a chain the market does not know, and lets its owner say.
    pub(crate) fn can_lock(&self, rail: RailKind, party: Did) -> Msat {
        match rail {
            RailKind::Ledger => self.available(party),
            RailKind::Bitcoin => Msat(i64::MAX),
        }
    }
}
