//! Bonds that are made whole again.

use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::rail::rail;
use contracts::{Account, ContractState};
use types::documents::TopUp;
use types::{Msat, Verified};

impl Market {
    pub(crate) fn top_up(&self, top_up: &Verified<TopUp>) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: top_up.contract, slot: top_up.slot };
        let (contract, slot) = self.known_slot(id)?;
        only("top-up", top_up.provider, slot.provider())?;
        Self::changes_no_escrow(contract, "bond")?;
        if contract.state != ContractState::Active || !slot.confirmed {
            let allowed = "a bond is topped up while its contract is active and it is locked";
            return Err(wrong_state(format!("slot {}", id.slot), slot.state.name(), allowed));
        }
        if top_up.slashed != slot.slashed {
            let (found, lost) = (top_up.slashed, slot.slashed);
            let reason = format!(
                "it answers for {found} lost and the bond has lost {lost}; sign one that says {lost}"
            );
            return Err(Rejection::Invalid { field: "slashed", reason });
        }
        let most = slot.quoted.bond;
        if top_up.bond > most {
            let reason = format!(
                "{} are more than the {most} that were quoted; give at most that",
                top_up.bond
            );
            return Err(Rejection::Invalid { field: "bond", reason });
        }
        let amount = top_up.bond.sub(self.ledger.balance(Account::Bond(id.contract, id.slot)))?;
        if amount <= Msat::ZERO {
            return Ok(Vec::new());
        }
        let lock =
            rail(contract.terms.rail).lock_bond(id.contract, id.slot, slot.provider(), amount);
        let postings = self.posted(lock)?;
        let (provider, document) = (slot.provider(), top_up.id());
        Ok(vec![Event::BondToppedUp { slot: id, provider, document, amount, postings }])
    }
}
