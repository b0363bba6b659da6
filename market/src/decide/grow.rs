//! Contracts that get more room.

use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::{Contract, ContractState};
use types::documents::Growth;
use types::{Timestamp, Verified};

impl Market {
    pub(crate) fn grow(
        &self,
        now: Timestamp,
        growth: &Verified<Growth>,
    ) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&growth.contract)?;
        only("growth", growth.client, contract.client)?;
        Self::changes_no_escrow(contract, "contract")?;
        let (found, latest) = (growth.capacity, contract.terms.capacity);
        if found == latest && found > contract.agreed.capacity {
            return Ok(Vec::new());
        }
        if found <= latest {
            let (found, latest) = (found.0, latest.0);
            return Err(Rejection::Superseded { what: "growth to", found, latest });
        }
        self.all_settled_in(contract)?;
        let amendment = self.amendment(now, contract, growth.capacity, contract.epochs)?;
        let postings = self.amendment_postings(contract, &amendment)?;
        Ok(vec![Event::ContractGrown {
            contract: contract.id,
            holders: contract.holders(),
            document: growth.id(),
            amendment: Box::new(amendment),
            postings,
        }])
    }

    /// More room helps only where every slot has somebody who gives it.
    fn all_settled_in(&self, contract: &Contract) -> Result<(), Rejection> {
        if contract.state != ContractState::Active {
            return Ok(());
        }
        let id = |slot| SlotId { contract: contract.id, slot };
        let unsettled = (0u16..).zip(&contract.slots).find(|(n, _)| !self.is_settled_in(id(*n)));
        unsettled.map_or(Ok(()), |(number, slot)| {
            let allowed = "wait until it is rebuilt by a provider that stays, then grow";
            Err(wrong_state(format!("slot {number}"), slot.state.name(), allowed))
        })
    }
}
