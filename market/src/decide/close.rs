//! How contracts end: completion, settlement, failure.

use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use crate::tally::tally;
use contracts::payout::Accrual;
use contracts::rail::rail;
use contracts::{Account, Contract, ContractState, ContractStep, Posting};
use types::ContractId;
use types::documents::Settlement;

impl Market {
    pub(crate) fn complete(&self, id: ContractId) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&id)?;
        let over = contract.end().is_some_and(|end| self.epoch >= end);
        let completes = contract.state.after(ContractStep::Complete).is_some();
        Ok(if over && completes {
            vec![Event::ContractCompleted { contract: id }]
        } else {
            Vec::new()
        })
    }

    /// Whether a contract's money is due: one epoch after its end, for vouchers that come late, or once it has failed.
    pub(crate) fn is_settleable(&self, contract: &Contract) -> bool {
        let graced = contract.end().is_some_and(|end| self.epoch > end);
        contract.state == ContractState::Failed
            || (contract.state == ContractState::Completed && graced)
    }

    pub(crate) fn settle(&self, id: ContractId) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&id)?;
        if !self.is_settleable(contract) || contract.state.after(ContractStep::Settle).is_none() {
            return Ok(Vec::new());
        }
        let (accruals, postings) = self.final_postings(contract)?;
        let mut shares = contract.shares.clone();
        tally(&mut shares, contract, &postings)?;
        let settlement = Settlement {
            market: self.genesis.market,
            contract: id,
            shares: shares.into_values().collect(),
            fees: contract.cost.fees()?,
            to_pool: self.pooled(&id),
        };
        Ok(vec![Event::ContractSettled { settlement, accruals, postings }])
    }

    /// Everyone's due: earnings and bonds to the providers, the rest of the escrow to the client.
    fn final_postings(
        &self,
        contract: &Contract,
    ) -> Result<(Vec<Accrual>, Vec<Posting>), Rejection> {
        let rail = rail(contract.terms.rail);
        let mut left = self.ledger.balance(Account::Escrow(contract.id));
        let mut accruals = Vec::with_capacity(contract.slots.len());
        let mut postings = Vec::new();
        for (number, slot) in (0u16..).zip(&contract.slots) {
            let (accrual, amount) =
                self.close_accrual(SlotId { contract: contract.id, slot: number })?;
            let bond = self.ledger.balance(Account::Bond(contract.id, number));
            postings.extend(rail.pay(contract.id, slot.provider(), amount));
            postings.extend(rail.release_bond(contract.id, number, slot.provider(), bond));
            left = left.sub(amount)?;
            accruals.push(accrual);
        }
        postings.extend(rail.refund(contract.id, contract.client, left));
        Ok((accruals, self.posted(postings)?))
    }
}
