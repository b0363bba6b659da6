//! How contracts end: completion, settlement, failure.
//!
//! A client whose data is gone is made whole, up to what it paid and has not had: from the escrow that
//! nobody earned, then from the bonds of the slots that are at fault, then from what the contract's own
//! penalties have left in the repair pool. Where it was compensated for more before, that goes back to the pool.
//!
//! A term is over for a slot when it has shown its bytes after it. So faults run their course first, as they do before
//! the end: whoever answers within the repair time is sound again, and whoever does not loses its bond.

use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use crate::tally::tally;
use contracts::payout::Accrual;
use contracts::penalty::{self, Loss};
use contracts::rail::rail;
use contracts::{Account, Contract, ContractState, ContractStep, Fault, Posting, Slot};
use types::documents::Settlement;
use types::terms::RailKind;
use types::{ContractId, Msat};

/// What a slot at fault has lost where nobody has measured it: as little as can be.
const LEAST_PPM: u32 = 1;

impl Market {
    pub(crate) fn complete(&self, id: ContractId) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&id)?;
        let over = contract.end().is_some_and(|end| self.epoch >= end);
        let completes = contract.state.after(ContractStep::Complete).is_some();
        Ok(if over && completes {
            vec![Event::ContractCompleted { contract: id, holders: contract.holders() }]
        } else {
            Vec::new()
        })
    }

    /// Whether a contract's money is due: one epoch after its end, for vouchers that come late, or once it has failed;
    /// and not before its faults are judged and its penalties final, since a settlement is.
    pub(crate) fn is_settleable(&self, contract: &Contract) -> bool {
        if self.docket.contested_of(contract.id).next().is_some() {
            return false;
        }
        let graced = contract.end().is_some_and(|end| self.epoch > end);
        let judged = !contract.slots.iter().any(Slot::is_unjudged);
        contract.state == ContractState::Failed
            || (contract.state == ContractState::Completed && graced && judged)
    }

    pub(crate) fn settle(&self, id: ContractId) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&id)?;
        if !self.is_settleable(contract) || contract.state.after(ContractStep::Settle).is_none() {
            return Ok(Vec::new());
        }
        let (accruals, mut postings, refund) = self.final_postings(contract)?;
        let mut events = Vec::new();
        let mut pooled = self.pooled(&id);
        if contract.state == ContractState::Failed {
            let mut lost = lost(contract, refund)?;
            events = self.at_fault_pay(contract, lost)?;
            for event in &events {
                let Event::Penalised { to_client, to_pool, .. } = event else { continue };
                lost = lost.sub(*to_client)?;
                pooled = pooled.add(*to_pool)?;
            }
            let (from_pool, too_much) = match contract.terms.rail {
                RailKind::Ledger => {
                    (lost.min(pooled), Msat::ZERO.sub(lost)?.min(compensated(contract)?))
                }
                // What an escrow on Bitcoin pays, by its outcome, nobody adds to or takes back.
                RailKind::Bitcoin => (Msat::ZERO, Msat::ZERO),
            };
            let (from_pool, too_much) = (from_pool.max(Msat::ZERO), too_much.max(Msat::ZERO));
            pooled = pooled.sub(from_pool)?.add(too_much)?;
            let (rail, client) = (rail(contract.terms.rail), contract.client);
            postings.extend(rail.pay_from_pool(Account::Available(client), from_pool));
            postings.extend(rail.give_back(client, too_much));
        }
        if contract.state == ContractState::Completed {
            postings.extend(self.paid_back(contract, &accruals)?);
        }
        let slashed = events.iter().flat_map(Event::postings).copied().collect::<Vec<_>>();
        let taken: Vec<Posting> = slashed.iter().chain(&postings).copied().collect();
        postings.extend(self.bonds_back(contract, &taken)?);
        self.posted(slashed.iter().chain(&postings).copied().collect())?;
        let mut shares = contract.shares.clone();
        tally(&mut shares, contract, &slashed)?;
        tally(&mut shares, contract, &postings)?;
        let settlement = Settlement {
            market: self.genesis.market,
            contract: id,
            shares: shares.into_values().collect(),
            fees: contract.cost.fees()?,
            to_pool: pooled,
        };
        let holders = contract.holders();
        events.push(Event::ContractSettled { settlement, holders, accruals, postings });
        Ok(events)
    }

    /// The slots whose fault nobody has judged pay for the least that it can be; the client has up to `lost` of it.
    fn at_fault_pay(&self, contract: &Contract, lost: Msat) -> Result<Vec<Event>, Rejection> {
        let mut left = lost.min(uncompensated(contract)?).max(Msat::ZERO);
        let mut events = Vec::new();
        for (number, slot) in (0u16..).zip(&contract.slots) {
            let Some(fault) = slot.fault.filter(|_| slot.is_unjudged()) else { continue };
            let id = SlotId { contract: contract.id, slot: number };
            let bond = self.ledger.balance(Account::Bond(contract.id, number));
            let epochs_at_fault = self.epoch.since(fault.since);
            let loss = Loss { fraction_ppm: LEAST_PPM, epochs_at_fault, confessed: false };
            let slashed = penalty::assess(&contract.terms.penalties, &loss, bond)?.amount;
            let to_client = slashed.min(left);
            let to_pool = slashed.sub(to_client)?;
            left = left.sub(to_client)?;
            let rail = rail(contract.terms.rail);
            let postings = rail.slash((contract.id, number), (contract.client, to_client), to_pool);
            let fault = Fault { penalised_ppm: Some(LEAST_PPM), ..fault };
            let provider = slot.provider();
            events.push(Event::Penalised {
                slot: id,
                provider,
                fault,
                slashed,
                to_client,
                to_pool,
                // A settlement is final, and so is what it takes.
                contested: None,
                postings,
            });
        }
        Ok(events)
    }

    /// Everyone's earnings, with the rest of the escrow for the client: what that comes to is last.
    fn final_postings(
        &self,
        contract: &Contract,
    ) -> Result<(Vec<Accrual>, Vec<Posting>, Msat), Rejection> {
        let rail = rail(contract.terms.rail);
        let mut left = self.ledger.balance(Account::Escrow(contract.id));
        let mut accruals = Vec::with_capacity(contract.slots.len());
        let mut postings = Vec::new();
        for (number, slot) in (0u16..).zip(&contract.slots) {
            let (accrual, amount) =
                self.close_accrual(SlotId { contract: contract.id, slot: number })?;
            postings.extend(rail.pay(contract.id, slot.provider(), amount));
            left = left.sub(amount)?;
            accruals.push(accrual);
        }
        postings.extend(rail.refund(contract.id, contract.client, left));
        Ok((accruals, postings, left))
    }

    /// What slots were paid before it was known that they had not earned it: their bonds give it back to the client.
    fn paid_back(
        &self,
        contract: &Contract,
        accruals: &[Accrual],
    ) -> Result<Vec<Posting>, Rejection> {
        let rail = rail(contract.terms.rail);
        let mut left = uncompensated(contract)?;
        let mut postings = Vec::new();
        for (number, (slot, accrual)) in (0u16..).zip(contract.slots.iter().zip(accruals)) {
            let too_much = accrual.posted.sub(slot.earned(accrual)?)?.max(Msat::ZERO);
            let bond = self.ledger.balance(Account::Bond(contract.id, number));
            let back = too_much.min(bond).min(left);
            left = left.sub(back)?;
            let bond = (contract.id, number);
            postings.extend(rail.slash(bond, (contract.client, back), Msat::ZERO));
        }
        Ok(postings)
    }

    /// What is left of each bond once `taken` is posted.
    fn bonds_back(
        &self,
        contract: &Contract,
        taken: &[Posting],
    ) -> Result<Vec<Posting>, Rejection> {
        let rail = rail(contract.terms.rail);
        let mut postings = Vec::new();
        for (number, slot) in (0u16..).zip(&contract.slots) {
            let account = Account::Bond(contract.id, number);
            let lost = taken.iter().filter(|p| p.debit == account).map(|p| p.amount);
            let bond = self.ledger.balance(account).sub(Msat::sum(lost)?)?;
            postings.extend(rail.release_bond(contract.id, number, slot.provider(), bond));
        }
        Ok(postings)
    }
}

/// What bonds have paid to a contract's client.
fn compensated(contract: &Contract) -> Result<Msat, Rejection> {
    Ok(Msat::sum(contract.slots.iter().map(|slot| slot.compensated))?)
}

/// What a client has paid for keeping and not been compensated for.
fn uncompensated(contract: &Contract) -> Result<Msat, Rejection> {
    let compensated = compensated(contract)?;
    let paid = contract.cost.storage.add(contract.cost.premium)?;
    Ok(paid.sub(compensated)?.max(Msat::ZERO))
}

/// What a client has paid and not had: neither as `refund` nor as reads nor as compensation. Below zero where it had
/// more than it paid.
fn lost(contract: &Contract, refund: Msat) -> Result<Msat, Rejection> {
    let had = Msat::sum([refund, contract.egress_spent, compensated(contract)?])?;
    Ok(contract.cost.escrow()?.sub(had)?)
}
