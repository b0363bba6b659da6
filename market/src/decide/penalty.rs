//! What a broken promise costs: the slash, who gets it, and whether the slot or the contract is lost.

use super::WHOLE_PPM;
use super::rebuild::sources;
use crate::docket::Contested;
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::penalty::{self, Loss};
use contracts::rail::rail;
use contracts::{Account, Cause, Contract, ContractStep, Fault, Slot, SlotState};
use types::{Bytes, DocId, MoneyError, Msat};

impl Market {
    /// The slot's provider pays for the lost `fraction`: penalty, and a new provider where it is too much.
    pub(crate) fn penalise(
        &self,
        id: SlotId,
        fault: Fault,
        fraction_ppm: u32,
    ) -> Result<Vec<Event>, Rejection> {
        let grounds = self.docket.grounds(fault.evidence, id);
        self.penalise_for(id, fault, (fraction_ppm, grounds))
    }

    /// As [`Market::penalise`], for a loss that rests on the verdicts `grounds`: while they can be disputed, what is the
    /// client's waits.
    pub(crate) fn penalise_for(
        &self,
        id: SlotId,
        fault: Fault,
        (fraction_ppm, grounds): (u32, Vec<DocId>),
    ) -> Result<Vec<Event>, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let bond = self.ledger.balance(Account::Bond(id.contract, id.slot));
        let confessed = fault.cause == Cause::Confessed;
        let loss = Loss { fraction_ppm, epochs_at_fault: self.epoch.since(fault.since), confessed };
        let slash = penalty::assess(&contract.terms.penalties, &loss, bond)?;
        let repair_cost = repair_cost(contract, slot, fraction_ppm)?;
        let paid_for = paid_for(contract, slot)?;
        let parts = penalty::distribute(slash.amount, repair_cost, paid_for)?;
        let rail = rail(contract.terms.rail);
        let bond_id = (id.contract, id.slot);
        let contested = (!grounds.is_empty()).then(|| Contested {
            provider: slot.provider(),
            verdicts: grounds,
            until: self.epoch.plus(self.genesis.dispute_epochs),
            to_client: parts.to_client,
            to_pool: parts.to_pool,
            stays: penalty::stays(fault.cause, repair_cost, slash.amount),
        });
        let postings = if contested.is_some() {
            rail.contest(bond_id, parts.to_client, parts.to_pool)
        } else {
            rail.slash(bond_id, (contract.client, parts.to_client), parts.to_pool)
        };
        let fault = Fault { penalised_ppm: Some(fraction_ppm), ..fault };
        let mut events = vec![Event::Penalised {
            slot: id,
            provider: slot.provider(),
            fault,
            slashed: slash.amount,
            to_client: parts.to_client,
            to_pool: parts.to_pool,
            contested,
            postings,
        }];
        if slash.replace || fraction_ppm == WHOLE_PPM {
            let mut after = self.slot_books(id);
            for event in &events {
                after.post_all(event.postings())?;
            }
            events.push(self.vacate_from(id, &after)?);
            events.extend(failure(contract, id.slot));
        }
        Ok(events)
    }
}

/// What rebuilding `fraction_ppm` of a slot costs: reads from k others, and taking the bytes in.
pub(super) fn repair_cost(
    contract: &Contract,
    slot: &Slot,
    fraction_ppm: u32,
) -> Result<Msat, Rejection> {
    let lost = u128::from(slot.size.bytes) * u128::from(fraction_ppm);
    let lost =
        Bytes(u64::try_from(lost.div_ceil(u128::from(WHOLE_PPM))).unwrap_or(slot.size.bytes));
    let sources = sources(contract, slot.provider());
    let mut cost =
        slot.quoted.ingress.charge(lost).map_err(|e| Rejection::Pricing(e.to_string()))?;
    for source in sources {
        let read =
            source.quoted.egress.charge(lost).map_err(|e| Rejection::Pricing(e.to_string()))?;
        cost = cost.add(read)?;
    }
    Ok(cost)
}

/// The contract fails when fewer than k slots would hold data without slot `lost`.
fn failure(contract: &Contract, lost: u16) -> Option<Event> {
    let holds = |slot: &Slot| matches!(slot.state, SlotState::Filled | SlotState::AtFault);
    let gone: Vec<u16> = (0u16..)
        .zip(&contract.slots)
        .filter(|(number, slot)| *number == lost || !holds(slot))
        .map(|(number, _)| number)
        .collect();
    let failed = gone.len() > usize::from(contract.terms.redundancy.parity);
    let fails = failed && contract.state.after(ContractStep::Fail).is_some();
    let (contract, holders) = (contract.id, contract.holders());
    fails.then_some(Event::ContractFailed { contract, holders, lost: gone })
}

/// What the client has paid for keeping `slot` and not been compensated for yet, by whichever of its providers.
pub(super) fn paid_for(contract: &Contract, slot: &Slot) -> Result<Msat, MoneyError> {
    let slots = Msat::sum(contract.slots.iter().map(|s| s.compensated))?;
    let all = contract.cost.storage.add(contract.cost.premium)?.sub(slots)?;
    let own = slot.quoted.cost.keeping()?.sub(slot.compensated)?;
    Ok(own.min(all).max(Msat::ZERO))
}
